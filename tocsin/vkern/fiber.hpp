// SPDX-License-Identifier: MIT
//
// Fiber: a line of execution with a stack of its own, which runs until it switches to another.
//
//     Scheduler ──> [ Fiber::switch_to ] ──> another stack ... ──> and back
//
// makecontext(3) is what Linux has for it. Each switch costs two system calls, for the mask of
// signals; whoever does not block does not switch, so that is paid by tests and simulations only.
//
// A switch may not happen while an exception is being handled: what the C++ runtime knows of it is
// kept by thread, and would be handed to another fiber.
//
// Ownership: a Fiber owns its stack, never what lies on it: one that has not ended is not unwound.
// Thread rule: fibers that switch to each other are one thread's.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "tocsin/vkern/internal/fiber_sanitizer.hpp"

namespace tocsin::vkern::internal {

/// Memory for stacks, kept for the next fiber when one ends.
class Stacks {
 public:
  Stacks() = default;
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  /// Requires: no fiber has one of them.
  ~Stacks();

  /// The lowest address of one that nobody uses; a CHECK if there is no memory for it.
  std::byte* take();
  void give_back(std::byte* stack);

 private:
  std::vector<std::byte*> free_;
};

class Fiber {
 public:
  using Body = std::move_only_function<void()>;

  /// Stands for whoever runs now, on the stack it has.
  Fiber() = default;
  /// Runs `body` when it is first switched to, on one of `stacks`, which outlive it. `body` ends by
  /// `leave_to`; it never returns.
  Fiber(Stacks& stacks, Body body);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  /// Requires: it does not run now.
  ~Fiber();

  /// From this one, which runs now, to `next`. Returns when somebody switches back.
  void switch_to(Fiber& next);
  /// The same for good: nobody may switch back.
  [[noreturn]] void leave_to(Fiber& next);

 private:
  static void enter(unsigned high, unsigned low);
  void leave(Fiber& next, bool for_good);

  Body body_;
  ucontext_t context_{};
  Stacks* stacks_ = nullptr;
  std::byte* stack_ = nullptr;  // Null: not its own.
  Fiber* from_ = nullptr;       // Who switched here last.
  [[no_unique_address]] FiberSanitizer sanitizer_;
};

}  // namespace tocsin::vkern::internal
