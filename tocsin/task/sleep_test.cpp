// SPDX-License-Identifier: MIT
#include "tocsin/task/sleep.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/task_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

struct SleepTest : testing::Test {
  struct Woken {
    int who;
    TimePoint when;
    bool in_time;  // Else cancelled.
    bool operator==(const Woken&) const = default;
  };
  Task<> sleeps(int who, Sleep sleep) {
    const Result<> slept = co_await sleep;
    woken.push_back({who, executor.now(), slept.has_value()});
  }

  ManualExecutor executor;
  std::vector<Woken> woken;
  Scope scope{executor};
};

constexpr TimePoint at(Duration since_start) { return TimePoint{since_start}; }

TEST_F(SleepTest, ItLastsAsLongAsItWasAskedToAndNotLess) {
  scope.spawn(sleeps(1, sleep_for(5s)));
  executor.advance(5s - 1ns);
  EXPECT_TRUE(woken.empty());
  executor.advance(1ns);
  EXPECT_EQ(woken, (std::vector<Woken>{{1, at(5s), true}}));
}

TEST_F(SleepTest, ALengthCountsFromTheTurnInWhichItIsAwaited) {
  Sleep made_early = sleep_for(5s);
  executor.advance(3s);
  scope.spawn(sleeps(1, std::move(made_early)));
  executor.advance(10s);
  EXPECT_EQ(woken, (std::vector<Woken>{{1, at(8s), true}}));
}

TEST_F(SleepTest, AnInstantIsAnInstant) {
  Sleep made_early = sleep_until(at(5s));
  executor.advance(3s);
  scope.spawn(sleeps(1, std::move(made_early)));
  executor.advance(10s);
  EXPECT_EQ(woken, (std::vector<Woken>{{1, at(5s), true}}));
}

TEST_F(SleepTest, SleepersWakeInTheOrderOfTheirTimesThenOfTheirComing) {
  scope.spawn(sleeps(1, sleep_for(2s)));
  scope.spawn(sleeps(2, sleep_for(1s)));
  scope.spawn(sleeps(3, sleep_for(2s)));
  executor.advance(2s);
  EXPECT_EQ(woken, (std::vector<Woken>{{2, at(1s), true}, {1, at(2s), true}, {3, at(2s), true}}));
}

TEST_F(SleepTest, AnInstantThatIsPastStillSuspendsOnce) {
  executor.advance(10s);
  scope.spawn(sleeps(1, sleep_until(at(5s))));
  scope.spawn(sleeps(2, sleep_for(0s)));
  scope.spawn(sleeps(3, sleep_for(-1s)));
  EXPECT_TRUE(woken.empty());
  executor.run_until_idle();
  EXPECT_EQ(woken.size(), 3u);
  EXPECT_EQ(executor.now(), at(10s));
}

TEST_F(SleepTest, LongerThanThereIsTimeMeansForEver) {
  executor.advance(10s);
  scope.spawn(sleeps(1, sleep_for(Duration::max())));
  executor.advance(std::chrono::years{200});
  EXPECT_TRUE(woken.empty());
}

TEST_F(SleepTest, ACancelledSleepDisarmsItsAlarm) {
  ONLY_WITH_A_QUEUE_TO_LOOK_INTO(executor);
  scope.spawn(sleeps(1, sleep_for(5s)));
  scope.cancel();
  EXPECT_FALSE(executor.has_alarms());
  executor.run_until_idle();
  EXPECT_EQ(woken, (std::vector<Woken>{{1, at(0s), false}}));
}

TEST_F(SleepTest, ASleepThatIsDueButNotResumedIsStillCutShort) {
  scope.spawn(sleeps(1, sleep_for(5s)));
  executor.elapse(5s);
  scope.cancel();  // Its alarm is in the queue and has not run: the time has come, nobody knows.
  executor.run_until_idle();
  EXPECT_EQ(woken, (std::vector<Woken>{{1, at(5s), false}}));
}

TEST_F(SleepTest, ADestroyedSleepDisarmsItsAlarm) {
  {
    Scope inner(executor);
    inner.spawn(sleeps(1, sleep_for(5s)));
    EXPECT_TRUE(executor.has_alarms());
  }
  EXPECT_FALSE(executor.has_alarms());
}

TEST_F(SleepTest, SlackIsHandedToTheExecutor) {
  struct Slackened final : Executor {
    void post(Work&) override {}
    TimePoint now() const override { return {}; }
    void arm(Alarm&, TimePoint, Duration given) override { slack = given; }
    Duration slack{};
  };
  Slackened slackened;
  Scope inner(slackened);
  inner.spawn(sleeps(1, sleep_for(1s, 250ms)));
  EXPECT_EQ(slackened.slack, 250ms);
}

}  // namespace
}  // namespace tocsin
