// SPDX-License-Identifier: MIT
#include "tocsin/task/context.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/task_testing.hpp"

namespace tocsin {
namespace {

/// A line that keeps what each of its waits gave.
struct ContextTest : testing::Test {
  static Task<> passes(Gate& first, Gate& second, std::vector<Result<>>& results) {
    results.push_back(co_await first.pass());
    results.push_back(co_await second.pass());
  }
  struct Line final : Completion {
    Line(Executor& executor, Task<> body) : context(executor), task(std::move(body)) {
      task.begin(context, *this);
    }
    std::coroutine_handle<> completed() noexcept override {
      ended = true;
      return nullptr;
    }
    Context context;
    bool ended = false;
    Task<> task;
  };

  ManualExecutor executor;
  Gate first;
  Gate second;
  std::vector<Result<>> results;
};

const Result<> cancelled = std::unexpected(Errno::cancelled);

TEST_F(ContextTest, CancellingEndsTheWaitAndEveryLaterOne) {
  Line line(executor, passes(first, second, results));
  line.context.cancel();
  executor.run_until_idle();
  EXPECT_TRUE(line.ended);
  EXPECT_EQ(results, (std::vector{cancelled, cancelled}));
  EXPECT_FALSE(first.has_waiting());
}

TEST_F(ContextTest, ACancelledLineIsResumedFromTheQueueNeverFromInsideTheCall) {
  Line line(executor, passes(first, second, results));
  line.context.cancel();
  EXPECT_TRUE(results.empty());
  EXPECT_FALSE(first.has_waiting()) << "what it waited for is given up at once";
}

TEST_F(ContextTest, WhatNeedsNoWaitingIsDoneAlthoughTheLineIsCancelled) {
  second.open();
  Line line(executor, passes(first, second, results));
  line.context.cancel();
  executor.run_until_idle();
  EXPECT_EQ(results, (std::vector{cancelled, Result<>{}}));
}

TEST_F(ContextTest, ALineCancelledBeforeItsFirstWaitDoesNotWait) {
  struct Early {
    static Task<> body(Gate& gate, std::vector<Result<>>& out) {
      Context& context = co_await this_context();
      context.cancel();
      out.push_back(co_await gate.pass());
    }
  };
  Line line(executor, Early::body(first, results));
  EXPECT_TRUE(line.ended) << "not even one turn of the executor was needed";
  EXPECT_EQ(results, (std::vector{cancelled}));
}

TEST_F(ContextTest, WhatCompletedBeforeTheCancellationCountsAndTheNextWaitEnds) {
  Line line(executor, passes(first, second, results));
  first.open();
  line.context.cancel();
  executor.run_until_idle();
  EXPECT_EQ(results, (std::vector{Result<>{}, cancelled}));
}

TEST_F(ContextTest, WhatWouldCompleteAfterTheCancellationComesTooLate) {
  Line line(executor, passes(first, second, results));
  line.context.cancel();
  first.open();
  executor.run_until_idle();
  EXPECT_EQ(results[0], cancelled);
}

TEST_F(ContextTest, ASecondCancellationDoesNothing) {
  Line line(executor, passes(first, second, results));
  line.context.cancel();
  line.context.cancel();
  EXPECT_EQ(executor.run_until_idle(), 1);
  line.context.cancel();
  EXPECT_TRUE(executor.is_idle());
}

TEST_F(ContextTest, LinesAreCancelledOneByOne) {
  Line one(executor, passes(first, second, results));
  Line other(executor, passes(first, second, results));
  one.context.cancel();
  executor.run_until_idle();
  EXPECT_TRUE(one.ended);
  EXPECT_FALSE(other.ended);
  EXPECT_TRUE(first.has_waiting());
}

TEST_F(ContextTest, AnOperationCanBeMovedBeforeItIsAwaitedAndAwaitedByName) {
  struct Named {
    static Task<> body(Gate& gate, std::vector<Result<>>& out) {
      Gate::Pass made = gate.pass();
      Gate::Pass moved = std::move(made);
      out.push_back(co_await moved);
    }
  };
  Line line(executor, Named::body(first, results));
  first.open();
  executor.run_until_idle();
  EXPECT_EQ(results, (std::vector{Result<>{}}));
}

using ContextDeathTest = ContextTest;

TEST_F(ContextDeathTest, AContextIsNotDestroyedBeforeItsLine) {
  struct Keeper final : Completion {
    std::coroutine_handle<> completed() noexcept override { return nullptr; }
  };
  EXPECT_DEATH(
      {
        Keeper keeper;
        Task<> task = passes(first, second, results);
        Context context(executor);
        task.begin(context, keeper);
      },
      "outlived its context");
}

}  // namespace
}  // namespace tocsin
