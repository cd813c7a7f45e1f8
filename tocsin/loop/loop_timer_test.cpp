// SPDX-License-Identifier: MIT
//
// Alarms as the loop runs them. What can be said exactly is said with a clock that moves only by
// the loop's own waits; that the real clock is kept to is shown once, in a few milliseconds.
#include "tocsin/base/prng.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/loop/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace loop_testing;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;

TimePoint read_clock(Kernel& kernel) {
  const timespec time = kernel.clock_gettime(CLOCK_MONOTONIC).value();
  return TimePoint{std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec}};
}

// Nothing takes any time here but waiting, which takes exactly as long as was asked for.
struct ClockKernel final : ForwardingKernel {
  TimePoint now{1000s};
  std::vector<Duration> waits;

  Result<timespec> clock_gettime(clockid_t) override {
    const auto ticks = now.time_since_epoch().count();
    return timespec{.tv_sec = ticks / 1'000'000'000, .tv_nsec = ticks % 1'000'000'000};
  }
  Count epoll_pwait2(int epfd, std::span<epoll_event> events, const timespec* timeout,
                     const sigset_t*) override {
    const auto count = ForwardingKernel::epoll_wait(epfd, events, 0);
    if (!count || *count > 0) return count;
    waits.push_back(std::chrono::seconds{timeout->tv_sec} + Duration{timeout->tv_nsec});
    now += waits.back();
    return 0;
  }
};

class LoopTimer : public testing::Test {
 protected:
  Function note(std::string words) {
    return [this, words = std::move(words)] { log_.push_back(words); };
  }

  ClockKernel kernel_;
  std::unique_ptr<Loop> loop_ = Loop::create(kernel_).value();
  Log log_;
};

TEST_F(LoopTimer, ALoopSleepsExactlyUntilTheNextDeadline) {
  CallAlarm first(note("first"));
  CallAlarm second(note("second"));
  loop_->arm(second, loop_->now() + 7s + 1ns);
  loop_->arm(first, loop_->now() + 3ns);
  ASSERT_TRUE(loop_->run_once(std::nullopt));
  EXPECT_EQ(log_, Log{"first"});
  ASSERT_TRUE(loop_->run_once(std::nullopt));
  EXPECT_EQ(log_, (Log{"first", "second"}));
  EXPECT_EQ(kernel_.waits, (std::vector<Duration>{3ns, 7s - 2ns}));
}

TEST_F(LoopTimer, ALimitOnTheSleepIsKept) {
  CallAlarm alarm(note("alarm"));
  loop_->arm(alarm, loop_->now() + 10s);
  ASSERT_TRUE(loop_->run_once(4s));
  EXPECT_EQ(log_, Log{});
  ASSERT_TRUE(loop_->run_once(100s));
  EXPECT_EQ(log_, Log{"alarm"});
  EXPECT_EQ(kernel_.waits, (std::vector<Duration>{4s, 6s}));
}

// The time that somebody spends between two calls of run_once is not slept on top.
TEST_F(LoopTimer, TimeSpentBetweenTurnsIsNotSleptAgain) {
  CallAlarm alarm(note("alarm"));
  loop_->arm(alarm, loop_->now() + 10s);
  kernel_.now += 9s;
  ASSERT_TRUE(loop_->run_once(std::nullopt));
  EXPECT_EQ(log_, Log{"alarm"});
  EXPECT_EQ(kernel_.waits, std::vector<Duration>{1s});
}

TEST_F(LoopTimer, TimeSpentInATurnIsNotSleptAgain) {
  CallAlarm alarm([&] {
    log_.push_back("alarm");
    loop_->stop();
  });
  CallWork slow([&] { kernel_.now += 9s; });
  loop_->arm(alarm, loop_->now() + 10s);
  loop_->post(slow);
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(log_, Log{"alarm"});
  EXPECT_EQ(kernel_.waits, std::vector<Duration>{1s});
}

TEST_F(LoopTimer, ADeadlineOfNowOrBeforeIsDueAtOnceButNotInTheTurnThatArmsIt) {
  CallAlarm inner(note("inner"));
  CallAlarm outer([&] {
    log_.push_back("outer");
    loop_->arm(inner, loop_->now() - 5s);
  });
  loop_->arm(outer, loop_->now());
  ASSERT_TRUE(loop_->run_once(std::nullopt));
  EXPECT_EQ(log_, Log{"outer"}) << "else an alarm of 0 ns could keep the turn for ever";
  ASSERT_TRUE(loop_->run_once(std::nullopt));
  EXPECT_EQ(log_, (Log{"outer", "inner"}));
  EXPECT_EQ(kernel_.waits, std::vector<Duration>{});
}

