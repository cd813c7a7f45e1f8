// SPDX-License-Identifier: MIT
#include "tocsin/task/when.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/task/channel.hpp"
#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/sleep.hpp"
#include "tocsin/task/task_testing.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

const Result<> cancelled = std::unexpected(Errno::cancelled);

/// A wait that no cancellation ends: `go_on` does.
struct Stubborn final : Suspension {
  bool await_ready() const { return false; }
  void suspend(Waiter waiter) { enter(waiter); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiter) {
    suspend(Waiter{waiter, &waiter.promise().context()});
  }
  void await_resume() const {}
  void on_cancel() override {}
  void on_destroy() override {}
  void go_on() { resume_later(); }
};

struct WhenTest : testing::Test {
  template <Awaitable A>
  static Task<AwaitResult<A>> awaits(A awaitable) {
    co_return co_await awaitable;
  }
  /// Starts to await it; what it gives is in `result` once it has ended.
  template <Awaitable A>
  void start(std::optional<AwaitResult<A>>& result, A awaitable) {
    scope.spawn(into(result, awaits(std::move(awaitable))));
  }
  static Task<int> gives(int value) { co_return value; }
  static Task<int> gives_after(Gate& gate, int value) {
    (void)co_await gate.pass();
    co_return value;
  }
  static Task<int> throws_after(Gate& gate, std::string what) {
    (void)co_await gate.pass();
    throw std::runtime_error(what);
  }
  ManualExecutor executor;
  Gate a;
  Gate b;
  int alive = 0;
  Scope scope{executor, OnFailure::carry_on};
};

TEST_F(WhenTest, AllGivesEveryResultInTheOrderOfTheArguments) {
  std::optional<std::tuple<int, Result<>, int>> got;
  start(got, when_all(gives_after(a, 1), b.pass(), gives(3)));
  b.open();
  executor.run_until_idle();
  EXPECT_FALSE(got) << "the first has not ended";
  a.open();
  executor.run_until_idle();
  EXPECT_EQ(got, (std::tuple{1, Result<>{}, 3}));
}

TEST_F(WhenTest, AllOfNothingOrOfWhatIsReadyNeedsNoTurn) {
  std::optional<std::tuple<>> nothing;
  start(nothing, when_all());
  EXPECT_TRUE(nothing);
  std::optional<std::tuple<int, int>> two;
  start(two, when_all(gives(1), gives(2)));
  EXPECT_EQ(two, (std::tuple{1, 2}));
}

TEST_F(WhenTest, AllRunsItsBranchesSideBySide) {
  std::optional<std::tuple<Result<>, Result<>, Result<>>> got;
  start(got, when_all(sleep_for(3s), sleep_for(1s), sleep_for(2s)));
  executor.advance(3s);
  EXPECT_TRUE(got);
}

TEST_F(WhenTest, InThePlaceOfVoidStandsAMonostate) {
  std::optional<std::tuple<std::monostate, int>> got;
  const auto nothing = []() -> Task<> { co_return; };
  start(got, when_all(nothing(), gives(1)));
  EXPECT_EQ(std::get<1>(*got), 1);
}

TEST_F(WhenTest, ResultsThatCannotBeCopiedAreHandedOver) {
  const auto makes = [](int value) -> Task<std::unique_ptr<int>> {
    co_return std::make_unique<int>(value);
  };
  std::optional<std::tuple<std::unique_ptr<int>, std::unique_ptr<int>>> all;
  start(all, when_all(makes(1), makes(2)));
  EXPECT_EQ(*std::get<1>(*all), 2);
  std::optional<std::variant<Result<>, std::unique_ptr<int>>> any;
  start(any, when_any(a.pass(), makes(3)));
  EXPECT_EQ(*std::get<1>(*any), 3);
}

