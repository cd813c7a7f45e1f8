// SPDX-License-Identifier: MIT
//
// Object: what an open file description stands for: a pipe, a socket, a counter, an epoll.
//
//     fd ──> Description ──> [ Object ] ──> WaitQueue ──> whoever waits
//
// It is the kernel's `struct inode` and `file_operations` in one: the calls that a descriptor
// understands, each with the answer that Linux gives for a kind of file that does not understand
// it. A new kind is a class that derives from this and overrides what it can do.
//
// What every kind keeps to:
// * All state is under `lock()`, and so are its wait queues. Objects that belong together (the two
//   ends of a connection) share one lock, which they are constructed with.
// * While it holds that lock, it may wake, and it may lock its clocks and its epolls' lists; it
//   never calls another object, a description or a process.
// * `poll` enters its queues in the table, under the lock, and then says what is true.
// * Whoever blocks does so in `sleep_until` (sleep.hpp), with the lock released.
//
// Ownership: counted; its descriptions refer to it, and so does whatever it is connected to.
// Thread rule: as the policy.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "tocsin/base/bytes.hpp"
#include "tocsin/base/result.hpp"
#include "tocsin/kern/count.hpp"
#include "tocsin/vkern/ref.hpp"
#include "tocsin/vkern/wait_queue.hpp"

namespace tocsin::vkern {

template <class P>
class Description;
template <class P>
class Epoll;
template <class P>
class FileObject;
template <class P>
class Process;
template <class P>
class Socket;
template <class P>
class System;

/// Collects the wait queues that an object's `poll` shows it: an epoll item, a poll(), a select().
class PollTable {
 public:
  /// Called under the lock of the object that `queue` belongs to.
  virtual void enter(WaitQueue& queue) = 0;

 protected:
  ~PollTable() = default;
};

template <class P>
class Object : public Counted<P> {
 public:
  using Lock = typename P::Lock;

  virtual ~Object() = default;

  Lock& lock() const { return *lock_; }

  /// What is true of it now, as poll(2) says it: all bits, whether asked for or not. With a table,
  /// also what to wait in for a change. `requested` is what the asker cares for; hardly any kind
  /// looks at it.
  virtual Mask poll(Description<P>& description, PollTable* table, Mask requested) = 0;

  /// Whether it can be waited for: epoll_ctl(2) answers EPERM if not.
  bool can_poll() const { return can_poll_; }

  /// read(2) and write(2): EINVAL for what cannot be read or written.
  virtual Count read(Process<P>& process, Description<P>& description, MutableBytes into);
  virtual Count write(Process<P>& process, Description<P>& description, ByteView bytes);

  /// Whether it can be read and written at all: what readv(2) and writev(2) of no bytes depend on.
  virtual bool can_read() const { return true; }
  virtual bool can_write() const { return true; }
  /// Whether readv(2) and writev(2) serve one piece after the other, each as a call of its own,
  /// until one falls short. Most kinds of Linux take all pieces at once.
  virtual bool reads_pieces() const { return false; }
  virtual bool writes_pieces() const { return false; }

  /// Whether there are places in it to read or write at: pread(2) and pwrite(2) answer ESPIPE if
  /// not, before anything else. (Linux thinks that pidfds and message queues have.)
  virtual bool has_places() const { return false; }
  /// pread(2) and pwrite(2): EINVAL for what cannot be read or written so.
  virtual Count read_at(MutableBytes into, std::uint64_t offset);
  virtual Count write_at(Description<P>& description, ByteView bytes, std::uint64_t offset);

  /// ioctl(2): ENOTTY for a request it does not know.
  virtual Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                            void* argument);

  /// fcntl(2) for what is not the description's own business (F_SETPIPE_SZ): EINVAL.
  virtual Result<int> fcntl(Description<P>& description, int command, int argument);

  /// What F_SETFL can change (fcntl(2)); others it leaves alone, but refuses O_DIRECT with EINVAL.
  virtual int changeable_flags() const { return O_APPEND | O_NOATIME | O_NONBLOCK; }

  /// The flags of `description` are about to become `flags` (fcntl(2), F_SETFL).
  virtual Result<> flags_change(Description<P>& description, int flags);

  /// The last open reference to `description` has gone: nobody reads or writes through it any more,
  /// and no epoll watches it. Called once, with no lock held.
  virtual void released(Description<P>& description);

  /// What it adds to /proc/self/fdinfo (proc(5)), below the lines that every kind has.
  virtual std::string fdinfo() const { return {}; }

  /// Itself, if it is one.
  virtual Socket<P>* as_socket() { return nullptr; }
  Epoll<P>* as_epoll();  // epoll.hpp
  virtual FileObject<P>* as_file() { return nullptr; }

 protected:
  Object() : lock_(&own_lock_) {}
  /// One that shares the lock of others, which must outlive it.
  explicit Object(Lock& lock) : lock_(&lock) {}

  /// What every epoll call asks is not worth a virtual call: constructors say it here.
  void set_cannot_poll() { can_poll_ = false; }
  void set_is_epoll() { is_epoll_ = true; }

 private:
  bool can_poll_ = true;
  bool is_epoll_ = false;
  Lock* lock_;
  [[no_unique_address]] mutable Lock own_lock_;
};

}  // namespace tocsin::vkern