TEST_F(LoopTimer, ANeverIsNotAWakeUp) {
  CallAlarm never(note("never"));
  loop_->arm(never, TimePoint::max(), Duration::max());
  ASSERT_TRUE(loop_->run_once(5s));
  EXPECT_EQ(log_, Log{});
  EXPECT_EQ(kernel_.waits, std::vector<Duration>{5s});
}

TEST_F(LoopTimer, AlarmsOfSeveralTurnsRunInTheOrderOfTheirDeadlines) {
  Prng random(7);
  std::vector<std::unique_ptr<CallAlarm>> alarms;
  std::vector<TimePoint> order;
  for (int i = 0; i < 1000; ++i) {
    alarms.push_back(std::make_unique<CallAlarm>([this, &order, &alarms, i] {
      order.push_back(alarms[static_cast<std::size_t>(i)]->deadline());
      EXPECT_EQ(order.back(), loop_->now()) << "each in a turn of its own, to the nanosecond";
    }));
    const Duration ahead{static_cast<Duration::rep>(random.below(1'000'000'000'000))};
    loop_->arm(*alarms.back(), loop_->now() + ahead);
  }
  while (order.size() < alarms.size()) ASSERT_TRUE(loop_->run_once(std::nullopt));
  EXPECT_TRUE(std::ranges::is_sorted(order));
  // Where many share a slot of the wheel, a turn may come for the slot alone; each alarm has its
  // own, so there can be no more of those than levels on its way down.
  EXPECT_LT(loop_->counters().turns, 2 * alarms.size());
}

TEST_F(LoopTimer, SlackHasNeighboursShareOneTurn) {
  std::vector<std::unique_ptr<CallAlarm>> alarms;
  for (int i = 0; i < 100; ++i) {
    alarms.push_back(std::make_unique<CallAlarm>(note("alarm")));
    loop_->arm(*alarms.back(), loop_->now() + 1s + i * 10us, 10ms);
  }
  while (log_.size() < 100) ASSERT_TRUE(loop_->run_once(std::nullopt));
  Duration slept{};
  for (const Duration wait : kernel_.waits) slept += wait;
  EXPECT_GE(slept, 1s + 990us);
  EXPECT_LE(slept, 1s + 10ms);
  EXPECT_LE(loop_->counters().turns, 5u) << "one, and those that bring a crowd down the wheel";
}

TEST_F(LoopTimer, AnAlarmThatIsDueCanBeMovedByWhateverRunsBeforeIt) {
  CallAlarm moved(note("moved"));
  CallAlarm disarmed(note("disarmed"));
  auto destroyed = std::make_unique<CallAlarm>(note("destroyed"));
  CallAlarm first([&] {
    loop_->arm(moved, loop_->now() + 1s);
    disarmed.unlink();
    destroyed.reset();
  });
  const TimePoint due = loop_->now();
  loop_->arm(first, due);
  loop_->arm(moved, due);
  loop_->arm(disarmed, due);
  loop_->arm(*destroyed, due);
  ASSERT_TRUE(loop_->run_once(0ns));
  EXPECT_EQ(log_, Log{});
  ASSERT_TRUE(loop_->run_once(std::nullopt));
  EXPECT_EQ(log_, Log{"moved"});
  EXPECT_EQ(loop_->now(), due + 1s);
}

// ---- the real clock -----------------------------------------------------------------------------

class LoopRealTimer : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(All, LoopRealTimer, every_mechanism, name_of_mechanism);

TEST_P(LoopRealTimer, IsNeverEarly) {
  Prng random(11);
  std::vector<std::unique_ptr<CallAlarm>> alarms;
  int run = 0;
  int early = 0;
  for (std::size_t i = 0; i < 500; ++i) {
    alarms.push_back(std::make_unique<CallAlarm>([&, i] {
      early += read_clock(loop().kernel()) < alarms[i]->deadline();
      ++run;
    }));
    const Duration ahead{static_cast<Duration::rep>(random.below(20'000'000))};
    loop().arm(*alarms.back(), read_clock(loop().kernel()) + ahead, i % 2 == 0 ? 0ns : 100us);
  }
  while (run < 500) ASSERT_TRUE(loop().run_once(std::nullopt));
  EXPECT_EQ(early, 0);
  EXPECT_LT(loop().counters().turns, 3000u) << "turns that are too early are a busy loop";
}

TEST_P(LoopRealTimer, ALimitOfASleepIsNotCutShort) {
  const TimePoint before = read_clock(loop().kernel());
  const TimePoint end = before + 2ms;
  // A ring that a test before has closed may interrupt this thread, which ends a turn early.
  for (TimePoint now = before; now < end; now = read_clock(loop().kernel()))
    ASSERT_TRUE(loop().run_once(end - now));
  EXPECT_LE(loop().counters().turns, 5u);
}

}  // namespace
}  // namespace tocsin
