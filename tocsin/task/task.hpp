// SPDX-License-Identifier: MIT
//
// Task: a coroutine that gives one T when it is awaited.
//
//     co_await task  ──>  the body runs  ──>  co_return  ──>  the awaiter goes on
//
// It is lazy: nothing runs before it is awaited (or spawned in a Scope), and then it runs in the
// line of execution (Context) of its awaiter, on the awaiter's thread. Start and end hand over to
// the next coroutine (`internal::run_coroutine`): a chain of tasks, and a loop over tasks that
// never wait, need no stack. An exception thrown in the body comes out of the `co_await`.
//
// Ownership: a Task owns its coroutine frame. Destroying a Task whose body is suspended is legal:
// the operation it waits for is taken back, then the frames' locals are destroyed, innermost first.
// (That does need stack, a frame of the machine's for each task of the chain.) A Task that is
// awaited by name must not outlive the line that awaits it. Parameters of a coroutine are copied
// into its frame; references and the `this` of a lambda are the caller's to keep.
//
// Thread rule: one thread at a time; a Task that has started stays on its executor's.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <utility>
#include <variant>

#include "tocsin/task/operation.hpp"

namespace tocsin {

template <class T>
class Task;

/// Is told that a task has ended: whoever keeps one without being a coroutine that awaits it.
class Completion {
 public:
  /// Answers the coroutine to go on with, or null. Called once, from the task's final suspension:
  /// the frame may be destroyed in here.
  virtual std::coroutine_handle<> completed() noexcept = 0;

 protected:
  ~Completion() = default;
};

namespace internal {

class PromiseBase {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct Final {
    bool await_ready() const noexcept { return false; }
    // Nothing of the frame is touched once `completed` was called, neither here nor by the code
    // that the compiler makes of the final suspension: the frame may be gone.
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      const PromiseBase& promise = ended.promise();
      hand_over_to(promise.keeper_ != nullptr ? promise.keeper_->completed() : promise.awaiter_);
    }
    void await_resume() const noexcept {}
  };
  Final final_suspend() const noexcept { return {}; }

  /// The line of execution this task runs in. Requires: it has started.
  Context& context() const { return *context_; }

  void begin(Waiter waiter) {
    CHECK(context_ == nullptr, "a task is awaited once");
    context_ = waiter.context;
    awaiter_ = waiter.handle;
  }
  void begin(Context& context, Completion& keeper) {
    begin(Waiter{nullptr, &context});
    keeper_ = &keeper;
  }

  /// The frame is about to be destroyed before its end.
  void give_up() {
    if (context_ != nullptr) context_->give_up();
  }

 private:
  Context* context_ = nullptr;       // Null until begun.
  std::coroutine_handle<> awaiter_;  // Whoever awaits it, or else
  Completion* keeper_ = nullptr;     // whoever keeps it.
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object();
  void unhandled_exception() noexcept { outcome_.template emplace<2>(std::current_exception()); }

  template <class U = T>  // The default is for `co_return {}`.
    requires std::constructible_from<T, U>
  void return_value(U&& value) {
    outcome_.template emplace<1>(std::forward<U>(value));
  }
  T take() {
    if (outcome_.index() == 2) std::rethrow_exception(std::get<2>(outcome_));
    return std::move(std::get<1>(outcome_));
  }

 private:
  std::variant<std::monostate, T, std::exception_ptr> outcome_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object();
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }
  void return_void() const {}
  void take() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::exception_ptr exception_;
};

}  // namespace internal

/// See the head of this file. Awaited at most once; the result is handed over, not copied.
template <class T = void>
class [[nodiscard]] Task final {
 public:
  using promise_type = internal::Promise<T>;
  using Frame = std::coroutine_handle<promise_type>;

  /// Only for a promise: user code gets a Task by calling a coroutine.
  explicit Task(Frame frame) : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  /// Requires: the body is not running now.
  ~Task() {
    if (!frame_) return;
    if (!frame_.done()) frame_.promise().give_up();
    frame_.destroy();
  }

  bool await_ready() const { return false; }

  /// Begins the body in the waiter's Context, by handing over to it.
  void suspend(Waiter waiter) {
    promise().begin(waiter);
    internal::hand_over_to(frame_);
  }

  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiter) {
    suspend(Waiter{waiter, &waiter.promise().context()});
  }

  /// Hands the result over, or rethrows. Requires: it has ended.
  T await_resume() { return frame_.promise().take(); }

  /// For keepers that are no coroutines (Scope, when_all): runs the body in `context`, both of
  /// which must outlive it, until it first waits. It may have ended, and `keeper` been told, before
  /// this returns: then nothing of this Task was touched any more.
  void begin(Context& context, Completion& keeper) {
    promise().begin(context, keeper);
    internal::run_coroutine(frame_);
  }

 private:
  promise_type& promise() const {
    CHECK(frame_, "a task that was moved from cannot be awaited");
    return frame_.promise();
  }

  Frame frame_;
};

namespace internal {

template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(Task<T>::Frame::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(Task<void>::Frame::from_promise(*this));
}

/// Any awaitable as a Task: for those who need a body to own.
template <class T>
Task<T> as_task(Task<T> task) {
  return task;
}

template <Awaitable A>
Task<AwaitResult<A>> as_task(A awaitable) {
  co_return co_await awaitable;
}

}  // namespace internal

/// Answers the Context of the coroutine that awaits it, at once: `Context& c = co_await
/// this_context();` for whoever wants to cancel it from elsewhere. It lives as long as the line.
class [[nodiscard]] ThisContext {
 public:
  bool await_ready() const { return false; }
  bool suspend(Waiter waiter) {
    context_ = waiter.context;
    return false;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }
  Context& await_resume() const { return *context_; }

 private:
  Context* context_ = nullptr;
};

inline ThisContext this_context() { return {}; }

}  // namespace tocsin
