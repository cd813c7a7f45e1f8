// SPDX-License-Identifier: MIT
//
// Waker: the one door through which other threads reach a loop.
//
//     any thread ──> [ Waker: a lock-free queue, one eventfd ] ──> the loop's run queue
//
// The eventfd is written only if the loop sleeps, and only by the first of those who find it
// asleep: a thousand posts in a row cost one system call at most. It is registered edge-triggered
// and never read (each write is an edge), which saves the loop a system call a wake-up.
//
// Ownership: functions that have not run when the Waker ends are destroyed, not run.
// Thread rule: `wake`, `post` and `wakeups` from any thread; the rest from the loop's. No thread
// uses it any more when it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "tocsin/base/executor.hpp"
#include "tocsin/kern/fd.hpp"
#include "tocsin/loop/internal/post_queue.hpp"

namespace tocsin {

class Waker final : private Work {
 public:
  using Function = internal::PostQueue::Function;

  /// Fails as eventfd(2) does: EMFILE, ENFILE, ENOMEM. `kernel` must outlive the Waker.
  static Result<std::unique_ptr<Waker>> create(Kernel& kernel);
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  ~Waker() = default;

  /// Ends the loop's wait, or its next one if it does not wait now. Never blocks.
  void wake();

  /// Has the loop run `function` on its own thread, after what was posted before it by the same
  /// thread. Never blocks; a burst may allocate. What it throws comes out of Loop::run. It is
  /// destroyed where it has run.
  void post(Function function);

  /// How many times the eventfd has been written.
  std::uint64_t wakeups() const { return wakeups_.load(std::memory_order_relaxed); }

  // ---- for the loop -----------------------------------------------------------------------------
  int fd() const { return eventfd_.get(); }

  /// Says that the loop is about to sleep: from here on a wake-up is a system call. False if one
  /// came already, so that it must not sleep.
  bool prepare_to_sleep();
  /// Says that it does not sleep (any more). What was left before is seen by whatever the loop
  /// looks at afterwards. Whether nobody has rung since prepare_to_sleep let it sleep.
  bool woke() {
    const bool was_left_asleep = asleep_.load(std::memory_order_relaxed);
    if (was_left_asleep) asleep_.store(false, std::memory_order_relaxed);
    // Looked at first: an exchange costs more than the rest of a turn that nobody rang for.
    if (rung_.load(std::memory_order_relaxed))
      static_cast<void>(rung_.exchange(false, std::memory_order_acq_rel));
    return was_left_asleep;
  }

  /// Whether there is something that prepare_to_sleep would not let it sleep for.
  bool has_been_reached() const { return has_posts() || rung_.load(std::memory_order_seq_cst); }

  /// Whether something waits to be run, left by a function that threw or just posted.
  bool has_posts() const { return !posts_.is_empty(); }
  /// The Work that runs what has been posted when its turn comes.
  Work& work() { return *this; }
  /// Destroys what has not been run.
  void drop_posts() { posts_.clear(); }

  /// Takes a new eventfd in place of one shared with a parent process.
  Result<> restart();

 private:
  Waker(Kernel& kernel, Fd eventfd) : kernel_(kernel), eventfd_(std::move(eventfd)) {}
  void run() override { posts_.run(); }
  void ring();

  Kernel& kernel_;
  Fd eventfd_;
  // Read at every post, written once a turn: apart from what the loop writes more often.
  alignas(64) std::atomic<bool> rung_ = false;  // A wake-up that nobody has slept through yet.
  std::atomic<bool> asleep_ = false;            // The loop sleeps, and nobody has rung.
  std::atomic<std::uint64_t> wakeups_ = 0;
  internal::PostQueue posts_;
};

}  // namespace tocsin
