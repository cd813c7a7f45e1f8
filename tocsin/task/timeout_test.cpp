// SPDX-License-Identifier: MIT
#include "tocsin/task/timeout.hpp"

#include <memory>
#include <optional>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tocsin/task/channel.hpp"
#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/sleep.hpp"
#include "tocsin/task/task_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

const Result<> timed_out = std::unexpected(Errno::timed_out);
const Result<> cancelled = std::unexpected(Errno::cancelled);

struct TimeoutTest : testing::Test {
  template <Awaitable A>
  static Task<AwaitResult<A>> awaits(A awaitable) {
    co_return co_await awaitable;
  }
  /// Starts to await it; what it gives is in `result` once it has ended.
  template <Awaitable A>
  void start(A awaitable) {
    scope.spawn(into(result, awaits(std::move(awaitable))));
  }
  Task<Result<>> passes_and_notes(TimePoint& ended) {
    const Result<> passed = co_await gate.pass();
    ended = executor.now();
    co_return passed;
  }

  ManualExecutor executor;
  Gate gate;
  std::optional<Result<>> result;
  Scope scope{executor, OnFailure::carry_on};
};

TEST_F(TimeoutTest, WhatIsInTimeComesThrough) {
  start(timeout(5s, gate.pass()));
  gate.open();
  executor.run_until_idle();
  EXPECT_EQ(result, Result<>{});
  EXPECT_FALSE(executor.has_alarms());
}

TEST_F(TimeoutTest, WhatNeedsNoWaitingArmsNothing) {
  gate.open();
  start(timeout(-1s, gate.pass()));
  EXPECT_EQ(result, Result<>{});
  EXPECT_FALSE(executor.has_alarms());
}

TEST_F(TimeoutTest, WhatIsCutShortHasTimedOutAndWaitsNoLonger) {
  start(timeout(5s, gate.pass()));
  executor.advance(5s - 1ns);
  EXPECT_FALSE(result);
  executor.advance(1ns);
  EXPECT_EQ(result, timed_out);
  EXPECT_FALSE(gate.has_waiting());
}

TEST_F(TimeoutTest, ALengthCountsFromTheTurnInWhichItIsAwaited) {
  auto made_early = timeout(5s, gate.pass());
  executor.advance(3s);
  start(std::move(made_early));
  executor.advance(4s);
  EXPECT_FALSE(result);
  executor.advance(1s);
  EXPECT_EQ(result, timed_out);
}

TEST_F(TimeoutTest, ADeadlineIsAnInstant) {
  executor.advance(3s);
  start(deadline(TimePoint{5s}, gate.pass()));
  executor.advance(2s);
  EXPECT_EQ(result, timed_out);
}

TEST_F(TimeoutTest, ADeadlineThatIsPastCutsShortInTheNextTurn) {
  executor.advance(3s);
  start(deadline(TimePoint{1s}, gate.pass()));
  EXPECT_FALSE(result);
  executor.run_until_idle();
  EXPECT_EQ(result, timed_out);
  EXPECT_EQ(executor.now(), TimePoint{3s});
}

TEST_F(TimeoutTest, AnErrorThatIsNotTheTimeoutsComesThrough) {
  Channel<int> channel(1);
  Result<int> got = 0;
  scope.spawn([](Channel<int>& from, Result<int>& out) -> Task<> {
    out = co_await timeout(5s, from.receive());
  }(channel, got));
  channel.close();
  executor.run_until_idle();
  EXPECT_EQ(got.error(), Errno{EPIPE});
}

TEST_F(TimeoutTest, TheParentsCancellationIsHandedOnAndIsNoTimeout) {
  start(timeout(5s, gate.pass()));
  scope.cancel();
  executor.run_until_idle();
  EXPECT_EQ(result, cancelled);
  EXPECT_FALSE(executor.has_alarms());
}

TEST_F(TimeoutTest, InALineThatIsCancelledNothingWaits) {
  scope.cancel();
  start(timeout(5s, gate.pass()));
  EXPECT_EQ(result, cancelled);
  EXPECT_FALSE(executor.has_alarms());
}

TEST_F(TimeoutTest, AnAlarmAfterTheCancellationChangesNothing) {
  start(timeout(5s, gate.pass()));
  executor.elapse(
      5s);  // The alarm is queued, and runs after the next line and before the resumption.
  scope.cancel();
  executor.run_until_idle();
  EXPECT_EQ(result, cancelled);
}

TEST_F(TimeoutTest, ACancellationAfterTheAlarmChangesNothing) {
  Context* line = nullptr;
  struct CancelsLater final : Alarm {
    explicit CancelsLater(Context*& which) : context(which) {}
    void run() override { context->cancel(); }
    Context*& context;
  };
  CancelsLater cancels(line);
  scope.spawn([](Context*& out, Gate& at, std::optional<Result<>>& kept) -> Task<> {
    Context& context = co_await this_context();
    out = &context;
    kept = co_await timeout(5s, at.pass());
  }(line, gate, result));
  executor.arm(cancels, TimePoint{5s}, {});  // After the timeout's own alarm, before its effect.
  executor.advance(5s);
  EXPECT_EQ(result, timed_out);
}

TEST_F(TimeoutTest, WhatCompletedBeforeTheAlarmCountsAlthoughItWasNotResumed) {
  start(timeout(5s, gate.pass()));
  gate.open();
  executor.elapse(5s);
  executor.run_until_idle();
  EXPECT_EQ(result, Result<>{});
}

