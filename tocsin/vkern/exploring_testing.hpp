// SPDX-License-Identifier: MIT
//
// Exploring: a third policy, for tests: one thread at a time as in Single, but whoever runs may be
// interrupted wherever two real threads could get in each other's way.
//
//     explorer_testing.hpp ──choices──> [ ExploringWorld ] ──> lock, unlock, wake: points
//
// Locks are real here: a fiber that finds one held waits for it. Before each lock, after each
// unlock and before each wake another fiber may run, and a deadline may pass whenever its sleeper
// sleeps. What lies between two points is taken to be atomic, which is right as long as shared
// state is touched under locks; that it is, the thread sanitizer sees to.
//
// Only the core is explored: descriptors, descriptions, wait queues, eventfd and epoll. So Process
// and System are small ones here, under the same names and with the same calls; the real ones would
// need every kind of object in this policy.
//
// The bodies of the core's templates lie in .cpp files, which instantiate them for the two policies
// of the library. Those files are included here as a whole, and used with a third. The road not
// taken: a macro around the instantiations in each file, or bodies in headers, for the sake of one
// test; what is instantiated twice so is merged by the linker, as templates are.
//
// Thread rule: one thread. Locks need to know the world they are in without being told, so one
// world at a time is explored: `ExploringWorld::explored`.
#pragma once

#include <fcntl.h>
#include <sys/eventfd.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tocsin/base/check.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/system.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

/// A single world whose threads can be interrupted.
class ExploringWorld final : public SingleWorld {
 public:
  ExploringWorld() { use_stacks(stacks_); }
  ~ExploringWorld() override { explored = nullptr; }

  /// The world whose threads run now, in which locks are points; null: locks only lock.
  static inline ExploringWorld* explored = nullptr;

  /// Runs all threads, with points, until each has ended, is parked or waits for a lock.
  void explore() {
    let_deadlines_pass_any_time();
    explored = this;
    run_until_idle();
    explored = nullptr;
  }

  void point(const char* site) { Scheduler::yield(site); }

  /// How many threads wait for a lock: if none can run, that is a deadlock.
  std::size_t waiting_for_locks() const { return waiting_for_locks_; }
  /// How many locks are held, by all threads, and by the one that runs.
  std::size_t locks_held() const { return locks_held_; }
  std::size_t locks_held_by_current() { return held_by_[&current()]; }

 private:
  friend class ExploringLock;

  static inline internal::Stacks stacks_;  // A new world for each schedule, the same stacks.
  std::size_t waiting_for_locks_ = 0;
  std::size_t locks_held_ = 0;
  std::map<const internal::Thread*, std::size_t> held_by_;
};

class ExploringLock {
 public:
  ExploringLock() = default;
  ExploringLock(const ExploringLock&) = delete;
  ExploringLock& operator=(const ExploringLock&) = delete;
  ~ExploringLock() { CHECK(!is_held_, "a lock ends while it is held"); }

  void lock() {
    if (ExploringWorld* const world = ExploringWorld::explored) {
      world->point("lock");
      while (is_held_) wait(*world);
      ++world->locks_held_;
      ++world->held_by_[&world->current()];
    }
    CHECK(!is_held_, "what is locked while nothing is explored is free");
    is_held_ = true;
  }

  // After the point this may have ended: whoever was let in may have let go of what it is part of.
  void unlock() {
    is_held_ = false;
    for (SingleParker* const parker : std::exchange(waiting_, {})) parker->wake();
    if (ExploringWorld* const world = ExploringWorld::explored) {
      --world->locks_held_;
      --world->held_by_[&world->current()];
      world->point("unlock");
    }
  }

 private:
  void wait(ExploringWorld& world) {
    SingleParker parker(world);
    waiting_.push_back(&parker);
    ++world.waiting_for_locks_;
    parker.park(std::nullopt);
    --world.waiting_for_locks_;
  }

  bool is_held_ = false;
  std::vector<SingleParker*> waiting_;
};

/// As SingleParker, with a point before it wakes. Before it parks there is one: the lock of the
/// queue that it stands in was released.
class ExploringParker {
 public:
  explicit ExploringParker(ExploringWorld& world) : world_(world), parker_(world) {}
  void wake() {
    world_.point("wake");
    parker_.wake();
  }
  bool park(std::optional<TimePoint> deadline) {
    CHECK(world_.locks_held_by_current() == 0, "a thread parks while it holds a lock");
    return parker_.park(deadline);
  }

