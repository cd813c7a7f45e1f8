// SPDX-License-Identifier: MIT
#include "tocsin/task/scope.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/task_testing.hpp"

namespace tocsin {
namespace {

const Result<> cancelled = std::unexpected(Errno::cancelled);

struct ScopeTest : testing::Test {
  Task<Result<>> passes(Counted) { co_return co_await gate.pass(); }
  Task<Result<>> passes() { return passes(Counted(alive)); }
  Task<Result<>> fails(Errno error) {
    (void)co_await gate.pass();
    co_return std::unexpected(error);
  }
  Task<> throws(std::string what) {
    (void)co_await gate.pass();
    throw std::runtime_error(what);
  }
  /// Joins `scope` and keeps what that gave; an exception's text is kept in `thrown`.
  Task<> joins(Scope& scope) {
    try {
      joined = co_await scope.join();
    } catch (const std::runtime_error& error) {
      thrown = error.what();
    }
  }
  void open_gate() {
    gate.open();
    executor.run_until_idle();
  }

  ManualExecutor executor;
  Gate gate;
  int alive = 0;
  std::optional<Result<>> joined;
  std::string thrown;
  Scope joiners{executor};  // Where tests spawn whoever joins the Scope they look at.
};

TEST_F(ScopeTest, ATaskRunsAtOnceUntilItFirstWaits) {
  Scope scope(executor);
  scope.spawn(passes());
  EXPECT_TRUE(gate.has_waiting());
  EXPECT_EQ(scope.size(), 1u);
  open_gate();
  EXPECT_EQ(scope.size(), 0u);
  EXPECT_EQ(alive, 0) << "the frame goes when the task ends, not when the Scope does";
}

TEST_F(ScopeTest, ATaskThatNeverWaitsIsOverWhenSpawnReturns) {
  Scope scope(executor);
  gate.open();
  scope.spawn(passes());
  EXPECT_EQ(scope.size(), 0u);
}

TEST_F(ScopeTest, JoiningAnEmptyScopeNeedsNoWaiting) {
  Scope scope(executor);
  joiners.spawn(joins(scope));
  EXPECT_EQ(joined, Result<>{});
}

TEST_F(ScopeTest, JoinWaitsForTheLast) {
  Gate other;
  Scope scope(executor);
  scope.spawn(passes());
  scope.spawn([](Gate& at) -> Task<> { (void)co_await at.pass(); }(other));
  joiners.spawn(joins(scope));
  open_gate();
  EXPECT_FALSE(joined);
  other.open();
  executor.run_until_idle();
  EXPECT_EQ(joined, Result<>{});
}

TEST_F(ScopeTest, TheFirstFailureCancelsTheOthersAndIsWhatJoinGives) {
  Gate never;
  Scope scope(executor);
  scope.spawn([](Gate& at) -> Task<Result<>> { co_return co_await at.pass(); }(never));
  scope.spawn(fails(Errno{EPIPE}));
  scope.spawn(fails(Errno{EBADF}));
  joiners.spawn(joins(scope));
  open_gate();
  EXPECT_EQ(joined, Result<>(std::unexpected(Errno{EPIPE})));
  EXPECT_FALSE(never.has_waiting());
}

TEST_F(ScopeTest, AskedToCarryOnTheOthersRunToTheirEnd) {
  Gate later;
  bool carried_on = false;
  Scope scope(executor, OnFailure::carry_on);
  scope.spawn([](Gate& at, bool& done) -> Task<> { done = (co_await at.pass()).has_value(); }(
                                           later, carried_on));
  scope.spawn(fails(Errno{EPIPE}));
  joiners.spawn(joins(scope));
  open_gate();
  EXPECT_FALSE(joined) << "one task still runs";
  later.open();
  executor.run_until_idle();
  EXPECT_TRUE(carried_on);
  EXPECT_EQ(joined, Result<>(std::unexpected(Errno{EPIPE})));
}

TEST_F(ScopeTest, AnExceptionIsAFailureAndComesOutOfJoin) {
  Gate never;
  Scope scope(executor);
  scope.spawn([](Gate& at) -> Task<> { (void)co_await at.pass(); }(never));
  scope.spawn(throws("first"));
  scope.spawn(throws("second"));
  joiners.spawn(joins(scope));
  open_gate();
  EXPECT_EQ(thrown, "first");
  EXPECT_FALSE(never.has_waiting());
}

TEST_F(ScopeTest, OfAFailureAndAnExceptionTheFirstCounts) {
  Scope scope(executor);
  scope.spawn(fails(Errno{EPIPE}));
  scope.spawn(throws("too late"));
  joiners.spawn(joins(scope));
  open_gate();
  EXPECT_EQ(thrown, "");
  EXPECT_EQ(joined, Result<>(std::unexpected(Errno{EPIPE})));
}

TEST_F(ScopeTest, AfterAJoinTheScopeIsAsNew) {
  Scope scope(executor);
  scope.spawn(fails(Errno{EPIPE}));
  open_gate();
  joiners.spawn(joins(scope));
  EXPECT_FALSE(joined->has_value());
  gate.close();
  scope.spawn(passes());
  EXPECT_TRUE(gate.has_waiting()) << "it was born cancelled";
  open_gate();
  joiners.spawn(joins(scope));
  EXPECT_EQ(joined, Result<>{});
}

TEST_F(ScopeTest, CancelReachesEveryTask) {
  Scope scope(executor);
  for (int i = 0; i < 10; ++i) scope.spawn(passes());
  scope.cancel();
  EXPECT_EQ(scope.size(), 10u) << "none is resumed from inside the call";
  joiners.spawn(joins(scope));
  executor.run_until_idle();
  EXPECT_EQ(joined, cancelled);
  EXPECT_EQ(alive, 0);
}

TEST_F(ScopeTest, ATaskSpawnedIntoACancelledScopeIsBornCancelled) {
  Scope scope(executor);
  scope.cancel();
  scope.spawn(passes());
  EXPECT_EQ(scope.size(), 0u);
  joiners.spawn(joins(scope));
  EXPECT_EQ(joined, cancelled);
}

TEST_F(ScopeTest, CancellingWhoeverJoinsCancelsTheTasksAndStillWaitsForThem) {
  struct Stubborn {
    static Task<> body(Gate& gate, int& alive) {
      Counted counted(alive);
      (void)co_await gate.pass();
      co_await body_end();
    }
    static Task<> body_end() { co_return; }
  };
  Scope scope(executor);
  scope.spawn(Stubborn::body(gate, alive));
  joiners.spawn(joins(scope));
  joiners.cancel();
  EXPECT_FALSE(joined);
  EXPECT_EQ(alive, 1);
  executor.run_until_idle();
  EXPECT_TRUE(joined);
  EXPECT_EQ(alive, 0);
}

TEST_F(ScopeTest, JoiningFromACancelledLineCancelsTheTasks) {
  Scope scope(executor);
  scope.spawn(passes());
  joiners.cancel();
  joiners.spawn(joins(scope));
  EXPECT_FALSE(joined);
  executor.run_until_idle();
  EXPECT_EQ(joined, cancelled);
}

TEST_F(ScopeTest, ATaskMaySpawnItsSiblingsWhileTheScopeIsJoined) {
  struct Family {
    static Task<> grows(Scope& scope, Gate& gate, int generations, int& born) {
      ++born;
      (void)co_await gate.pass();
      if (generations > 0) scope.spawn(grows(scope, gate, generations - 1, born));
    }
  };
  int born = 0;
  Scope scope(executor);
  scope.spawn(Family::grows(scope, gate, 5, born));
  joiners.spawn(joins(scope));
  open_gate();
  EXPECT_EQ(born, 6);
  EXPECT_EQ(joined, Result<>{});
}

// The gap that there is not: were the joiner queued when the last task ends, what a stranger spawns
// before its turn would outlive the join, or complete it twice.
TEST_F(ScopeTest, BetweenTheEndOfTheLastTaskAndTheReturnOfJoinNothingRuns) {
  std::vector<std::string> log;
  Scope scope(executor);
  scope.spawn([](Gate& at, std::vector<std::string>& out) -> Task<> {
    (void)co_await at.pass();
    out.push_back("last task");
  }(gate, log));
  joiners.spawn([](Scope& of, std::vector<std::string>& out) -> Task<> {
    (void)co_await of.join();
    out.push_back("join");
  }(scope, log));
  joiners.spawn([](Gate& at, std::vector<std::string>& out) -> Task<> {
    (void)co_await at.pass();
    out.push_back("stranger");
  }(gate, log));
  open_gate();
  EXPECT_EQ(log, (std::vector<std::string>{"last task", "join", "stranger"}));
}

TEST_F(ScopeTest, WhoeverJoinsMayBeDestroyedAndAnotherJoin) {
  Scope scope(executor);
  scope.spawn(passes());
  {
    Scope impatient(executor);
    impatient.spawn(joins(scope));
  }
  EXPECT_EQ(scope.size(), 1u);
  joiners.spawn(joins(scope));
  open_gate();
  EXPECT_EQ(joined, Result<>{});
}

TEST_F(ScopeTest, ScopesNestAndAreCancelledFromTheOutside) {
  struct Nested {
    static Task<Result<>> level(Executor& executor, Gate& gate, int depth, Counted, int& alive) {
      if (depth == 0) co_return co_await gate.pass();
      Scope scope(executor);
      scope.spawn(level(executor, gate, depth - 1, Counted(alive), alive));
      scope.spawn(level(executor, gate, depth - 1, Counted(alive), alive));
      co_return co_await scope.join();
    }
  };
  Scope scope(executor);
  scope.spawn(Nested::level(executor, gate, 5, Counted(alive), alive));
  EXPECT_EQ(alive, 63);
  scope.cancel();
  joiners.spawn(joins(scope));
  executor.run_until_idle();
  EXPECT_EQ(joined, cancelled);
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace tocsin