TEST_F(TimeoutTest, OfNestedTimeoutsTheShorterOneDecides) {
  start(timeout(1s, timeout(5s, gate.pass())));
  executor.advance(1s);
  EXPECT_EQ(result, timed_out);
  result.reset();
  start(timeout(5s, timeout(1s, gate.pass())));
  executor.advance(1s);
  EXPECT_EQ(result, timed_out);
  EXPECT_FALSE(executor.has_alarms());
  result.reset();
  start(timeout(1s, timeout(1s, gate.pass())));
  executor.advance(1s);
  EXPECT_EQ(result, timed_out);
  EXPECT_FALSE(executor.has_alarms());
}

TEST_F(TimeoutTest, AnInnerTimeoutLeavesTheLineAlive) {
  scope.spawn([](Gate& at, std::optional<Result<>>& out) -> Task<> {
    const auto in_time = co_await timeout(1s, at.pass());
    EXPECT_EQ(in_time, timed_out);
    out = co_await sleep_for(1s);
  }(gate, result));
  executor.advance(2s);
  EXPECT_EQ(result, Result<>{});
}

TEST_F(TimeoutTest, ATaskIsCutShortAtItsInnermostWaitAndHasEndedWhenTheAwaitReturns) {
  TimePoint ended{};
  start(timeout(5s, awaits(passes_and_notes(ended))));
  executor.advance(10s);
  EXPECT_EQ(result, timed_out);
  EXPECT_EQ(ended, TimePoint{5s});
}

TEST_F(TimeoutTest, ATaskThatSucceedsInSpiteOfItsTimeHasSucceeded) {
  start(timeout(5s, [](Gate& at) -> Task<Result<>> {
    (void)co_await at.pass();
    co_return {};
  }(gate)));
  executor.advance(5s);
  EXPECT_EQ(result, Result<>{});
}

TEST_F(TimeoutTest, OfATaskThatGivesNothingNobodyKnowsAndItHasTimedOut) {
  start(timeout(5s, [](Gate& at) -> Task<> { (void)co_await at.pass(); }(gate)));
  executor.advance(5s);
  EXPECT_EQ(result, timed_out);
}

TEST_F(TimeoutTest, AValueThatIsNoResultBecomesOneAndNeedNotBeCopied) {
  std::optional<Result<std::unique_ptr<int>>> got;
  const auto makes = [](Gate& at) -> Task<std::unique_ptr<int>> {
    (void)co_await at.pass();
    co_return std::make_unique<int>(7);
  };
  scope.spawn(into(got, awaits(timeout(5s, makes(gate)))));
  executor.advance(5s);
  ASSERT_TRUE(got && *got);
  EXPECT_EQ(***got, 7);
}

/// An error that knows more than its number.
struct WordedError {
  WordedError(Errno errno_of_it) : number(errno_of_it) {}
  bool operator==(Errno other) const { return number == other; }
  Errno number;
};
TEST_F(TimeoutTest, AnErrorThatCanBeAnErrnoIsOneAfterwards) {
  std::expected<int, WordedError> given = 0;
  const auto worded = [](Gate& passage) -> Task<std::expected<int, WordedError>> {
    const Result<> passed = co_await passage.pass();
    if (!passed) co_return std::unexpected(passed.error());
    co_return 7;
  };
  scope.spawn([](auto task, std::expected<int, WordedError>& into) -> Task<> {
    into = co_await timeout(10s, std::move(task));
  }(worded(gate), given));
  executor.advance(10s);
  ASSERT_FALSE(given);
  EXPECT_TRUE(given.error() == Errno::timed_out);
}

TEST_F(TimeoutTest, AnExceptionComesThroughAndDisarms) {
  scope.spawn([](Gate& at) -> Task<> {
    const auto throws = [](Gate& where) -> Task<> {
      (void)co_await where.pass();
      throw std::runtime_error("inside");
    };
    EXPECT_THROW((void)co_await timeout(5s, throws(at)), std::runtime_error);
  }(gate));
  gate.open();
  executor.run_until_idle();
  EXPECT_EQ(scope.size(), 0u);
  EXPECT_FALSE(executor.has_alarms());
}

TEST_F(TimeoutTest, OneThatIsAwaitedByNameIsDisarmedAlthoughItLivesOn) {
  ONLY_WITH_A_QUEUE_TO_LOOK_INTO(executor);
  scope.spawn([](ManualExecutor& on, Gate& at) -> Task<> {
    auto named = timeout(5s, at.pass());
    EXPECT_TRUE(co_await named);
    EXPECT_FALSE(on.has_alarms());
  }(executor, gate));
  gate.open();
  executor.run_until_idle();
  EXPECT_EQ(scope.size(), 0u);
}

TEST_F(TimeoutTest, LongerThanThereIsTimeMeansForEver) {
  executor.advance(10s);
  start(timeout(Duration::max(), gate.pass()));
  executor.advance(std::chrono::years{200});
  EXPECT_FALSE(result);
}

TEST_F(TimeoutTest, OneThatIsDestroyedWhileItWaitsIsDisarmed) {
  {
    Scope inner(executor);
    inner.spawn(into(result, awaits(timeout(5s, awaits(gate.pass())))));
    EXPECT_TRUE(executor.has_alarms());
  }
  EXPECT_FALSE(executor.has_alarms());
  EXPECT_FALSE(gate.has_waiting());
}

}  // namespace
}  // namespace tocsin
