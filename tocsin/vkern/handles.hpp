// SPDX-License-Identifier: MIT
//
// Handle, EpollHandle: objects and epolls for use within a program, without descriptors.
//
//     thread ──> Queue, counter, pipe ──> [ Handle ] ──add──> [ EpollHandle ] ──wait──> thread
//
// A Handle is to a program what a descriptor is to a process: it keeps an open file description
// open, and has a number. It is used without one: a call goes straight to the object, with no
// table in between, and with no system call unless somebody has to sleep or to be woken from it.
// The objects, the epoll and their order are those that descriptors lead to; this is the same code.
//
// What an epoll keeps is, as in epoll(7), the pair of number and description. So what holds for
// descriptors holds for handles:
// * When a handle ends, its registrations end with it, if it was the last that kept its description
//   open (close(2), epoll(7) "Questions and answers"). While a duplicate lives they go on, and
//   nobody is left to modify or remove them; remove first what has duplicates.
// * A handle and its duplicate are two registrations of one epoll.
// Numbers of handles and of descriptors are not told apart: an epoll that is used both ways
// (`install`) takes a handle and a descriptor of the same number and description for one.
//
// queue.hpp has an object made for this: a typed queue between threads.
//
// Ownership: a handle keeps its object; its System must outlive it. It is moved, never copied.
// Thread rule: any thread may use a handle, several at once (Threads). To move, close or destroy it
// is for one, when nobody is in a call on it.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "tocsin/base/time.hpp"
#include "tocsin/vkern/description.hpp"

namespace tocsin::vkern {

template <class P>
class Handle {
 public:
  /// eventfd(2), with EFD_NONBLOCK and EFD_SEMAPHORE. EINVAL for other flags.
  static Result<Handle> eventfd(System<P>& system, unsigned initial, int flags);
  /// pipe2(2), with O_NONBLOCK and O_DIRECT: the end to read and the end to write.
  static Result<std::array<Handle, 2>> pipe2(System<P>& system, int flags);
  /// What descriptor `fd` of `process` stands for, whatever that is: a duplicate, as by dup(2).
  /// EBADF.
  static Result<Handle> of(Process<P>& process, int fd);
  /// Of an object of one's own kind: `open_new<P>(make_ref<Kind>(...), O_RDWR)`.
  Handle(System<P>& system, Open<P> open);

  /// One that was moved from stands for nothing; it may be assigned to, or destroyed.
  Handle(Handle&& other) noexcept;
  Handle& operator=(Handle&& other) noexcept;
  ~Handle() { close(); }

  /// Ends it now, as close(2) does. Nothing happens if it has ended.
  void close();

  /// One more handle for the same description, as by dup(2).
  Handle duplicate() const;
  /// One more descriptor for it, in `process`: so that it can be waited for by what knows nothing
  /// of handles, a loop that runs on that process. EMFILE.
  Result<int> install(Process<P>& process, bool close_on_exec) const;

  /// read(2) and write(2), by the System's first process: which matters to a signalfd only. They
  /// block, unless the description is O_NONBLOCK.
  Count read(MutableBytes into) const;
  Count write(ByteView bytes) const;

  /// What is true of it now, in the bits of poll(2).
  Mask ready() const;

  System<P>& system() const { return *system_; }
  /// Requires: it has not ended.
  Description<P>& description() const;
  /// Under which epolls keep it; fdinfo of an epoll shows it as `tfd`.
  int number() const { return number_; }

 private:
  System<P>* system_;
  Open<P> open_;
  int number_;
};

template <class P>
class EpollHandle : public Handle<P> {
 public:
  /// epoll_create1(2).
  explicit EpollHandle(System<P>& system);

  /// epoll_ctl(2) with EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL. They fail as it does: EEXIST,
  /// ENOENT, EINVAL, ELOOP, ENOSPC, EPERM; after a failure nothing has changed. `target` may be an
  /// EpollHandle.
  Result<> add(const Handle<P>& target, std::uint32_t events, std::uint64_t data);
  Result<> modify(const Handle<P>& target, std::uint32_t events, std::uint64_t data);
  Result<> remove(const Handle<P>& target);

  /// epoll_wait(2): how many of `events` it filled. Waits for `timeout` (nullopt: for ever; zero
  /// and less: not at all), 0 if nothing came. EINVAL if there is no room for one.
  Count wait(std::span<epoll_event> events, std::optional<Duration> timeout = std::nullopt);

 private:
  Result<> control(int operation, const Handle<P>& target, epoll_event event);
  Epoll<P>& epoll() const;
};

}  // namespace tocsin::vkern