TEST_F(WhenTest, AllRethrowsAfterEveryBranchHasEnded) {
  std::string caught;
  scope.spawn([](Gate& first, Gate& second, std::string& out) -> Task<> {
    try {
      (void)co_await when_all(throws_after(first, "first"), gives_after(second, 2));
    } catch (const std::runtime_error& error) {
      out = error.what();
    }
  }(a, b, caught));
  a.open();
  executor.run_until_idle();
  EXPECT_EQ(caught, "");
  b.open();
  executor.run_until_idle();
  EXPECT_EQ(caught, "first");
}

TEST_F(WhenTest, AllHandsTheCancellationToEveryBranchAndWaitsForThem) {
  std::optional<std::tuple<Result<>, int, Result<>>> got;
  start(got, when_all(a.pass(), gives_after(b, 2), sleep_for(1s)));
  scope.cancel();
  executor.run_until_idle();
  EXPECT_EQ(got, (std::tuple{cancelled, 2, cancelled}));
  EXPECT_FALSE(a.has_waiting() || b.has_waiting() || executor.has_alarms());
}

TEST_F(WhenTest, InACancelledLineNoBranchWaits) {
  std::optional<std::tuple<Result<>, Result<>>> got;
  scope.cancel();
  start(got, when_all(a.pass(), b.pass()));
  EXPECT_EQ(got, (std::tuple{cancelled, cancelled}));
}

TEST_F(WhenTest, ABranchThatCancelsTheWholeLineReachesThoseThatStartAfterIt) {
  Context* line = nullptr;
  std::optional<std::tuple<std::monostate, Result<>>> got;
  scope.spawn([](Context*& mine, Gate& gate, auto& out) -> Task<> {
    Context& context = co_await this_context();
    mine = &context;
    const auto cancels = [](Context& which) -> Task<> {
      which.cancel();
      co_return;
    };
    out = co_await when_all(cancels(context), gate.pass());
  }(line, a, got));
  EXPECT_EQ(std::get<1>(*got), cancelled);
}

TEST_F(WhenTest, AnyGivesTheFirstToEndAndWhichItWas) {
  std::optional<std::variant<int, int, Result<>>> got;
  start(got, when_any(gives_after(a, 1), gives_after(b, 2), sleep_for(1s)));
  EXPECT_FALSE(got);
  b.open();
  executor.run_until_idle();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->index(), 1u);
  EXPECT_EQ(std::get<1>(*got), 2);
  EXPECT_FALSE(a.has_waiting() || executor.has_alarms());
}

TEST_F(WhenTest, AfterOneThatIsReadyAtOnceTheLaterOnesAreNotStarted) {
  bool started = false;
  const auto starts = [](bool& out) -> Task<> {
    out = true;
    co_return;
  };
  std::optional<std::variant<Result<>, int, std::monostate>> got;
  start(got, when_any(a.pass(), gives(7), starts(started)));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->index(), 1u);
  EXPECT_FALSE(started);
  EXPECT_FALSE(a.has_waiting());
}

TEST_F(WhenTest, AnEarlierTaskThatWaitsWhenALaterOneIsReadyIsWaitedFor) {
  std::optional<std::variant<int, int>> got;
  start(got, when_any(gives_after(a, 1), gives(7)));
  EXPECT_FALSE(got) << "the first is cancelled and has not ended yet";
  executor.run_until_idle();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->index(), 1u);
}

TEST_F(WhenTest, ALoserThatIgnoresItsCancellationIsWaitedFor) {
  const auto stubborn = [](Stubborn& wait, Counted) -> Task<> { co_await wait; };
  Stubborn wait;
  std::optional<std::variant<std::monostate, int>> got;
  start(got, when_any(stubborn(wait, Counted(alive)), gives_after(b, 2)));
  b.open();
  executor.run_until_idle();
  EXPECT_FALSE(got);
  EXPECT_EQ(alive, 1);
  wait.go_on();
  executor.run_until_idle();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->index(), 1u);
  EXPECT_EQ(alive, 0);
}

