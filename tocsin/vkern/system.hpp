// SPDX-License-Identifier: MIT
//
// System: one kernel in user space: the processes in it, and what they share.
//
//     Process ──┐
//     Process ──┼──> [ System ] ──> World (time, sleep), names of sockets, files, queues
//
// A program may have any number of them; nothing is global.
//
// Ownership: it owns its processes. Whatever is open in them ends with it.
// Thread rule: as the policy.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "tocsin/base/list.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/vkern/handle_numbers.hpp"
#include "tocsin/vkern/inet_ports.hpp"
#include "tocsin/vkern/profile.hpp"
#include "tocsin/vkern/unix_names.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

template <class P>
class FileSystem;
template <class P>
class MessageQueues;
template <class P>
class Process;

/// What an instance is made with.
struct SystemOptions {
  Profile profile;                           // Which Linux it is, where versions differ.
  int most_descriptors = 1024 * 1024;        // RLIMIT_NOFILE of its processes.
  std::uint64_t most_watches = 1024 * 1024;  // /proc/sys/fs/epoll/max_user_watches.
  int most_datagrams = 10;                   // /proc/sys/net/unix/max_dgram_qlen.
  std::size_t most_file_events = 16384;      // /proc/sys/fs/inotify/max_queued_events.
  bool is_privileged = false;                // CAP_SYS_RESOURCE: pipe(7)'s limits do not bind.
};

/// What has to know that CLOCK_REALTIME was set: a timer. It is the owner's to unlink it.
class ClockFollower : public ListLink {
 public:
  /// The clock was set forward by `by`, and by `total` since the system began. Called under
  /// System::clock_lock.
  virtual void clock_was_set(Duration by, Duration total) = 0;

 protected:
  ClockFollower() = default;
  ~ClockFollower() = default;
};

template <class P>
class System {
 public:
  explicit System(const SystemOptions& options = {});
  System(const System&) = delete;
  System& operator=(const System&) = delete;
  ~System();

  /// The process it was born with (pid 1), a Kernel: hand it to whatever takes one.
  Process<P>& init() { return *init_; }

  /// Sets CLOCK_REALTIME forward or back (clock_settime(2)), and tells the timers that go by it.
  void step_realtime(Duration by);

  typename P::World& world() { return world_; }
  const SystemOptions& options() const { return options_; }

  // ---- for objects and processes ----------------------------------------------------------------

  /// Taken before any epoll's mutex, by epoll_ctl(2) when it may nest epolls.
  typename P::Lock& nesting_lock() { return nesting_lock_; }

  /// What processes know of each other (their kin, their ends, their signals) is under this one
  /// lock, and so are the queues of pidfds and signalfds: it is an object's lock.
  typename P::Lock& process_lock() { return process_lock_; }
  /// Under the process lock: the process of that number, zombies among them; null if there is none.
  /// Numbers are not used twice, and no process leaves the memory before the System does.
  Process<P>* find(pid_t pid);
  /// Under the process lock: each that is not gone, by number.
  template <class Visit>
  void for_each_process(Visit visit) {
    for (std::size_t i = 0; i < processes_.size(); ++i)
      if (Process<P>* const process = find(static_cast<pid_t>(i + 1))) visit(*process);
  }
  /// A child of `parent`, as it is at this moment.
  Process<P>& fork(Process<P>& parent);

  /// Who has to know when CLOCK_REALTIME is set, and by how much it has been set so far: under the
  /// clock lock, which is taken before any object's.
  typename P::Lock& clock_lock() { return clock_lock_; }
  List<ClockFollower>& clock_followers() { return clock_followers_; }
  Duration realtime_steps() const { return realtime_steps_; }

  /// One more registration in some epoll; false if that would be too many (ENOSPC).
  bool count_watch();
  void uncount_watch();

  /// The lock that all sockets of one family share.
  typename P::Lock& unix_lock() { return unix_lock_; }
  typename P::Lock& inet_lock() { return inet_lock_; }

  /// Which UNIX socket has which name; under unix_lock().
  UnixNames<P>& unix_names() { return unix_names_; }
  /// Under inet_lock().
  PortTable& tcp_ports() { return tcp_ports_; }
  PortTable& udp_ports() { return udp_ports_; }

  /// The tree of files, and the queues that mq_open(3) knows.
  FileSystem<P>& files() { return *files_; }
  MessageQueues<P>& message_queues() { return *message_queues_; }

  HandleNumbers<P>& handle_numbers() { return handle_numbers_; }

  /// How many pages all pipes together may fill, which is limited (pipe(7), "/proc files").
  std::atomic<std::uint64_t>& pipe_pages() { return pipe_pages_; }

 private:
  friend class Process<P>;

  SystemOptions options_;
  HandleNumbers<P> handle_numbers_;
  typename P::World world_;
  typename P::Lock nesting_lock_;
  typename P::Lock watches_lock_;
  std::uint64_t watches_ = 0;
  typename P::Lock unix_lock_;
  UnixNames<P> unix_names_{*this};
  typename P::Lock inet_lock_;
  PortTable tcp_ports_;
  PortTable udp_ports_;
  std::atomic<std::uint64_t> pipe_pages_ = 0;
  std::unique_ptr<FileSystem<P>> files_;
  std::unique_ptr<MessageQueues<P>> message_queues_;
  typename P::Lock clock_lock_;
  List<ClockFollower> clock_followers_;
  Duration realtime_steps_{};
  typename P::Lock process_lock_;
  std::vector<std::unique_ptr<Process<P>>> processes_;  // Pid n at n - 1. They end first.
  Process<P>* init_ = nullptr;
};

}  // namespace tocsin::vkern
