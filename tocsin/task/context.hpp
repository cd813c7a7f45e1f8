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

#include "tocsin/base/executor.hpp"

namespace tocsin {

class Suspension;

class Context {
 public:
  /// `executor` must outlive the Context.
  explicit Context(Executor& executor) : executor_(&executor) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { CHECK(waiting_ == nullptr, "a line of execution outlived its context"); }

  Executor& executor() const { return *executor_; }
  bool is_cancelled() const { return cancelled_; }

  /// Tells the line to stop: what it waits for ends with ECANCELED, and so will whatever it would
  /// wait for next. The line is resumed from the executor's queue, never from inside this call.
  /// A second call does nothing.
  void cancel();

 private:
  friend class Suspension;

  Executor* executor_;
  Suspension* waiting_ = nullptr;  // Where the line is suspended; null while it runs.
  bool cancelled_ = false;
};

/// Who waits: the coroutine to resume, and the line of execution it belongs to.
struct Waiter {
  std::coroutine_handle<> handle;
  Context* context = nullptr;
};

/// One place where a line of execution is suspended: the base of every awaitable that waits. It
/// lives in the frame of the coroutine that awaits it; destroying it (with the frame) while it
/// waits is legal and takes it out of everything it waits in. It can be moved until it is awaited.
class Suspension : public Work {
 public:
  bool is_waiting() const { return waiter_.context != nullptr; }

 protected:
  Suspension() = default;
  Suspension(Suspension&& other) noexcept : Work(std::move(other)) {
    CHECK(!other.is_waiting(), "an operation stays where it is once it is awaited");
  }
  ~Suspension() { leave(); }

  /// The line waits here from now on. Requires: it waits nowhere else.
  void enter(Waiter waiter) {
    CHECK(waiter.context->waiting_ == nullptr, "one line of execution awaits one thing at a time");
    waiter.context->waiting_ = this;
    waiter_ = waiter;
  }

  /// The line no longer waits here; it has not been resumed.
  void leave() {
    if (waiter_.context != nullptr) waiter_.context->waiting_ = nullptr;
    waiter_.context = nullptr;
  }

  /// Leaves and resumes the coroutine now. Only for code that the executor called, with nothing
  /// left to do: the coroutine may destroy this object and its source before this call returns.
  void resume() {
    leave();
    waiter_.handle.resume();
  }

  /// Leaves, and has the executor resume the coroutine after what is queued already. Safe from
  /// anywhere on the thread.
  void resume_later() {
    Executor& executor = waiter_.context->executor();
    leave();
    executor.post(*this);
  }

  /// The waiting coroutine: for a symmetric transfer to it, after `leave`.
  std::coroutine_handle<> handle() const { return waiter_.handle; }

 private:
  friend class Context;

  /// The line was cancelled while it waits here. An operation gives up what it waits for and calls
  /// `resume_later`; a composite hands the cancellation on and goes on waiting.
  virtual void on_cancel() = 0;

  void run() final { waiter_.handle.resume(); }

  Waiter waiter_;
};

inline void Context::cancel() {
  if (cancelled_) return;
  cancelled_ = true;
  if (waiting_ != nullptr) waiting_->on_cancel();
}

}  // namespace tocsin
