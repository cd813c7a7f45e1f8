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

#include "tocsin/vkern/profile.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

template <class P>
class Process;

/// What an instance is made with.
struct SystemOptions {
  Profile profile;                           // Which Linux it is, where versions differ.
  int most_descriptors = 1024 * 1024;        // RLIMIT_NOFILE of its processes.
  std::uint64_t most_watches = 1024 * 1024;  // /proc/sys/fs/epoll/max_user_watches.
  int most_datagrams = 10;                   // /proc/sys/net/unix/max_dgram_qlen.
  bool is_privileged = false;                // CAP_SYS_RESOURCE: pipe(7)'s limits do not bind.
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

  typename P::World& world() { return world_; }
  const SystemOptions& options() const { return options_; }

  // ---- for objects and processes ----------------------------------------------------------------

  /// Taken before any epoll's mutex, by epoll_ctl(2) when it may nest epolls.
  typename P::Lock& nesting_lock() { return nesting_lock_; }

  /// One more registration in some epoll; false if that would be too many (ENOSPC).
  bool count_watch();
  void uncount_watch();

  /// The lock that all sockets of one family share.
  typename P::Lock& unix_lock() { return unix_lock_; }
  typename P::Lock& inet_lock() { return inet_lock_; }

  /// How many pages all pipes together may fill, which is limited (pipe(7), "/proc files").
  std::atomic<std::uint64_t>& pipe_pages() { return pipe_pages_; }

 private:
  friend class Process<P>;

  SystemOptions options_;
  typename P::World world_;
  typename P::Lock nesting_lock_;
  typename P::Lock watches_lock_;
  std::uint64_t watches_ = 0;
  typename P::Lock unix_lock_;
  typename P::Lock inet_lock_;
  std::atomic<std::uint64_t> pipe_pages_ = 0;
  std::unique_ptr<Process<P>> init_;
};

}  // namespace tocsin::vkern
