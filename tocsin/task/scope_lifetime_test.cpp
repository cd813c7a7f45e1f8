// SPDX-License-Identifier: MIT
//
// How a Scope and its tasks go: by whose hand, in which order, and what is not allowed.
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/sleep.hpp"
#include "tocsin/task/task_testing.hpp"
#include "tocsin/task/timeout.hpp"
#include "tocsin/task/when.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

struct ScopeLifetimeTest : testing::Test {
  static Task<Result<>> passes(Gate& at, Counted) { co_return co_await at.pass(); }
  Task<Result<>> passes() { return passes(gate, Counted(alive)); }
  Task<> joins(Scope& scope) { joined = co_await scope.join(); }
  void open_gate() {
    gate.open();
    executor.run_until_idle();
  }

  ManualExecutor executor;
  Gate gate;
  int alive = 0;
  std::optional<Result<>> joined;
  Scope joiners{executor};  // Where tests spawn whoever joins the Scope they look at.
};

/// Spawns a task when it is destroyed.
struct SpawnsAtEnd {
  SpawnsAtEnd(Scope& in, Task<Result<>> what)
      : scope(&in), task(std::make_unique<Task<Result<>>>(std::move(what))) {}
  SpawnsAtEnd(SpawnsAtEnd&&) = default;
  ~SpawnsAtEnd() {
    if (task) scope->spawn(std::move(*task));
  }
  Scope* scope;
  std::unique_ptr<Task<Result<>>> task;
};

TEST_F(ScopeLifetimeTest, WhatTheLastFramesDestructorSpawnsIsJoinedToo) {
  Gate later;
  Scope scope(executor);
  scope.spawn([](Gate& at, SpawnsAtEnd) -> Task<> {
    (void)co_await at.pass();
  }(gate, SpawnsAtEnd(scope,
                      [](Gate& at) -> Task<Result<>> { co_return co_await at.pass(); }(later))));
  joiners.spawn(joins(scope));
  open_gate();
  EXPECT_FALSE(joined);
  later.open();
  executor.run_until_idle();
  EXPECT_EQ(joined, Result<>{});
}

TEST_F(ScopeLifetimeTest, WhatTheLastFramesDestructorSpawnsMayBeOverAtOnce) {
  Scope scope(executor);
  scope.spawn([](Gate& at, SpawnsAtEnd) -> Task<> { (void)co_await at.pass(); }(
                                            gate, SpawnsAtEnd(scope, passes())));
  joiners.spawn(joins(scope));
  open_gate();
  EXPECT_EQ(joined, Result<>{});
  EXPECT_EQ(alive, 0);
}

TEST_F(ScopeLifetimeTest, DestroyingAScopeDestroysTheTasksThatRun) {
  {
    Scope scope(executor);
    for (int i = 0; i < 10; ++i) scope.spawn(passes());
    EXPECT_EQ(alive, 10);
  }
  EXPECT_EQ(alive, 0);
  EXPECT_FALSE(gate.has_waiting());
  EXPECT_TRUE(executor.is_idle());
}

TEST_F(ScopeLifetimeTest, AScopeIsDestroyedWithTasksThatAreToBeResumed) {
  ONLY_WITH_A_QUEUE_TO_LOOK_INTO(executor);
  {
    Scope scope(executor);
    scope.spawn(passes());
    scope.spawn(passes());
    scope.cancel();
    EXPECT_FALSE(executor.is_idle());
  }
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(executor.is_idle());
}

TEST_F(ScopeLifetimeTest, DestroyingAScopeTakesWhatItsFramesDestructorsSpawn) {
  {
    Scope scope(executor);
    scope.spawn([](Gate& at, SpawnsAtEnd) -> Task<> { (void)co_await at.pass(); }(
                                              gate, SpawnsAtEnd(scope, passes())));
  }
  EXPECT_EQ(alive, 0);
  EXPECT_FALSE(gate.has_waiting());
}

