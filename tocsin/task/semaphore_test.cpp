// SPDX-License-Identifier: MIT
#include "tocsin/task/semaphore.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/sleep.hpp"
#include "tocsin/task/task_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

struct SemaphoreTest : testing::Test {
  /// Holds a permit until the gate opens.
  Task<> passes(int who) {
    const auto permit = co_await semaphore.acquire();
    if (!permit) co_return;
    order.push_back(who);
    (void)co_await gate.pass();
  }

  ManualExecutor executor;
  Gate gate;
  Semaphore semaphore{2};
  std::vector<int> order;  // Who got a permit, in that order.
  Scope scope{executor};
};

TEST_F(SemaphoreTest, APermitThatIsThereNeedsNoWaiting) {
  scope.spawn(passes(1));
  scope.spawn(passes(2));
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_EQ(semaphore.available(), 0u);
}

TEST_F(SemaphoreTest, AtMostSoManyHoldOneAtATime) {
  int holding = 0;
  int most = 0;
  const auto works = [](Semaphore& limit, int& now, int& max) -> Task<> {
    const auto permit = co_await limit.acquire();
    max = std::max(max, ++now);
    (void)co_await sleep_for(1s);
    --now;
  };
  for (int i = 0; i < 10; ++i) scope.spawn(works(semaphore, holding, most));
  executor.advance(4s);
  EXPECT_EQ(scope.size(), 2u);
  executor.advance(1s);
  EXPECT_EQ(scope.size(), 0u);
  EXPECT_EQ(most, 2);
  EXPECT_EQ(semaphore.available(), 2u);
}

TEST_F(SemaphoreTest, WhoeverHasWaitedLongestIsNext) {
  for (int i = 1; i <= 6; ++i) scope.spawn(passes(i));
  gate.open();
  executor.run_until_idle();
  EXPECT_EQ(order, (std::vector{1, 2, 3, 4, 5, 6}));
}

TEST_F(SemaphoreTest, NobodyOvertakesTheOneWhoWasWokenAndHasNotGoneOn) {
  std::optional<Semaphore::Permit> mine(std::move(semaphore.try_acquire().value()));
  const auto other = semaphore.try_acquire();
  scope.spawn(passes(1));
  mine.reset();
  EXPECT_EQ(semaphore.available(), 0u);
  EXPECT_EQ(semaphore.try_acquire().error(), Errno::again);
  scope.spawn(passes(2));
  gate.open();
  executor.run_until_idle();
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST_F(SemaphoreTest, APermitIsGivenBackOnceHoweverItMoves) {
  auto first = semaphore.try_acquire();
  auto second = semaphore.try_acquire();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(semaphore.try_acquire().error(), Errno::again);
  {
    const Semaphore::Permit moved = std::move(*first);
    EXPECT_EQ(semaphore.available(), 0u);
  }
  EXPECT_EQ(semaphore.available(), 1u);
  {
    Semaphore::Permit target = std::move(*semaphore.try_acquire());
    target = std::move(*second);
  }
  EXPECT_EQ(semaphore.available(), 1u) << "what the target held went to the one it was moved from";
  second = std::unexpected(Errno::again);
  EXPECT_EQ(semaphore.available(), 2u);
}

TEST_F(SemaphoreTest, AnExceptionGivesItBack) {
  scope.spawn([](Semaphore& limit) -> Task<> {
    const auto permit = co_await limit.acquire();
    throw std::runtime_error("while holding it");
  }(semaphore));
  EXPECT_EQ(semaphore.available(), 2u);
}

TEST_F(SemaphoreTest, OneThatIsCancelledWhileItWaitsHoldsNone) {
  const auto one = semaphore.try_acquire();
  auto other = semaphore.try_acquire();
  scope.spawn(passes(1));
  scope.cancel();
  other = std::unexpected(Errno::again);
  EXPECT_EQ(semaphore.available(), 1u);
  executor.run_until_idle();
  EXPECT_TRUE(order.empty());
}

TEST_F(SemaphoreTest, OneThatWasGrantedBeforeItsCancellationHasIt) {
  const auto one = semaphore.try_acquire();
  auto other = semaphore.try_acquire();
  scope.spawn(passes(1));
  other = std::unexpected(Errno::again);
  scope.cancel();
  executor.run_until_idle();
  EXPECT_EQ(order, (std::vector{1}));
  EXPECT_EQ(semaphore.available(), 1u);
}

TEST_F(SemaphoreTest, OneThatIsDestroyedAfterItWasGrantedPassesItOn) {
  const auto one = semaphore.try_acquire();
  auto other = semaphore.try_acquire();
  std::optional<Scope> doomed(executor);
  doomed->spawn(passes(1));
  scope.spawn(passes(2));
  other = std::unexpected(Errno::again);
  doomed.reset();
  executor.run_until_idle();
  EXPECT_EQ(order, (std::vector{2}));
}

TEST_F(SemaphoreTest, OfNoPermitsNobodyPasses) {
  Semaphore none(0);
  EXPECT_EQ(none.try_acquire().error(), Errno::again);
}

using SemaphoreDeathTest = SemaphoreTest;

TEST_F(SemaphoreDeathTest, ASemaphoreOutlivesItsPermits) {
  auto brief = std::make_unique<Semaphore>(1);
  auto permit = brief->try_acquire();
  EXPECT_DEATH(brief.reset(), "while somebody holds a permit");
}

TEST_F(SemaphoreDeathTest, ASemaphoreOutlivesWhoeverWaits) {
  auto brief = std::make_unique<Semaphore>(0);
  Scope waiting(executor);
  waiting.spawn([](Semaphore& limit) -> Task<> { (void)co_await limit.acquire(); }(*brief));
  EXPECT_DEATH(brief.reset(), "while somebody waits for a permit");
  waiting.cancel();
  executor.run_until_idle();
}

}  // namespace
}  // namespace tocsin
