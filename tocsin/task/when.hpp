// SPDX-License-Identifier: MIT
//
// when_all, when_any: several awaitables side by side, awaited as one.
//
//     co_await when_any(a, b, c)
//       └─ Together: a Suspension in the caller's Context
//            └─ a Branch each: a Context and a Task
//
// Both are structured: when the `co_await` returns, every branch has ended. when_all gives a tuple
// of all results. when_any gives the first one, as a variant whose index says whose it was. The
// others are not started if one gives its result at once. A branch that is one operation (a
// receive, a sleep, a timeout around either) is destroyed, so that it takes nothing: an item that
// was on its way to it stays in its Channel. A branch that is a Task is cancelled and waited for,
// and what it may still produce is dropped. Cancelling the caller cancels every branch.
//
// The branches start in order, each running until it first waits.
//
// Ownership: the awaitables are moved in. Thread rule: the executor's thread.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "tocsin/task/task.hpp"

namespace tocsin {

namespace internal {

/// In the place of void where a type is needed that has a value.
template <class T>
using NonVoid = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// What all the branches of one when_all or when_any share.
class Together : public Suspension {
 public:
  bool await_ready() const { return false; }

 protected:
  Together() = default;
  Together(Together&&) = default;
  ~Together() = default;

  class Branch : public Completion {
   public:
    bool is_active() const { return context_.has_value() && !ended_; }
    void cancel() { context_->cancel(); }

   protected:
    Branch() = default;
    Branch(const Branch&) = delete;
    Branch& operator=(const Branch&) = delete;
    ~Branch() = default;

    Together* together_ = nullptr;    // Set, like the next, when the branch starts.
    std::optional<Context> context_;  // Here, so that it outlives the task of the derived class.
    bool ended_ = false;

   private:
    std::coroutine_handle<> completed() noexcept final {
      ended_ = true;
      return together_->one_ended(*this);
    }
  };

  /// Answers whom to resume: the caller after the last branch, or nobody yet.
  std::coroutine_handle<> one_ended(Branch& branch) {
    --running_;
    if (first_ == nullptr) {
      first_ = &branch;
      on_first();
    }
    if (running_ > 0 || starting_) return nullptr;
    leave();
    return handle();
  }

  virtual void on_first() = 0;

  std::size_t running_ = 0;  // Branches that started and have not ended.
  Branch* first_ = nullptr;  // Whoever ended first.
  bool starting_ = false;    // Nobody is resumed yet: `suspend` still has branches to start.
};

template <bool any, Awaitable... As>
class [[nodiscard]] TogetherOf final : public Together {
 public:
  explicit TogetherOf(As... awaitables) : awaitables_(std::move(awaitables)...) {}
  TogetherOf(TogetherOf&& other) noexcept
      : Together(std::move(other)), awaitables_(std::move(other.awaitables_)) {}

  bool suspend(Waiter waiter) {
    enter(waiter);
    starting_ = true;
    each([&](auto& branch, auto& awaitable) {
      if (any && first_ != nullptr) return;
      ++running_;
      branch.start(*this, *waiter.context, awaitable);
    });
    starting_ = false;
    if (running_ > 0) return true;
    leave();
    return false;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }

  auto await_resume() {
    if constexpr (any) {
      return take_first(std::index_sequence_for<As...>());
    } else {
      return std::apply(
          [](auto&... branch) { return std::tuple<NonVoid<AwaitResult<As>>...>{branch.take()...}; },
          branches_);
    }
  }

 private:
  template <class A>
  class BranchOf final : public Branch {
   public:
    using Value = AwaitResult<A>;

    BranchOf() = default;
    ~BranchOf() { check_suspended(); }

    void start(TogetherOf& together, Context& parent, A& awaitable) {
      together_ = &together;
      context_.emplace(parent.executor());
      if (parent.is_cancelled()) context_->cancel();
      task_.emplace(as_task(std::move(awaitable)));
      task_->begin(*context_, *this);
    }
    /// Ends it if that can be done at once, else tells it to end. Answers whether it has ended.
    bool give_up() {
      if constexpr (is_single_wait<A>) {
        check_suspended();
        task_.reset();
        ended_ = true;
        return true;
      } else {
        cancel();
        return false;
      }
    }
    NonVoid<Value> take() {
      if constexpr (std::is_void_v<Value>) {
        task_->await_resume();
        return {};
      } else {
        return task_->await_resume();
      }
    }

   private:
    void check_suspended() const {
      CHECK(!this->is_active() || !this->context_->is_running(),
            "when_all or when_any was destroyed by what runs inside it");
    }

    std::optional<Task<Value>> task_;
  };

  void on_cancel() override {
    each([](auto& branch, auto&) {
      if (branch.is_active()) branch.cancel();
    });
  }
  void on_destroy() override {}  // Each branch owns its Task, which gives up for itself.
  void on_first() override {
    if constexpr (any)
      each([this](auto& branch, auto&) {
        if (branch.is_active() && branch.give_up()) --running_;
      });
  }

  template <class Visit>
  void each(Visit visit) {
    each(visit, std::index_sequence_for<As...>());
  }
  template <class Visit, std::size_t... i>
  void each(Visit& visit, std::index_sequence<i...>) {
    (visit(std::get<i>(branches_), std::get<i>(awaitables_)), ...);
  }

  template <std::size_t... i>
  std::variant<NonVoid<AwaitResult<As>>...> take_first(std::index_sequence<i...>) {
    using Taken = std::variant<NonVoid<AwaitResult<As>>...>;
    std::optional<Taken> taken;
    const auto take = [&]<std::size_t at>() {
      auto& branch = std::get<at>(branches_);
      if (&branch == first_) taken.emplace(std::in_place_index<at>, branch.take());
    };
    (take.template operator()<i>(), ...);
    return std::move(*taken);
  }

  std::tuple<As...> awaitables_;
  std::tuple<BranchOf<As>...> branches_;
};

}  // namespace internal

/// Awaits all of them; gives std::tuple of their results, std::monostate for void. An exception
/// that a branch threw is rethrown after all have ended.
template <Awaitable... As>
internal::TogetherOf<false, As...> when_all(As... awaitables) {
  return internal::TogetherOf<false, As...>(std::move(awaitables)...);
}

/// Awaits the first of them to end; gives std::variant of the results, std::monostate for void. If
/// the first one threw, rethrows that; what a later one throws is dropped like its result.
template <Awaitable... As>
  requires(sizeof...(As) > 0)
internal::TogetherOf<true, As...> when_any(As... awaitables) {
  return internal::TogetherOf<true, As...>(std::move(awaitables)...);
}

}  // namespace tocsin