TEST_F(ScopeLifetimeTest, AFramesDestructorMayCancelTheScopeThatIsBeingDestroyed) {
  struct CancelsAtEnd {
    Scope& scope;
    ~CancelsAtEnd() { scope.cancel(); }
  };
  {
    Scope scope(executor);
    scope.spawn([](Gate& at, Scope& of) -> Task<> {
      const CancelsAtEnd at_end{of};
      (void)co_await at.pass();
    }(gate, scope));
    scope.spawn(passes());
  }
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(executor.is_idle()) << "the sibling that was told to end is destroyed as well";
}

using ScopeDeathTest = ScopeLifetimeTest;

TEST_F(ScopeDeathTest, AScopeIsJoinedByOneAtATime) {
  Scope scope(executor);
  scope.spawn(passes());
  Scope both(executor);
  both.spawn(joins(scope));
  EXPECT_DEATH(both.spawn(joins(scope)), "joined by one at a time");
}

TEST_F(ScopeDeathTest, AScopeIsNotDestroyedWhileSomebodyElseJoinsIt) {
  auto scope = std::make_unique<Scope>(executor);
  scope->spawn(passes());
  Scope other(executor);
  other.spawn(joins(*scope));
  EXPECT_DEATH(scope.reset(), "while somebody joins it");
}

/// Destroys the Scope it runs in.
Task<> destroys(std::unique_ptr<Scope>& scope, Gate& gate) {
  (void)co_await gate.pass();
  scope.reset();
}

TEST_F(ScopeDeathTest, ATaskDoesNotDestroyItsOwnScope) {
  auto scope = std::make_unique<Scope>(executor);
  scope->spawn(destroys(scope, gate));
  EXPECT_DEATH(open_gate(), "from inside one of its tasks");
}

TEST_F(ScopeDeathTest, ATaskDoesNotDestroyItsOwnScopeBeforeItFirstWaits) {
  auto scope = std::make_unique<Scope>(executor);
  gate.open();
  EXPECT_DEATH(scope->spawn(destroys(scope, gate)), "from inside one of its tasks");
}

TEST_F(ScopeDeathTest, NeitherDoesAGrandchild) {
  auto scope = std::make_unique<Scope>(executor);
  scope->spawn([](Executor& on, std::unique_ptr<Scope>& outer, Gate& at) -> Task<> {
    Scope inner(on);
    inner.spawn(destroys(outer, at));
    (void)co_await inner.join();
  }(executor, scope, gate));
  EXPECT_DEATH(open_gate(), "from inside one of its tasks|while somebody joins it");
}

TEST_F(ScopeDeathTest, NorWhatATaskAwaitsWithATimeout) {
  auto scope = std::make_unique<Scope>(executor);
  scope->spawn([](std::unique_ptr<Scope>& outer, Gate& at) -> Task<> {
    (void)co_await timeout(1s, destroys(outer, at));
  }(scope, gate));
  EXPECT_DEATH(open_gate(), "destroyed by what runs inside it");
}

TEST_F(ScopeDeathTest, NorABranchOfWhenAll) {
  auto scope = std::make_unique<Scope>(executor);
  scope->spawn([](std::unique_ptr<Scope>& outer, Gate& at) -> Task<> {
    (void)co_await when_all(sleep_for(1s), destroys(outer, at));
  }(scope, gate));
  EXPECT_DEATH(open_gate(), "destroyed by what runs inside it");
}

TEST_F(ScopeDeathTest, NorADestructorInAFrameOfIts) {
  struct DestroysAtEnd {
    std::unique_ptr<Scope>* scope;
    explicit DestroysAtEnd(std::unique_ptr<Scope>& which) : scope(&which) {}
    DestroysAtEnd(DestroysAtEnd&& other) noexcept : scope(std::exchange(other.scope, nullptr)) {}
    ~DestroysAtEnd() {
      if (scope != nullptr) scope->reset();
    }
  };
  EXPECT_DEATH(
      {
        auto scope = std::make_unique<Scope>(executor);
        scope->spawn([](Gate& at, DestroysAtEnd) -> Task<> { (void)co_await at.pass(); }(
                                                     gate, DestroysAtEnd(scope)));
        open_gate();
      },
      "while one of its tasks was being destroyed");
}

}  // namespace
}  // namespace tocsin
