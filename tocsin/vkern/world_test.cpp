// SPDX-License-Identifier: MIT
#include "tocsin/vkern/world.hpp"

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/cpu_relax.hpp"

namespace tocsin::vkern {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Counts how often it rang; it outlives its alarms, so references mean nothing.
class Bell final : public Alarmed {
 public:
  void alarm(std::uint64_t number) override {
    last = number;
    ++rings;
    if (wakes != nullptr) wakes->wake();
  }
  void add_alarm_ref() override { ++refs; }
  void drop_alarm_ref() override { --refs; }

  SingleParker* wakes = nullptr;
  std::uint64_t last = 0;
  int rings = 0;
  int refs = 0;
};

TEST(SingleWorld, GoesOnToTheNextAlarmOfAThreadThatSleeps) {
  SingleWorld world;
  const TimePoint start = world.now();
  SingleParker parker(world);
  Bell bell;
  bell.wakes = &parker;
  const std::uint64_t number = world.set_alarm(bell, start + seconds{3});
  EXPECT_TRUE(parker.park(start + seconds{3}))
      << "what is due at once with the deadline came first";
  EXPECT_EQ(world.now(), start + seconds{3});
  EXPECT_EQ(bell.last, number);
  EXPECT_EQ(bell.refs, 0);
}

TEST(SingleWorld, RingsInOrderWhileTimeIsAdvanced) {
  SingleWorld world;
  Bell bell;
  const std::uint64_t later = world.set_alarm(bell, world.now() + seconds{2});
  world.set_alarm(bell, world.now() + seconds{1});
  const std::uint64_t never = world.set_alarm(bell, world.now() + seconds{1});
  world.clear_alarm(never);
  world.advance(seconds{1});
  EXPECT_EQ(bell.rings, 1);
  world.advance(Duration::zero());
  EXPECT_EQ(bell.rings, 1);
  world.advance(seconds{5});
  EXPECT_EQ(bell.rings, 2);
  EXPECT_EQ(bell.last, later);
}

TEST(SingleWorld, LetsGoOfAlarmsThatNeverRang) {
  Bell bell;
  {
    SingleWorld world;
    world.set_alarm(bell, world.now() + seconds{1});
    EXPECT_EQ(bell.refs, 1);
  }
  EXPECT_EQ(bell.refs, 0);
  EXPECT_EQ(bell.rings, 0);
}

TEST(ThreadsParker, CountsAWakeThatCameBeforeAndOnlyOnce) {
  ThreadsWorld world;
  ThreadsParker parker(world);
  parker.wake();
  parker.wake();
  EXPECT_TRUE(parker.park(std::nullopt));
  EXPECT_FALSE(parker.park(world.now() + microseconds{50}));
}

TEST(ThreadsParker, IsNeverEarly) {
  ThreadsWorld world;
  ThreadsParker parker(world);
  const TimePoint deadline = world.now() + milliseconds{2};
  EXPECT_FALSE(parker.park(deadline));
  EXPECT_GE(world.now(), deadline);
}

// The waker comes before, during and after the look around, and about when the deadline does; the
// parker ends right after it was woken, as soon as it has the lock that the waker held.
TEST(ThreadsParker, IsWokenOrTimesOutHoweverLateTheWakerIs) {
  ThreadsWorld world;
  constexpr int rounds = 3000;
  FutexLock lock;
  ThreadsParker* sleeper = nullptr;  // Under the lock.
  std::atomic<int> round = 0;
  std::jthread waker([&] {
    for (int seen = 0; seen < rounds;) {
      round.wait(seen);
      seen = round.load();
      const TimePoint when = world.now() + microseconds{seen % 40};
      while (world.now() < when) cpu_relax();
      const std::lock_guard held(lock);
      if (sleeper != nullptr) sleeper->wake();
    }
  });
  int woken = 0;
  for (int i = 1; i <= rounds; ++i) {
    ThreadsParker parker(world);
    {
      const std::lock_guard held(lock);
      sleeper = &parker;
    }
    round = i;
    round.notify_one();
    std::optional<TimePoint> deadline;
    if (i % 2 == 0) deadline = world.now() + microseconds{20};
    const bool was_woken = parker.park(deadline);
    ASSERT_TRUE(was_woken || world.now() >= deadline);
    woken += was_woken ? 1 : 0;
    const std::lock_guard held(lock);
    sleeper = nullptr;
  }
  EXPECT_GE(woken, rounds / 2);
}

}  // namespace
}  // namespace tocsin::vkern
