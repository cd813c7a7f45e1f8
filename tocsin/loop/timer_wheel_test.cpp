// SPDX-License-Identifier: MIT
//
// The wheel beside a reference that is obviously right: a multimap, in which equal keys stay in the
// order of insertion. What a random run arms, moves, disarms, destroys and expires must come out of
// both alike. A failure prints its seed; TOCSIN_SEED=n runs that seed alone.
#include "tocsin/loop/timer_wheel.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"

namespace tocsin {
namespace {

using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;

constexpr TimePoint at(Duration::rep ticks) { return TimePoint{Duration{ticks}}; }

struct Timer final : Alarm {
  explicit Timer(std::size_t number) : id(number) {}
  void run() override {}
  std::size_t id;
};

std::vector<std::size_t> ids_of(List<Work>& due) {
  std::vector<std::size_t> ids;
  while (Work* work = due.pop_front()) ids.push_back(static_cast<Timer*>(work)->id);
  return ids;
}

std::vector<std::size_t> expire(TimerWheel& wheel, TimePoint now) {
  List<Work> due;
  wheel.expire(now, due);
  return ids_of(due);
}

// ---- the property -------------------------------------------------------------------------------

class Model {
 public:
  Model(std::uint64_t seed, std::size_t timers, TimePoint start)
      : random_(seed), now_(start), wheel_(start) {
    for (std::size_t id = 0; id < timers; ++id) timers_.push_back(std::make_unique<Timer>(id));
    places_.resize(timers, reference_.end());
  }

  void step() {
    switch (random_.below(16)) {
      case 0:
        return forget(any());
      case 1:
        return destroy(any());
      case 2:
        return check_next();
      case 3:
        return expire_at(saturating_add(now_, some_length()));
      case 4:
        return expire_at(wheel_.next().value_or(now_));
      default:
        return arm(any());
    }
  }

  void arm(std::size_t id) { arm(id, some_deadline()); }

  void arm(std::size_t id, TimePoint deadline) {
    Timer& timer = *timers_[id];
    const Duration slack = random_.chance(1, 4) ? some_length() : 0ns;
    wheel_.arm(timer, deadline, slack);
    EXPECT_GE(timer.deadline(), deadline) << "early";
    EXPECT_LE(timer.deadline(), std::max(saturating_add(deadline, slack), at(0)));
    leave(id);
    // What is past already is due at once, in the order of arming.
    places_[id] = reference_.emplace(std::max(timer.deadline(), now_), id);
  }

  // While what is due is being run, more is armed: later things, past ones, and some of those that
  // were about to run, which then must not.
  void expire_at(TimePoint now) {
    if (now < now_) return;
    now_ = now;
    List<Work> due;
    wheel_.expire(now, due);
    while (!reference_.empty() && reference_.begin()->first <= now) {
      const std::size_t id = reference_.begin()->second;
      leave(id);
      expected_.push_back(id);
    }
    while (Work* work = due.pop_front()) {
      ASSERT_FALSE(expected_.empty()) << "something ran early, or twice";
      ASSERT_EQ(static_cast<Timer*>(work)->id, expected_.front());
      expected_.pop_front();
      if (random_.chance(1, 8)) arm(any());
      if (random_.chance(1, 16)) destroy(any());
    }
    ASSERT_TRUE(expected_.empty()) << "lost: " << expected_.front();
  }

  void check_next() {
    const auto next = wheel_.next();
    ASSERT_EQ(next.has_value(), !reference_.empty());
    if (!next) return;
    const TimePoint first = reference_.begin()->first;
    ASSERT_LE(*next, first) << "a sleep until then would be too long";
    if (reference_.size() <= 8) {
      ASSERT_EQ(std::max(*next, now_), first);
    }
  }

 private:
  using Reference = std::multimap<TimePoint, std::size_t>;

  std::size_t any() { return random_.below(timers_.size()); }

  // Every magnitude is as likely as every other, from 0 ns to 292 years.
  Duration some_length() {
    const std::uint64_t bits = random_.below(64);
    return Duration{static_cast<Duration::rep>(random_.next() >> 1 >> bits)};
  }

  TimePoint some_deadline() {
    switch (random_.below(8)) {
      case 0:
        return at(now_.time_since_epoch().count() - some_length().count());
      case 1:
        return TimePoint::max();
      case 2:
        return now_;
      case 3:
        return timers_[any()]->deadline();  // Equal deadlines.
      default:
        return saturating_add(now_, some_length());
    }
  }

