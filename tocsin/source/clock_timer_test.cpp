// SPDX-License-Identifier: MIT
//
// Timers on the clocks of the kernel under test; and, on one in user space whose time goes on only
// when somebody sleeps, what no test may do to a real machine: its clock is set.
#include "tocsin/source/clock_timer.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/child_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

constexpr std::array clocks{Clock::monotonic, Clock::boottime, Clock::realtime,
                            Clock::boottime_alarm, Clock::realtime_alarm};

Task<Result<Expirations>> next_of(ClockTimer& timer) { co_return co_await timer.next(); }

TEST(ClockTimer, OnEveryClockATimerIsNeverEarly) {
  LoopWorld world;
  int tried = 0;
  for (const Clock clock : clocks) {
    auto timer = ClockTimer::create(world.loop, clock);
    if (!timer && timer.error() == Errno::not_permitted) continue;  // CAP_WAKE_ALARM.
    ++tried;
    const Duration start = timer->now().value();
    ASSERT_TRUE(timer->set_after(2ms));
    EXPECT_EQ(world.await(next_of(*timer)).value().count, 1u);
    EXPECT_GE(timer->now().value(), start + 2ms);

    const Duration instant = timer->now().value() + 2ms;
    ASSERT_TRUE(timer->set_at(instant));
    const auto told = world.await(next_of(*timer)).value();
    EXPECT_EQ(told.count, 1u);
    EXPECT_FALSE(told.clock_was_set);
    EXPECT_GE(timer->now().value(), instant);
  }
  EXPECT_GE(tried, 3);
}

TEST(ClockTimer, AnAlarmClockIsForWhoeverMayWakeTheMachine) {
  ONLY_ON_LINUX("capabilities are Linux's");
  const std::string reason = in_child([]() -> std::string {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return "cannot become nobody";
    LoopWorld world;
    for (const Clock clock : {Clock::boottime_alarm, Clock::realtime_alarm}) {
      const auto made = ClockTimer::create(world.loop, clock);
      if (made) return "this user has CAP_WAKE_ALARM";
      EXPECT_EQ(made.error(), Errno::not_permitted);
    }
    EXPECT_EQ(world.registrations(), 0u);
    return "";
  });
  if (!reason.empty()) GTEST_SKIP() << reason;
}

TEST(ClockTimer, WhatHasPassedIsDueAtOnce) {
  LoopWorld world;
  auto timer = ClockTimer::create(world.loop, Clock::realtime).value();
  for (const Duration instant : {Duration{-5}, Duration{0}, Duration{1s}}) {
    ASSERT_TRUE(timer.set_at(instant));
    EXPECT_EQ(world.await(next_of(timer)).value().count, 1u);
  }
  ASSERT_TRUE(timer.set_after(-1s));
  EXPECT_EQ(world.await(next_of(timer)).value().count, 1u);
  EXPECT_EQ(timer.set_after(1s, -1s), Result<>(std::unexpected(Errno::invalid)));
}

TEST(ClockTimer, WhatIsStoppedOrSetAnewForgetsWhatHadExpired) {
  LoopWorld world;
  auto timer = ClockTimer::create(world.loop, Clock::monotonic).value();
  std::vector<std::uint64_t> told;
  world.scope.spawn([](ClockTimer& from, std::vector<std::uint64_t>& into) -> Task<> {
    while (const auto next = co_await from.next()) into.push_back(next->count);
  }(timer, told));
  ASSERT_TRUE(timer.set_at(1ns));
  ASSERT_TRUE(timer.stop());
  world.run_until_idle();
  EXPECT_TRUE(told.empty());
  ASSERT_TRUE(timer.set_at(1ns, 1h));
  ASSERT_TRUE(timer.set_after(1h));
  world.run_until_idle();
  EXPECT_TRUE(told.empty());
  ASSERT_TRUE(timer.set_at(1ns));
  EXPECT_TRUE(world.run_until([&] { return !told.empty(); }));
}

class Expiring : public LoopScenario<> {
 public:
  Expiring() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await timer_.next()) co_return;
  }
  void complete() override { EXPECT_TRUE(timer_.set_at(1ns)); }

 private:
  ClockTimer timer_ = ClockTimer::create(loop(), Clock::realtime).value();
};
TEST(ClockTimer, IsWaitedForAndGivenUpWithoutATrace) { EXPECT_EQ(walk<Expiring>(), 2); }

