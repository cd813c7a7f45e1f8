// SPDX-License-Identifier: MIT
//
// Operation: the base of every awaitable that waits for one thing, and can give it up.
//
//     source, net, file, Channel ──> [ Operation ] ──> the coroutine that awaits it
//
// An author of an operation writes four functions: `await_ready` tries without waiting,
// `start` enlists it where it will be completed, `abandon` takes it out again with the result
// ECANCELED, `await_resume` hands over the result. Whoever completes it calls `resume` (from the
// executor) or `resume_later` (from anywhere). On a file descriptor, IoOperation (source/) writes
// the first three of them.
//
// Thread rule: the executor's thread.
#pragma once

#include <concepts>
#include <coroutine>
#include <utility>

#include "tocsin/task/context.hpp"

namespace tocsin {

class Operation : public Suspension {
 public:
  /// Begins to wait. False if there is nothing to wait for because the line is cancelled: the
  /// result is ECANCELED, and `start` has not been called.
  bool suspend(Waiter waiter) {
    if (waiter.context->is_cancelled()) {
      abandon();
      return false;
    }
    enter(waiter);
    start();
    return true;
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }

 protected:
  Operation() = default;
  Operation(Operation&&) = default;
  ~Operation() = default;

 private:
  /// Enlists the operation where it will be completed. Completes nothing by itself.
  virtual void start() = 0;

  /// Leaves whatever it is enlisted in, if it is, and sets its result to ECANCELED.
  virtual void abandon() = 0;

  void on_cancel() final {
    abandon();
    resume_later();
  }
  void on_destroy() final { abandon(); }
};

/// What `co_await` accepts besides std::coroutine_traits' own: anything that can be begun with a
/// Waiter, so that a wrapper (timeout, when_any) can begin it in another Context.
template <class A>
concept Awaitable = requires(A& awaitable, Waiter waiter) {
  awaitable.await_ready();
  awaitable.suspend(waiter);
  awaitable.await_resume();
};

/// Whether an A waits for one thing only, so that to destroy it is a graceful end: no coroutine of
/// the user is suspended inside it that would want to hear of ECANCELED.
template <class A>
inline constexpr bool is_single_wait = std::derived_from<A, Operation>;

/// What awaiting an A gives.
template <Awaitable A>
using AwaitResult = decltype(std::declval<A&>().await_resume());

}  // namespace tocsin