 private:
  ExploringWorld& world_;
  SingleParker parker_;
};

/// The policy. One with a fault in it derives from this: see faults_testing.hpp.
struct Exploring {
  using Lock = ExploringLock;
  using Counter = PlainCounter;
  using World = ExploringWorld;
  using Parker = ExploringParker;
};

template <class P>
concept Explores = std::derived_from<P, Exploring>;

/// What the core needs of a process, and the calls that a scenario makes.
template <Explores P>
class Process<P> {
 public:
  explicit Process(System<P>& system) : system_(system), descriptors_(64) {}
  ~Process() { descriptors_.close_all(); }

  System<P>& system() { return system_; }
  ExploringWorld& world() { return system_.world(); }

  Result<int> eventfd(unsigned initial, int flags);
  int epoll_create1();
  Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event event);
  /// As epoll_wait(2), but for the deadline, which is an instant.
  Count epoll_wait(int epfd, std::span<epoll_event> events, std::optional<TimePoint> deadline);
  Count read(int fd);
  Count write(int fd, std::uint64_t value);
  bool close(int fd) { return static_cast<bool>(descriptors_.take(fd)); }

 private:
  System<P>& system_;
  FdTable<P> descriptors_;
};

/// What the core needs of a system. All of its threads end with it, wherever they are.
template <Explores P>
class System<P> {
 public:
  System() : process_(*this) {}
  System(const System&) = delete;
  System& operator=(const System&) = delete;
  ~System() { world_.end_threads(); }

  Process<P>& init() { return process_; }
  ExploringWorld& world() { return world_; }
  const SystemOptions& options() const { return options_; }
  ExploringLock& nesting_lock() { return nesting_lock_; }
  HandleNumbers<P>& handle_numbers() { return handle_numbers_; }
  bool count_watch() { return true; }
  void uncount_watch() {}

 private:
  SystemOptions options_;
  HandleNumbers<P> handle_numbers_;
  ExploringWorld world_;
  ExploringLock nesting_lock_;
  Process<P> process_;
};

}  // namespace tocsin::vkern

#include "tocsin/vkern/description.cpp"
#include "tocsin/vkern/epoll.cpp"
#include "tocsin/vkern/epoll_busy_poll.cpp"
#include "tocsin/vkern/epoll_control.cpp"
#include "tocsin/vkern/eventfd.cpp"
#include "tocsin/vkern/fd_table.cpp"
#include "tocsin/vkern/internal/nesting.cpp"
#include "tocsin/vkern/object.cpp"

namespace tocsin::vkern {

template <Explores P>
Result<int> Process<P>::eventfd(unsigned initial, int flags) {
  auto made = make_ref<EventFd<P>>(initial, (flags & EFD_SEMAPHORE) != 0);
  return descriptors_.add(open_new<P>(std::move(made), O_RDWR | (flags & EFD_NONBLOCK)), false);
}

template <Explores P>
int Process<P>::epoll_create1() {
  return *descriptors_.add(open_new<P>(make_ref<Epoll<P>>(system_), O_RDWR), false);
}

template <Explores P>
Result<> Process<P>::epoll_ctl(int epfd, int operation, int fd, epoll_event event) {
  const Open<P> open = descriptors_.get(epfd);
  const Open<P> target = descriptors_.get(fd);
  if (!open || !target) return std::unexpected(Errno{EBADF});
  return open->object().as_epoll()->control(operation, fd, *target, event);
}

template <Explores P>
Count Process<P>::epoll_wait(int epfd, std::span<epoll_event> events,
                             std::optional<TimePoint> deadline) {
  const Open<P> open = descriptors_.get(epfd);
  if (!open) return std::unexpected(Errno{EBADF});
  return open->object().as_epoll()->wait(events, deadline);
}

template <Explores P>
Count Process<P>::read(int fd) {
  const Open<P> open = descriptors_.get(fd);
  if (!open) return std::unexpected(Errno{EBADF});
  std::uint64_t value = 0;
  return open->object().read(*this, *open, std::as_writable_bytes(std::span(&value, 1)));
}

template <Explores P>
Count Process<P>::write(int fd, std::uint64_t value) {
  const Open<P> open = descriptors_.get(fd);
  if (!open) return std::unexpected(Errno{EBADF});
  return open->object().write(*this, *open, std::as_bytes(std::span(&value, 1)));
}

}  // namespace tocsin::vkern
