// SPDX-License-Identifier: MIT
//
// A counter that every machine has: the processor time of a thread.
#include "tocsin/source/perf_event.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <optional>

#include <gtest/gtest.h>

#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

struct PerfEventTest : testing::Test {
  void SetUp() override {
    ONLY_ON_LINUX("vkern measures nothing");
    const auto made = PerfEvent::create(world.loop, {});
    if (!made) GTEST_SKIP() << "perf_event_open(2): " << made.error().name();
  }

  /// Waits for the next overflow, and uses up processor time meanwhile.
  std::optional<Result<PerfOverflow>> next(PerfEvent& event) {
    std::optional<Result<PerfOverflow>> told;
    Scope scope(world.loop);
    scope.spawn([](PerfEvent& from, std::optional<Result<PerfOverflow>>& into) -> Task<> {
      into = co_await from.next();
    }(event, told));
    for (int turns = 0; turns < 10'000'000 && !told; ++turns)
      if (!world.loop.run_once(Duration::zero())) break;
    return told;
  }

  LoopWorld world;
};

TEST_F(PerfEventTest, TellsWhenThisThreadHasUsedAMillisecond) {
  auto event = PerfEvent::create(world.loop, {.period = 1'000'000}).value();
  for (int i = 0; i < 3; ++i) {
    const auto told = next(event);
    ASSERT_TRUE(told && *told);
    ASSERT_FALSE((*told)->samples.empty());
    EXPECT_EQ((*told)->samples[0].process, ::getpid());
    EXPECT_NE((*told)->samples[0].address, 0u);
  }
  EXPECT_GE(event.count().value(), 3'000'000u);
}

TEST_F(PerfEventTest, MayWaitForSeveralSamples) {
  auto event = PerfEvent::create(world.loop, {.period = 500'000, .wake_after = 4}).value();
  const auto told = next(event);
  ASSERT_TRUE(told && *told);
  EXPECT_GE((*told)->samples.size(), 4u);
}

TEST_F(PerfEventTest, WhatCameWhileNobodyWaitedIsToldToWhoeverWaitsNext) {
  auto event = PerfEvent::create(world.loop, {.period = 1'000'000}).value();
  // In user space: an overflow while the thread is in the kernel gives no sample, unless asked for.
  std::atomic<unsigned> work = 0;
  while (event.count().value() < 20'000'000)
    for (int i = 0; i < 100'000; ++i) ++work;
  world.run_until_idle();
  const auto told = next(event);
  ASSERT_TRUE(told && *told);
  EXPECT_GE((*told)->samples.size(), 2u);
}

TEST_F(PerfEventTest, SaysThatItsThreadHasEnded) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    while (true) ::pause();
  }
  auto event = PerfEvent::create(world.loop, {.thread = child});
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!event) GTEST_SKIP() << "another process's thread: " << event.error().name();
  const auto told = next(*event);
  ASSERT_TRUE(told.has_value());
  ASSERT_FALSE(told->has_value());
  EXPECT_EQ(told->error(), Errno{ESRCH});
  EXPECT_EQ(next(*event)->error(), Errno{ESRCH});
}

TEST_F(PerfEventTest, TheLastSamplesOfAThreadAreToldBeforeItsEnd) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (std::uint64_t turns = 0;; ++turns)
      if (turns % 1024 == 0) static_cast<void>(::getppid());
  }
  auto event = PerfEvent::create(world.loop, {.period = 1'000'000, .thread = child});
  if (event) {
    while (event->count().value() < 5'000'000) continue;
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!event) GTEST_SKIP() << "another process's thread: " << event.error().name();
  world.run_until_idle();
  const auto samples = next(*event);
  ASSERT_TRUE(samples && *samples);
  EXPECT_GE((*samples)->samples.size(), 2u);
  EXPECT_EQ((*samples)->samples[0].process, child);
  const auto end = next(*event);
  ASSERT_TRUE(end.has_value());
  ASSERT_FALSE(end->has_value());
  EXPECT_EQ(end->error(), Errno{ESRCH});
}

TEST_F(PerfEventTest, ACounterThatThereIsNotIsRefused) {
  const auto no_period = PerfEvent::create(world.loop, {.period = 0});
  ASSERT_FALSE(no_period);
  EXPECT_EQ(no_period.error(), Errno::invalid);
  const auto unknown = PerfEvent::create(world.loop, {.type = 0xffff});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error(), Errno{ENOENT});
  EXPECT_EQ(world.registrations(), 0u);
}

}  // namespace
}  // namespace tocsin
