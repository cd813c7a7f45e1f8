// SPDX-License-Identifier: MIT
//
// SignalMask: signals that this thread blocks for as long as this object lives.
//
//     Signals, run ──> [ SignalMask ] ──> pthread_sigmask(3)
//
// Only what was not blocked before is blocked, and unblocked again: so masks may end in any order,
// and what others blocked stays blocked.
//
// Ownership: it owns those bits of the thread's mask. Thread rule: the thread that made it also
// destroys it; other threads have masks of their own, which new ones inherit from their creator.
#pragma once

#include <signal.h>

#include <span>

#include "tocsin/base/result.hpp"
#include "tocsin/kern/kernel.hpp"

namespace tocsin {

class SignalMask {
 public:
  /// Blocks `numbers` (signal(7)). Fails with EINVAL if one of them is no signal; nothing has
  /// changed then. `kernel` must outlive it.
  static Result<SignalMask> block(Kernel& kernel, std::span<const int> numbers);

  SignalMask(SignalMask&& other) noexcept;
  SignalMask& operator=(SignalMask&&) = delete;
  /// Unblocks what it blocked. What is pending then is delivered at once, as if it came now.
  ~SignalMask();

  /// Blocks `numbers` too, or lets go of them: of those that this object blocked. Fail with EINVAL
  /// if one of them is no signal; nothing has changed then. What is let go and is pending is
  /// delivered at once.
  Result<> add(std::span<const int> numbers);
  Result<> remove(std::span<const int> numbers);

  /// Whether it was this object that blocked `number`.
  bool blocked(int number) const { return ::sigismember(&blocked_, number) == 1; }

 private:
  explicit SignalMask(Kernel& kernel) : kernel_(&kernel), blocked_{} {}

  Kernel* kernel_;    // Null once moved from.
  sigset_t blocked_;  // What was not blocked before.
};

/// The set of `numbers`; EINVAL if one of them is no signal.
Result<sigset_t> signal_set(std::span<const int> numbers);

}  // namespace tocsin
