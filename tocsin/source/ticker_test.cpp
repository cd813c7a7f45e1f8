// SPDX-License-Identifier: MIT
#include "tocsin/source/ticker.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

/// Collects how many ticks each `next` gave.
Task<> collect(Ticker& ticker, std::vector<std::uint64_t>& ticks) {
  while (auto count = co_await ticker.next()) ticks.push_back(*count);
}

TEST(Ticker, TicksOnceAPeriodAndNeverEarly) {
  ManualExecutor executor;
  Ticker ticker(executor, 10ms);
  std::vector<std::uint64_t> ticks;
  Scope scope(executor);
  scope.spawn(collect(ticker, ticks));

  executor.advance(10ms - 1ns);
  EXPECT_TRUE(ticks.empty());
  executor.advance(1ns);
  EXPECT_EQ(ticks.size(), 1u);
  executor.advance(10ms - 1ns);
  EXPECT_EQ(ticks.size(), 1u);
  executor.advance(1ns);
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{1, 1}));
}

TEST(Ticker, MissedTicksAreCountedAtOnceAndTheGridStays) {
  ManualExecutor executor;
  Ticker ticker(executor, 10ms);
  std::vector<std::uint64_t> ticks;
  Scope scope(executor);
  scope.spawn(collect(ticker, ticks));

  executor.elapse(35ms);  // The ticks at 10, 20 and 30 in one go.
  executor.run_until_idle();
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{3}));
  executor.advance(5ms - 1ns);
  EXPECT_EQ(ticks.size(), 1u) << "the next one is at 40, whenever the last was taken";
  executor.advance(1ns);
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{3, 1}));
}

TEST(Ticker, AtTheInstantOfATickThatTickHasPassed) {
  ManualExecutor executor;
  Ticker ticker(executor, 10ms, executor.now());
  std::vector<std::uint64_t> ticks;
  Scope scope(executor);
  scope.spawn(collect(ticker, ticks));  // Without the executor: it is due already.
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{1}));
  executor.advance(10ms);
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{1, 1}));
}

TEST(Ticker, WhatACancelledWaiterMissedIsCountedByTheNext) {
  ManualExecutor executor;
  Ticker ticker(executor, 10ms);
  std::vector<std::uint64_t> ticks;
  {
    Scope scope(executor);
    scope.spawn(collect(ticker, ticks));
    scope.cancel();
    executor.run_until_idle();
    EXPECT_EQ(scope.size(), 0u);
    EXPECT_FALSE(executor.has_alarms());
  }
  executor.elapse(20ms);
  Scope scope(executor);
  scope.spawn(collect(ticker, ticks));
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{2}));
}

TEST(Ticker, APeriodLongerThanTimeItselfNeverTicks) {
  ManualExecutor executor;
  executor.elapse(1s);
  Ticker ticker(executor, Duration::max());
  std::vector<std::uint64_t> ticks;
  Scope scope(executor);
  scope.spawn(collect(ticker, ticks));
  executor.advance(24h * 365 * 100);
  EXPECT_TRUE(ticks.empty());
}

TEST(Ticker, TicksInALoopWithoutADescriptorOfItsOwn) {
  LoopWorld world;
  Ticker ticker(world.loop, 1ms);
  const TimePoint start = world.loop.now();
  std::uint64_t sum = 0;
  const auto ten_ticks = [&]() -> Task<Result<>> {
    while (sum < 10) {
      const auto count = co_await ticker.next();
      if (!count) co_return std::unexpected(count.error());
      sum += *count;
    }
    co_return {};
  };
  EXPECT_TRUE(world.await(ten_ticks()));
  EXPECT_GE(world.loop.now() - start, 10ms);
  EXPECT_EQ(world.registrations(), 0u);
}

TEST(TickerDeathTest, HasOneWaiterAtATime) {
  ManualExecutor executor;
  Ticker ticker(executor, 10ms);
  std::vector<std::uint64_t> ticks;
  Scope scope(executor);
  scope.spawn(collect(ticker, ticks));
  EXPECT_DEATH(scope.spawn(collect(ticker, ticks)), "one at a time");
}

}  // namespace
}  // namespace tocsin
