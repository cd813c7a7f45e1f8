// SPDX-License-Identifier: MIT
//
// Threads of a world that has one, as its users see them: through SingleWorld and SingleParker.
#include "tocsin/vkern/scheduler.hpp"

#include <array>
#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {
namespace {

using std::chrono::seconds;

TEST(Fibers, RunWhenTheProgramParksAndInNoOtherOrderThanTheSeeds) {
  const auto order_of = [](std::uint64_t seed) {
    SingleWorld world;
    world.follow(Choices(seed));
    std::string order;
    for (const char name : {'a', 'b', 'c', 'd'}) world.spawn([&order, name] { order += name; });
    EXPECT_EQ(order, "");
    world.run_until_idle();
    EXPECT_EQ(world.thread_count(), 1u);
    return order;
  };
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(order_of(seed), order_of(seed)) << "seed " << seed;
    orders.insert(order_of(seed));
  }
  EXPECT_GT(orders.size(), 10u) << "of the 24 there are";
}

TEST(Fibers, WakeEachOther) {
  SingleWorld world;
  SingleParker ping(world), pong(world);
  int rounds = 0;
  world.spawn([&] {
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(ping.park(std::nullopt));
      ++rounds;
      pong.wake();
    }
  });
  for (int i = 0; i < 100; ++i) {
    ping.wake();
    ASSERT_TRUE(pong.park(std::nullopt));
  }
  EXPECT_EQ(rounds, 100);
}

TEST(Fibers, MakeTimePassOnlyWhenNoneOfThemCanRun) {
  SingleWorld world;
  const TimePoint start = world.now();
  std::string order;
  const auto sleeper = [&](char name, seconds length) {
    world.spawn([&, name, length] {
      SingleParker parker(world);
      EXPECT_FALSE(parker.park(start + length));
      EXPECT_EQ(world.now(), start + length);
      order += name;
    });
  };
  sleeper('c', seconds{30});
  sleeper('a', seconds{10});
  sleeper('b', seconds{20});
  world.run_until_idle();
  EXPECT_EQ(order, "");
  EXPECT_EQ(world.now(), start);
  EXPECT_EQ(world.asleep_count(), 3u);
  world.advance(seconds{20});
  EXPECT_EQ(order, "ab");
  SingleParker parker(world);
  EXPECT_FALSE(parker.park(start + seconds{40}));
  EXPECT_EQ(order, "abc");
}

TEST(Fibers, ThatYieldLetOthersRun) {
  SingleWorld world;
  bool done = false;
  world.spawn([&] { done = true; });
  int looks = 0;
  for (; !done && looks < 1000; ++looks) world.yield();
  EXPECT_TRUE(done);
}

TEST(Fibers, AreUnwoundWhereTheySleepWhenTheirWorldEnds) {
  const auto held = std::make_shared<int>(0);
  bool returned = false;
  {
    SingleWorld world;
    world.spawn([&, kept = held] {
      const auto on_the_stack = kept;
      SingleParker parker(world);
      parker.park(std::nullopt);
      returned = true;
    });
    world.run_until_idle();
    EXPECT_EQ(held.use_count(), 3);
    world.spawn([&, kept = held] { returned = true; });
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(returned);
}

TEST(Fibers, RunTheSameAgainFromTheRecordOfTheirChoices) {
  const auto run = [](Choices choices, std::vector<std::uint32_t>& record) {
    SingleWorld world;
    world.follow(std::move(choices));
    std::string order;
    for (const char name : {'a', 'b', 'c'})
      world.spawn([&world, &order, name] {
        for (int i = 0; i < 5; ++i) {
          order += name;
          world.yield();
        }
      });
    world.run_until_idle();
    record.clear();
    for (const Choice& choice : world.choices().made()) record.push_back(choice.answer);
    return order;
  };
  std::vector<std::uint32_t> record, again;
  const std::string order = run(Choices(3), record);
  EXPECT_EQ(run(Choices::replay(record), again), order);
  EXPECT_EQ(again, record);
  EXPECT_EQ(run(Choices::replay({}), again), "aaaaabbbbbccccc") << "0 is going on, and in order";
}

TEST(Fibers, AreManyAtOnceAndLeaveNothingBehind) {
  SingleWorld world;
  int ended = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 300; ++i)
      world.spawn([&] {
        SingleParker parker(world);
        parker.park(world.now() + seconds{1});
        ++ended;
      });
    world.advance(seconds{2});
    EXPECT_EQ(world.thread_count(), 1u);
  }
  EXPECT_EQ(ended, 900);
}

TEST(SingleParker, CountsAWakeThatCameBeforeAndOnlyOnce) {
  SingleWorld world;
  SingleParker parker(world);
  parker.wake();
  parker.wake();
  EXPECT_TRUE(parker.park(std::nullopt));
  EXPECT_FALSE(parker.park(world.now() + seconds{1}));
}

using FibersDeathTest = testing::Test;

TEST(FibersDeathTest, ThatAllSleepForEverAreCounted) {
  const auto hang = [] {
    SingleWorld world;
    for (int i = 0; i < 2; ++i) world.spawn([&] { SingleParker(world).park(std::nullopt); });
    SingleParker(world).park(std::nullopt);
  };
  EXPECT_DEATH(hang(), "nothing is left that could ever end it: threads asleep: 3");
}

}  // namespace
}  // namespace tocsin::vkern
