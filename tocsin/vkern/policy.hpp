// SPDX-License-Identifier: MIT
//
// Single, Threads: the two ways in which one kernel can be run. A policy type decides; nothing else
// differs.
//
//     [ policy ] --> WaitQueue, Object, Description, Epoll, Process, System
//
// *Threads*: any number of real threads call in, locks lock, whoever blocks sleeps in a futex, and
// the clocks are the machine's. *Single*: one thread, no locks, virtual clocks; whoever blocks is a
// fiber that is parked, and every choice is drawn from a seed, so that a run can be repeated.
//
// A policy names five types: Lock (BasicLockable), Counter, World (clocks, timers and the parking
// of whoever sleeps), Parker (one sleep), and nothing of what sleeps or why.
//
// Thread rule: as each type says.
#pragma once

#include <atomic>
#include <cstdint>

#include "tocsin/kern/linux_asymmetric_fence.hpp"

namespace tocsin::vkern {

class SingleWorld;
class SingleParker;
class ThreadsWorld;
class ThreadsParker;

/// Locks nothing: one fiber runs at a time, and none is parked while it holds a lock.
class NoLock {
 public:
  void lock() {}
  void unlock() {}
};

/// A number that one thread counts.
class PlainCounter {
 public:
  explicit PlainCounter(std::uint32_t start) : count_(start) {}
  void add() { ++count_; }
  /// Whether none is left.
  bool drop() { return --count_ == 0; }
  std::uint32_t value() const { return count_; }

 private:
  std::uint32_t count_;
};

/// Eight bytes, without a system call while nobody has to wait for it.
///
/// That it has let go must be out before it looks for sleepers, which costs as much as the rest of
/// the two calls together; whoever is about to sleep pays for that (linux_asymmetric_fence.hpp).
/// Whoever unlocks keeps the lock alive until that has returned: its holder may have changed by
/// then.
class FutexLock {
 public:
  void lock() {
    std::uint32_t is_free = 0;
    if (!held_.compare_exchange_strong(is_free, 1, std::memory_order_acquire)) [[unlikely]]
      lock_slowly();
  }
  void unlock() {
    write_before_reading(held_, 0);
    if (sleepers_.load(std::memory_order_seq_cst) != 0) [[unlikely]]
      wake_one();
  }

 private:
  void lock_slowly();
  void wake_one();

  std::atomic<std::uint32_t> held_ = 0;
  std::atomic<std::uint32_t> sleepers_ = 0;  // And those who are about to.
};

/// A number that many threads count.
class AtomicCounter {
 public:
  explicit AtomicCounter(std::uint32_t start) : count_(start) {}
  void add() { count_.fetch_add(1, std::memory_order_relaxed); }
  /// Whether none is left. What others did before they dropped theirs is visible then.
  bool drop() { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  std::uint32_t value() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> count_;
};

struct Single {
  using Lock = NoLock;
  using Counter = PlainCounter;
  using World = SingleWorld;
  using Parker = SingleParker;
};

struct Threads {
  using Lock = FutexLock;
  using Counter = AtomicCounter;
  using World = ThreadsWorld;
  using Parker = ThreadsParker;
};

}  // namespace tocsin::vkern