  void leave(std::size_t id) {
    if (places_[id] != reference_.end()) reference_.erase(places_[id]);
    places_[id] = reference_.end();
    std::erase(expected_, id);
  }
  void forget(std::size_t id) {
    timers_[id]->unlink();
    leave(id);
  }
  void destroy(std::size_t id) {
    timers_[id] = std::make_unique<Timer>(id);
    leave(id);
  }

  Prng random_;
  TimePoint now_;
  TimerWheel wheel_;
  std::vector<std::unique_ptr<Timer>> timers_;
  Reference reference_;                      // What is armed.
  std::vector<Reference::iterator> places_;  // Of each timer; end(): not armed.
  std::deque<std::size_t> expected_;         // What is due and has not run.
};

std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* const given = std::getenv("TOCSIN_SEED"))
    return {std::strtoull(given, nullptr, 10)};
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

TEST(TimerWheel, ReleasesTheSameAlarmsInTheSameOrderAsASortedMap) {
  for (const std::uint64_t seed : seeds(200)) {
    SCOPED_TRACE(testing::Message() << "replay it with TOCSIN_SEED=" << seed);
    Prng random(seed);
    const std::size_t timers = 1 + random.below(60);
    Model model(seed, timers,
                at(static_cast<Duration::rep>(random.next() >> 1 >> random.below(64))));
    for (int i = 0; i < 500 && !testing::Test::HasFatalFailure(); ++i) model.step();
    model.expire_at(TimePoint::max());
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

TEST(TimerWheel, AHundredThousandTimersMovedAtRandomStayInOrder) {
  for (const std::uint64_t seed : seeds(1)) {
    SCOPED_TRACE(testing::Message() << "replay it with TOCSIN_SEED=" << seed);
    constexpr std::size_t timers = 100'000;
    TimePoint now = at(0) + 1000s;
    Model model(seed, timers, now);
    Prng random(seed + 1);
    const auto some_deadline = [&] {
      return now + 30s + Duration{static_cast<Duration::rep>(random.below(30'000'000'000))};
    };
    for (std::size_t id = 0; id < timers; ++id) model.arm(id, some_deadline());
    for (int round = 0; round < 50; ++round) {
      for (int i = 0; i < 2000; ++i) model.arm(random.below(timers), some_deadline());
      model.check_next();
      now += 1s;
      model.expire_at(now);
    }
    model.expire_at(TimePoint::max());
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

// ---- one by one ---------------------------------------------------------------------------------

TEST(TimerWheel, IsNeverEarlyByANanosecondNorLate) {
  for (const Duration::rep length :
       {1LL, 63LL, 64LL, 65LL, 4095LL, 4096LL, 1'000'000'007LL, 1LL << 60, (1LL << 62) + 12'345}) {
    TimerWheel wheel(at(17));
    Timer timer(1);
    wheel.arm(timer, at(17 + length), 0ns);
    EXPECT_EQ(expire(wheel, at(17 + length - 1)), std::vector<std::size_t>{}) << length;
    EXPECT_EQ(expire(wheel, at(17 + length)), std::vector<std::size_t>{1}) << length;
  }
}

TEST(TimerWheel, EqualDeadlinesComeInTheOrderOfArmingThoughTheyWereArmedAtDifferentTimes) {
  TimerWheel wheel(at(0));
  Timer first(1);
  Timer second(2);
  Timer third(3);
  wheel.arm(first, at(1'000'000), 0ns);  // Far away, so high up.
  EXPECT_EQ(expire(wheel, at(999'990)), std::vector<std::size_t>{});
  wheel.arm(second, at(1'000'000), 0ns);  // Near, so at the bottom at once.
  EXPECT_EQ(expire(wheel, at(999'999)), std::vector<std::size_t>{});
  wheel.arm(third, at(1'000'000), 0ns);
  EXPECT_EQ(expire(wheel, at(1'000'000)), (std::vector<std::size_t>{1, 2, 3}));
}

TEST(TimerWheel, MovingAnAlarmToItsOwnDeadlinePutsItBehindItsEquals) {
  TimerWheel wheel(at(0));
  Timer first(1);
  Timer second(2);
  wheel.arm(first, at(100), 0ns);
  wheel.arm(second, at(100), 0ns);
  wheel.arm(first, at(100), 0ns);
  EXPECT_EQ(expire(wheel, at(100)), (std::vector<std::size_t>{2, 1}));
}

TEST(TimerWheel, DeadlinesThatArePastAreDueAtOnceInTheOrderOfArming) {
  TimerWheel wheel(at(1000));
  Timer late(1);
  Timer later(2);
  Timer before_boot(3);
  wheel.arm(late, at(900), 0ns);
  wheel.arm(later, at(5), 0ns);
  wheel.arm(before_boot, TimePoint::min(), 0ns);
  EXPECT_LE(*wheel.next(), at(1000));
  EXPECT_EQ(expire(wheel, at(1000)), (std::vector<std::size_t>{1, 2, 3}));
}

TEST(TimerWheel, NeverIsNotNow) {
  TimerWheel wheel(at(1000));
  Timer never(1);
  wheel.arm(never, TimePoint::max(), Duration::max());
  EXPECT_EQ(never.deadline(), TimePoint::max());
  EXPECT_EQ(wheel.next(), TimePoint::max());
  EXPECT_EQ(expire(wheel, TimePoint::max() - 1ns), std::vector<std::size_t>{});
  EXPECT_EQ(expire(wheel, TimePoint::max()), std::vector<std::size_t>{1});
}

TEST(TimerWheel, AnAlarmIsLateByItsSlackAtMostAndNeighboursMeet) {
  TimerWheel wheel(at(0));
  std::vector<std::unique_ptr<Timer>> timers;
  for (std::size_t id = 0; id < 100; ++id) {
    timers.push_back(std::make_unique<Timer>(id));
    const TimePoint deadline = at(10'000'000 + static_cast<Duration::rep>(id) * 1000);
    wheel.arm(*timers.back(), deadline, 1'000'000ns);
    EXPECT_GE(timers.back()->deadline(), deadline);
    EXPECT_LE(timers.back()->deadline(), deadline + 1'000'000ns);
    EXPECT_EQ(timers.back()->deadline(), timers.front()->deadline()) << "they share a wake-up";
  }
}

TEST(TimerWheel, AnAlarmThatIsDestroyedOrUnlinkedIsGone) {
  TimerWheel wheel(at(0));
  auto destroyed = std::make_unique<Timer>(1);
  Timer unlinked(2);
  Timer stays(3);
  wheel.arm(*destroyed, at(100), 0ns);
  wheel.arm(unlinked, at(50), 0ns);
  wheel.arm(stays, at(5000), 0ns);
  destroyed.reset();
  unlinked.unlink();
  EXPECT_EQ(wheel.next(), at(5000)) << "the bits of emptied slots say nothing";
  EXPECT_EQ(expire(wheel, at(10'000)), std::vector<std::size_t>{3});
  EXPECT_EQ(wheel.next(), std::nullopt);
}

TEST(TimerWheel, AnEmptiedSlotCanBeFilledAgain) {
  TimerWheel wheel(at(0));
  Timer timer(1);
  for (int i = 0; i < 3; ++i) {
    wheel.arm(timer, at(70), 0ns);
    timer.unlink();
    EXPECT_EQ(wheel.next(), std::nullopt);
    wheel.arm(timer, at(71), 0ns);  // The same slot.
    EXPECT_EQ(wheel.next(), at(71));
  }
  EXPECT_EQ(expire(wheel, at(71)), std::vector<std::size_t>{1});
}

TEST(TimerWheel, AWheelThatEndsLetsItsAlarmsGo) {
  Timer timer(1);
  {
    TimerWheel wheel(at(0));
    wheel.arm(timer, at(70), 0ns);
  }
  EXPECT_FALSE(timer.is_linked());
}

// A crowd hides its first deadline: `next` answers with a lower bound, and sleeping until that must
// come to the deadline in a few steps, or a loop would spin.
TEST(TimerWheel, SleepingUntilNextReachesTheFirstOfACrowdWithinAStepALevel) {
  TimerWheel wheel(at(0));
  std::vector<std::unique_ptr<Timer>> timers;
  const TimePoint first = at((1LL << 62) + 987'654'321'987'654'321);
  for (std::size_t id = 0; id < 1000; ++id) {
    timers.push_back(std::make_unique<Timer>(id));
    wheel.arm(*timers.back(), first + Duration{static_cast<Duration::rep>(id)}, 0ns);
  }
  int steps = 0;
  TimePoint now = at(0);
  for (; now < first; ++steps) {
    ASSERT_LT(steps, 12);
    const TimePoint next = *wheel.next();
    ASSERT_GT(next, now) << "a step that is none";
    ASSERT_LE(next, first);
    now = next;
    const auto due = expire(wheel, now);
    ASSERT_EQ(due.empty(), now < first);
  }
  EXPECT_EQ(timers.front()->is_linked(), false);
}

}  // namespace
}  // namespace tocsin
