// SPDX-License-Identifier: MIT
//
// Context: one line of execution, which can be told to stop.
//
//     Scope::spawn ──> Context ──> Task ──> Task ──> Suspension (a read, a timer, a join, ...)
//
// A task that awaits a task that awaits a read is one line: whatever its length, it is suspended
// in at most one place. The Context knows that place, so that a cancellation reaches the innermost
// operation at once, without a file descriptor, a lock or an allocation. What runs side by side
// (the children of a Scope, the branches of when_all) has a Context each.
//
// Cancellation is a state, not an event: once cancelled, every further operation that would have
// to wait ends with ECANCELED instead. What can be done without waiting is still done.
//
// Ownership: a Context owns nothing; it lives with whoever started the line, and ends after it.
// Thread rule: the executor's thread.
#pragma once

#include <coroutine>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/base/executor.hpp"

namespace tocsin {

class Suspension;

namespace internal {

// Whom a coroutine that suspends hands over to; null whenever a coroutine's body runs. It is the
// thread's, not the executor's: a line may hand over to one of another (a loop inside a loop).
inline constinit thread_local std::coroutine_handle<> next_coroutine = nullptr;

/// For code that a coroutine's suspension calls last: `coroutine` goes on as soon as it has
/// suspended. Null: nobody does.
inline void hand_over_to(std::coroutine_handle<> coroutine) { next_coroutine = coroutine; }

// Resumes the next one, until there is none. (Out of line: most coroutines that are resumed wait.)
void run_handed_over();

/// Resumes `coroutine`, and then whomever each hands over to, until one waits. This, not
/// coroutine_handle::resume, is how a coroutine that awaits tasks is resumed.
///
/// The road not taken is the language's own, `await_suspend` that answers a handle. It is a jump if
/// the compiler makes it one; g++ does not below -O2 or under its sanitizers, and there every round
/// of a loop over tasks that never wait took some stack.
inline void run_coroutine(std::coroutine_handle<> coroutine) {
  coroutine.resume();
  if (next_coroutine != nullptr) [[unlikely]]
    run_handed_over();
}

}  // namespace internal

class Context {
 public:
  /// `executor` must outlive the Context.
  explicit Context(Executor& executor) : executor_(&executor), coroutine_(nullptr) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { CHECK(waiting_ == nullptr, "a line of execution outlived its context"); }

  Executor& executor() const { return *executor_; }
  bool is_cancelled() const { return cancelled_; }

  /// Whether code of this very line is on the stack now, as far as it has begun and not ended.
  /// Whoever owns a line CHECKs before it destroys one that it is not running: the frame of a
  /// coroutine that runs cannot be destroyed.
  bool is_running() const { return waiting_ == nullptr; }

  /// Tells the line to stop: what it waits for ends with ECANCELED, and so will whatever it would
  /// wait for next. The line is resumed from the executor's queue, never from inside this call.
  /// What had completed before, although the line was not resumed yet, counts. A second call does
  /// nothing.
  void cancel();

  /// Takes the line out of whatever it waits in, without resuming it: for whoever is about to
  /// destroy its coroutines (Task does). Nothing happens if it does not wait.
  void give_up();

 private:
  friend class Suspension;

  Suspension* waiting_ = nullptr;  // Where the line is suspended; null while it runs.
  Executor* executor_;
  void* coroutine_;         // Whom to resume there. (Not in the Suspension: one line, one place.)
  bool completed_ = false;  // What it waited for is there: it is in the executor's queue.
  bool cancelled_ = false;
};

/// Who waits: the coroutine to resume, and the line of execution it belongs to.
struct Waiter {
  std::coroutine_handle<> handle;
  Context* context = nullptr;
};

/// One place where a line of execution is suspended: the base of every awaitable that waits. It
/// lives in the frame of the coroutine that awaits it, and can be moved until it is awaited. It has
/// no destructor, which every message would pay for: whoever destroys frames that may wait has the
/// Context give up first, which knows the one place there is to clean up.
///
/// While it waits, its links as a Work are its own to use: most wait in a List through them.
class Suspension : public Work {
 public:
  /// Whether the line waits here: from `enter` until it is completed or given up.
  bool is_waiting() const {
    return context_ != nullptr && context_->waiting_ == this && !context_->completed_;
  }

 protected:
  Suspension() = default;
  Suspension(Suspension&& other) noexcept : Work(std::move(other)) {
    CHECK(other.context_ == nullptr, "an operation stays where it is once it is awaited");
  }
  ~Suspension() = default;

  /// The line waits here from now on. Requires: it waits nowhere else.
  void enter(Waiter waiter) {
    CHECK(waiter.context->waiting_ == nullptr, "one line of execution awaits one thing at a time");
    waiter.context->waiting_ = this;
    waiter.context->coroutine_ = waiter.handle.address();
    context_ = waiter.context;
  }

  /// The line no longer waits here and goes on: the caller resumes `handle()`, or is about to
  /// return to it. Requires: it was entered.
  void leave() { context_->waiting_ = nullptr; }

  /// Leaves and resumes the coroutine now. Only for code that the executor called, with nothing
  /// left to do: the coroutine may destroy this object and its source before this call returns.
  void resume() {
    leave();
    internal::run_coroutine(handle());
  }

  /// Waits no longer, and has the executor resume the coroutine after what is queued already. Safe
  /// from anywhere on the thread. Requires: it waits, and is in no list.
  void resume_later() {
    CHECK(is_waiting(), "an operation is completed once");
    context_->completed_ = true;
    context_->executor().post(*this);
  }

  /// The waiting coroutine: to be handed over to, after `leave`.
  std::coroutine_handle<> handle() const {
    return std::coroutine_handle<>::from_address(context_->coroutine_);
  }

  /// Of the line that waits here. Requires: it does.
  Executor& executor() const { return context_->executor(); }

 private:
  friend class Context;

  /// The line was cancelled while it waits here. An operation gives up what it waits for and calls
  /// `resume_later`; a composite hands the cancellation on and goes on waiting.
  virtual void on_cancel() = 0;

  /// The coroutine that waits here is about to be destroyed: leaves everything it waits in. Nothing
  /// is resumed.
  virtual void on_destroy() = 0;

  void run() final {
    context_->completed_ = false;
    resume();
  }

  Context* context_ = nullptr;  // Null before it is awaited.
};

inline void Context::cancel() {
  if (cancelled_) return;
  cancelled_ = true;
  if (waiting_ != nullptr && !completed_) waiting_->on_cancel();
}

inline void Context::give_up() {
  if (waiting_ == nullptr) return;
  if (completed_)
    waiting_->unlink();
  else
    waiting_->on_destroy();
  completed_ = false;
  waiting_ = nullptr;
}

}  // namespace tocsin