TEST_F(WhenTest, AnErrorOrAnExceptionIsAResultLikeAnyOther) {
  std::optional<std::variant<Result<>, Result<>>> got;
  start(got, when_any(timeout(1s, a.pass()), b.pass()));
  executor.advance(1s);
  ASSERT_TRUE(got);
  EXPECT_EQ(std::get<0>(*got).error(), Errno::timed_out);

  bool caught = false;
  scope.spawn([](Gate& first, Gate& second, bool& out) -> Task<> {
    try {
      (void)co_await when_any(throws_after(first, "first"), gives_after(second, 1));
    } catch (const std::runtime_error&) {
      out = true;
    }
  }(a, b, caught));
  a.open();
  executor.run_until_idle();
  EXPECT_TRUE(caught);
}

TEST_F(WhenTest, WhatALoserThrowsIsDropped) {
  std::optional<std::variant<int, int>> got;
  start(got, when_any(gives_after(a, 1), throws_after(b, "dropped")));
  a.open();
  executor.run_until_idle();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->index(), 0u);
}

TEST_F(WhenTest, OfTwoThatCompleteInOneTurnTheOtherGivesBackWhatItWasToGet) {
  Channel<int> one(1);
  Channel<int> other(1);
  std::optional<std::variant<Result<int>, Result<int>>> got;
  start(got, when_any(one.receive(), timeout(1s, other.receive())));
  EXPECT_TRUE(one.try_send(1));
  EXPECT_TRUE(other.try_send(2));
  executor.run_until_idle();
  ASSERT_TRUE(got);
  EXPECT_EQ(std::get<0>(*got), 1);
  EXPECT_EQ(other.try_receive(), 2);
  EXPECT_FALSE(executor.has_alarms());
}

TEST_F(WhenTest, WhenBothAreReadyOnlyTheFirstIsTaken) {
  Channel<int> one(1);
  Channel<int> other(1);
  EXPECT_TRUE(one.try_send(1));
  EXPECT_TRUE(other.try_send(2));
  std::optional<std::variant<Result<int>, Result<int>>> got;
  start(got, when_any(one.receive(), other.receive()));
  EXPECT_EQ(std::get<0>(*got), 1);
  EXPECT_EQ(other.size(), 1u);
}

TEST_F(WhenTest, CancellingTheCallerCancelsEveryBranch) {
  std::optional<std::variant<Result<>, int>> got;
  start(got, when_any(a.pass(), gives_after(b, 1)));
  scope.cancel();
  executor.run_until_idle();
  ASSERT_TRUE(got);
  EXPECT_EQ(std::get<0>(*got), cancelled);
  EXPECT_FALSE(a.has_waiting() || b.has_waiting());
}

TEST_F(WhenTest, TheyNest) {
  std::optional<std::variant<std::tuple<int, int>, std::variant<Result<>, int>>> got;
  start(got, when_any(when_all(gives_after(a, 1), gives_after(b, 2)),
                      when_any(sleep_for(1s), gives_after(b, 3))));
  b.open();
  executor.run_until_idle();
  ASSERT_TRUE(got);
  EXPECT_EQ(std::get<1>(std::get<1>(*got)), 3);
  EXPECT_FALSE(a.has_waiting() || executor.has_alarms());
}

TEST_F(WhenTest, DestroyedWhileTheyWaitTheyLeaveNothing) {
  {
    Scope inner(executor);
    std::optional<std::tuple<Result<>, int>> all;
    std::optional<std::variant<Result<>, int>> any;
    inner.spawn(into(all, awaits(when_all(a.pass(), gives_after(b, 1)))));
    inner.spawn(into(any, awaits(when_any(sleep_for(1s), gives_after(b, 1)))));
    b.open();  // Some branches are in the queue, some wait.
  }
  EXPECT_TRUE(executor.is_idle());
  EXPECT_FALSE(a.has_waiting() || b.has_waiting() || executor.has_alarms());
}

}  // namespace
}  // namespace tocsin
