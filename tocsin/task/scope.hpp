// SPDX-License-Identifier: MIT
//
// Scope: where tasks are spawned, and the only place where they can be.
//
//     spawn ──> Child (a Context and a Task) ──> runs beside its siblings ──> join
//
// No task outlives its Scope. `co_await scope.join()` waits for all of them; a Scope that is
// destroyed earlier (its owner was destroyed, or left without joining) destroys the tasks that
// still run, which takes back what they wait for. So whatever a spawned task refers to only has to
// be declared before the Scope.
//
// A task that fails (a Result that holds an error, or an exception) cancels its siblings, unless
// the Scope was asked to carry on; `join` then gives the first failure.
//
// Ownership: the Scope owns its tasks; the executor must outlive it. Thread rule: the executor's
// thread.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include "tocsin/base/list.hpp"
#include "tocsin/base/result.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// What a Scope does when one of its tasks fails.
enum class OnFailure : std::uint8_t { cancel_rest, carry_on };

class Scope {
 public:
  explicit Scope(Executor& executor, OnFailure on_failure = OnFailure::cancel_rest)
      : executor_(&executor), on_failure_(on_failure) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  /// Destroys the tasks that still run. What their destructors spawn is born cancelled and
  /// destroyed, too. Requires: not called from inside one of its own tasks; nobody joins it.
  ~Scope();

  /// Starts `task` at once: it runs until it first waits, then `spawn` returns. Into a cancelled
  /// Scope the task is born cancelled.
  void spawn(Task<> task);
  void spawn(Task<Result<>> task);

  /// Cancels every task that runs, and those that are spawned until the next `join` has returned.
  /// They are still to be joined; one that gives ECANCELED has failed like any other.
  void cancel();

  /// How many tasks have not ended.
  std::size_t size() const { return size_; }

  class Join;
  /// Waits until every task has ended; gives the first failure, or rethrows the first exception.
  /// Cancelling whoever awaits it cancels the tasks, and goes on waiting for them. Tasks may be
  /// spawned meanwhile. The last task to end hands over to the one who joins: between the two
  /// nothing else runs. One join at a time; afterwards the Scope can be used again.
  Join join();

 private:
  class AnyChild;
  template <class T>
  class Child;

  void begin(AnyChild* child);
  void fail(Errno error);
  void fail(std::exception_ptr exception);
  std::coroutine_handle<> ended(AnyChild& child);

  Executor* executor_;
  List<AnyChild> children_;
  Join* joiner_ = nullptr;  // Whoever awaits join(); not owned.
  std::size_t size_ = 0;    // Those in `children_` and those whose frames are being destroyed.
  Result<> outcome_;        // The first failure that was a value.
  std::exception_ptr exception_;  // The first failure that was thrown.
  OnFailure on_failure_;
  bool cancelled_ = false;
};

class Scope::AnyChild : public Completion, public ListNode {
 public:
  explicit AnyChild(Scope& scope) : scope_(&scope), context_(*scope.executor_) {}
  virtual ~AnyChild() = default;
  virtual void start() = 0;
  Context& context() { return context_; }

 protected:
  Scope* scope_;
  Context context_;
};

template <class T>
class Scope::Child final : public AnyChild {
 public:
  Child(Scope& scope, Task<T> task) : AnyChild(scope), task_(std::move(task)) {}
  void start() override { task_.begin(context_, *this); }

 private:
  std::coroutine_handle<> completed() noexcept override {
    try {
      if constexpr (std::is_void_v<T>) {
        task_.await_resume();
      } else {
        if (auto result = task_.await_resume(); !result) scope_->fail(result.error());
      }
    } catch (...) {
      scope_->fail(std::current_exception());
    }
    return scope_->ended(*this);  // Destroys this and the frame.
  }

  Task<T> task_;  // Last: the frame is destroyed before its Context.
};

class [[nodiscard]] Scope::Join final : public Suspension {
 public:
  explicit Join(Scope& scope) : scope_(&scope) {}
  Join(Join&&) = default;

  bool await_ready() const {
    CHECK(scope_->joiner_ == nullptr, "a Scope is joined by one at a time");
    return scope_->size_ == 0;
  }
  bool suspend(Waiter waiter);
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }
  Result<> await_resume();

 private:
  friend class Scope;
  void on_cancel() override { scope_->cancel(); }
  void on_destroy() override { scope_->joiner_ = nullptr; }

  Scope* scope_;
};

inline void Scope::spawn(Task<> task) { begin(new Child<void>(*this, std::move(task))); }
inline void Scope::spawn(Task<Result<>> task) {
  begin(new Child<Result<>>(*this, std::move(task)));
}
inline Scope::Join Scope::join() { return Join(*this); }

}  // namespace tocsin
