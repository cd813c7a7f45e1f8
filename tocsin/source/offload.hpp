// SPDX-License-Identifier: MIT
//
// offload: a function that blocks, on another thread, awaited like everything else.
//
//     auto found = co_await offload(pool, [&] { return look_up(name); });
//       └─ Offload (in the frame) ──> ThreadPool ──> the function ──> your line, on the loop's
//       thread
//
// Awaiting is the back-pressure: while all threads are busy the lines wait for one, first come,
// first served, each in its own frame. Nothing is allocated.
//
// Cancellation reaches what has not started: it never will, and the line gets ECANCELED at once.
// What has started cannot be called back: a cancelled line goes on waiting for its end and gets its
// result (so does a `timeout` around it, and the branch of a when_any). That is what keeps the
// promise of Scope, that no task outlives it: a function may refer to its line's variables. For the
// same reason a frame that is destroyed while its function runs waits for it, and the loop with it;
// a Scope that is cancelled and joined waits without holding up the loop.
//
// Ownership: the function lies in the awaiting frame. The pool must outlive whoever awaits, or end
// while they wait: then they get ECANCELED if it had not started, else the result. Thread rule: the
// loop's thread; the function runs on one of the pool's, with every signal blocked.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include "tocsin/base/result.hpp"
#include "tocsin/source/thread_pool.hpp"
#include "tocsin/task/context.hpp"

namespace tocsin {

namespace internal {

template <class Value>
struct OffloadResult {
  using Type = Result<Value>;
};
template <class Value>
struct OffloadResult<Result<Value>> {
  using Type = Result<Value>;
};

}  // namespace internal

/// The awaitable of `offload`.
template <std::invocable Function>
class [[nodiscard]] Offload final : public Suspension, private PoolJob {
 public:
  using Value = std::invoke_result_t<Function>;
  using Outcome = typename internal::OffloadResult<Value>::Type;

  Offload(ThreadPool& pool, Function function) : pool_(&pool), function_(std::move(function)) {}
  Offload(Offload&&) = default;

  bool await_ready() const { return false; }
  bool suspend(Waiter waiter) {
    if (waiter.context->is_cancelled()) return false;
    enter(waiter);
    pool_->submit(*this);
    return true;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }
  Outcome await_resume() {
    if (exception_) std::rethrow_exception(exception_);
    return std::move(outcome_);
  }

 private:
  void perform() noexcept override {
    try {
      if constexpr (std::is_void_v<Value>) {
        std::invoke(std::move(function_));
        outcome_ = Outcome();
      } else {
        outcome_ = std::invoke(std::move(function_));
      }
    } catch (...) {
      exception_ = std::current_exception();
    }
  }
  void performed() override { resume_later(); }

  void on_cancel() override {
    if (pool_->call_off(*this)) resume_later();
  }
  void on_destroy() override { pool_->withdraw(*this); }

  ThreadPool* pool_;
  Function function_;
  Outcome outcome_ = std::unexpected(Errno::cancelled);  // Until it was performed.
  std::exception_ptr exception_;
};

/// Has a thread of `pool` call `function`, and gives what it returned: a Result<T> for a T, a
/// Result as it is. ECANCELED if the line was cancelled, or the pool ended, before it started. What
/// it throws comes out of the `co_await`.
template <std::invocable Function>
Offload<Function> offload(ThreadPool& pool, Function function) {
  return {pool, std::move(function)};
}

}  // namespace tocsin