// ---- in virtual time ----------------------------------------------------------------------------

struct VirtualTime : testing::Test {
  /// What has been told by now, of two expirations and a step, say: "2,set".
  std::string told() {
    world.run_until_idle();
    return std::exchange(told_, "");
  }
  void listen() {
    world.scope.spawn([](ClockTimer& from, std::string& into) -> Task<> {
      while (const auto next = co_await from.next())
        into += (into.empty() ? "" : ",") +
                (next->clock_was_set ? std::string("set") : std::to_string(next->count));
    }(timer, told_));
  }
  void advance(Duration length) { system.world().advance(length); }

  vkern::System<vkern::Single> system;
  std::string told_;
  LoopWorld world{system.init()};
  ClockTimer timer = ClockTimer::create(world.loop, Clock::realtime).value();
  const Duration start = timer.now().value();
};

TEST_F(VirtualTime, MissedExpirationsAreCountedAndTheGridStays) {
  ASSERT_TRUE(timer.set_at(start + 10s, 10s));
  advance(35s);  // At 10, 20 and 30.
  listen();
  EXPECT_EQ(told(), "3");
  advance(5s - 1ns);
  EXPECT_EQ(told(), "");
  advance(1ns);
  EXPECT_EQ(told(), "1");
}

TEST_F(VirtualTime, WhatACancelledWaiterMissedIsCountedByTheNext) {
  ASSERT_TRUE(timer.set_after(10s, 10s));
  {
    Scope scope(world.loop);
    scope.spawn([](ClockTimer& from) -> Task<> { co_await from.next(); }(timer));
    advance(20s);
    scope.cancel();
    world.run_until_idle();
  }
  listen();
  EXPECT_EQ(told(), "2");
}

TEST_F(VirtualTime, AStepOfTheClockIsAnEventAndNotACancellation) {
  listen();
  ASSERT_TRUE(timer.set_at(start + 1h));
  EXPECT_EQ(told(), "");
  system.step_realtime(10min);
  EXPECT_EQ(told(), "set");
  system.step_realtime(-5min);
  EXPECT_EQ(told(), "set");
  advance(55min - 1ns);
  EXPECT_EQ(told(), "");
  advance(1ns);
  EXPECT_EQ(told(), "1");
}

TEST_F(VirtualTime, AStepBeyondTheInstantLosesNoExpiration) {
  listen();
  ASSERT_TRUE(timer.set_at(start + 1h));
  system.step_realtime(2h);
  EXPECT_EQ(told(), "set,1");
  ASSERT_TRUE(timer.set_at(timer.now().value() + 1h, 1h));
  system.step_realtime(3h);
  EXPECT_EQ(told(), "set,3");
}

// Linux forgets what had expired when it tells of a step, and never goes on with the period.
TEST_F(VirtualTime, APeriodThatHadExpiredUnreadGoesOnAfterAStep) {
  ASSERT_TRUE(timer.set_at(start + 1h, 1h));
  advance(1h);
  system.step_realtime(1s);
  listen();
  EXPECT_EQ(told(), "set,1");
  advance(1h);
  EXPECT_EQ(told(), "1");
}

TEST_F(VirtualTime, AClockThatIsSetBackRepeatsNothing) {
  listen();
  ASSERT_TRUE(timer.set_at(start + 1h, 1h));
  advance(1h);
  EXPECT_EQ(told(), "1");
  system.step_realtime(-30min);
  EXPECT_EQ(told(), "set");
  advance(90min - 1ns);
  EXPECT_EQ(told(), "");
  advance(1ns);
  EXPECT_EQ(told(), "1");
}

TEST_F(VirtualTime, AStepThatNobodyWaitedForIsToldAfterTheTimerIsSetAnew) {
  ASSERT_TRUE(timer.set_at(Duration::max()));
  system.step_realtime(1h);
  ASSERT_TRUE(timer.set_at(start + 3h)) << "timerfd_settime(2) says ECANCELED here, and has set it";
  listen();
  EXPECT_EQ(told(), "set");
  advance(2h);
  EXPECT_EQ(told(), "1");
}

TEST_F(VirtualTime, WhatIsRelativeDoesNotHearOfSteps) {
  listen();
  ASSERT_TRUE(timer.set_after(1h));
  system.step_realtime(2h);
  EXPECT_EQ(told(), "");
  advance(1h);
  EXPECT_EQ(told(), "1");
}

}  // namespace
}  // namespace tocsin
