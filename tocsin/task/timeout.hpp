// SPDX-License-Identifier: MIT
//
// timeout, deadline: any awaitable, for so long and no longer.
//
//     co_await timeout(5s, peer.read())
//       └─ Limited: a Suspension in the caller's Context
//            └─ the awaitable, in a Context of its own, which the alarm cancels
//
// What is cut short is cancelled and has ended when the `co_await` returns: nothing goes on behind
// the caller's back. The caller's own cancellation is handed on. For an awaitable that is no Task
// nothing is allocated. The result of an awaitable that gives a Result, or what is like one
// (is_result), comes through unchanged, with ETIMEDOUT in place of the ECANCELED that the alarm
// caused; any other T becomes a Result<T>.
// If the awaitable completes although its time is over, its result counts; only of one that gives
// void nobody can tell whether it completed or gave up, and ETIMEDOUT it is.
//
// Thread rule: the executor's thread.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "tocsin/base/result.hpp"
#include "tocsin/task/internal/due.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin {

namespace internal {

template <class T>
struct FoldedResult {
  using Type = Result<T>;
};
template <class T>
  requires is_result<T>
struct FoldedResult<T> {
  using Type = T;
};

}  // namespace internal

/// The awaitable that `timeout` and `deadline` make.
template <Awaitable A>
class [[nodiscard]] Limited final : public Suspension {
 public:
  using Value = AwaitResult<A>;
  using Folded = typename internal::FoldedResult<Value>::Type;

  Limited(A awaitable, internal::Due due) : inner_(std::move(awaitable)), due_(due) {}
  Limited(Limited&& other) noexcept
      : Suspension(std::move(other)), inner_(std::move(other.inner_)), due_(other.due_) {}

  bool await_ready() { return inner_.await_ready(); }

  auto suspend(Waiter waiter) {
    Executor& executor = waiter.context->executor();
    enter(waiter);
    line_.emplace(executor);
    if (waiter.context->is_cancelled()) line_->cancel();
    executor.arm(alarm_, due_.from(executor.now()));
    return inner_.suspend(Waiter{waiter.handle, &*line_});
  }
  template <class Promise>
  auto await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }

  Folded await_resume() {
    if (line_) {
      leave();
      alarm_.unlink();
    }
    if constexpr (is_result<Value>) {
      Value result = inner_.await_resume();
      if (!result && result.error() == Errno::cancelled && timed_out_)
        return std::unexpected(Errno::timed_out);
      return result;
    } else if constexpr (std::is_void_v<Value>) {
      inner_.await_resume();
      return timed_out_ ? Folded(std::unexpected(Errno::timed_out)) : Folded();
    } else {
      return inner_.await_resume();
    }
  }

 private:
  struct Expiry final : Alarm {
    explicit Expiry(Limited& owner) : limited(&owner) {}
    void run() override {
      // Whoever comes first gives the reason: what the caller cancelled before did not time out.
      limited->timed_out_ = !limited->line_->is_cancelled();
      limited->line_->cancel();
    }
    Limited* limited;
  };

  void on_cancel() override { line_->cancel(); }
  void on_destroy() override {
    CHECK(!line_->is_running(), "a timeout was destroyed by what runs inside it");
    line_->give_up();
  }

  std::optional<Context> line_;  // Made when awaited; outlives the awaitable that runs in it.
  A inner_;
  internal::Due due_;
  Expiry alarm_{*this};
  bool timed_out_ = false;
};

template <Awaitable A>
inline constexpr bool is_single_wait<Limited<A>> = is_single_wait<A>;

/// `awaitable`, for at most `length` from the turn in which it is awaited.
template <Awaitable A>
Limited<A> timeout(Duration length, A awaitable) {
  return Limited<A>(std::move(awaitable), internal::Due::after(length));
}

/// `awaitable`, until `when` at the latest.
template <Awaitable A>
Limited<A> deadline(TimePoint when, A awaitable) {
  return Limited<A>(std::move(awaitable), internal::Due::at(when));
}

}  // namespace tocsin
