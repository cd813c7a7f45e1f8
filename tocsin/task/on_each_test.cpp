// SPDX-License-Identifier: MIT
#include "tocsin/task/on_each.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tocsin/task/channel.hpp"
#include "tocsin/task/executor_testing.hpp"

namespace tocsin {
namespace {

struct Feed {
  auto next() { return channel.receive(); }
  Channel<int> channel{4};
};

struct OnEachTest : testing::Test {
  void deliver() {
    on_each(scope, feed, [this](int event) { events.push_back(event); });
  }
  Task<> join() { outcome = co_await scope.join(); }

  ManualExecutor executor;
  Feed feed;
  std::vector<int> events;
  Result<> outcome;
  Scope scope{executor};
  Scope outer{executor};
};

TEST_F(OnEachTest, EveryEventReachesTheCallbackInOrder) {
  deliver();
  EXPECT_TRUE(feed.channel.try_send(1));
  EXPECT_TRUE(feed.channel.try_send(2));
  executor.run_until_idle();
  EXPECT_TRUE(feed.channel.try_send(3));
  executor.run_until_idle();
  EXPECT_EQ(events, (std::vector{1, 2, 3}));
}

TEST_F(OnEachTest, TheFailureOfTheSourceIsTheTasks) {
  deliver();
  outer.spawn(join());
  feed.channel.close();
  executor.run_until_idle();
  EXPECT_EQ(outcome, Result<>(std::unexpected(Errno{EPIPE})));
}

TEST_F(OnEachTest, CancellingTheScopeEndsTheDeliveries) {
  deliver();
  scope.cancel();
  outer.spawn(join());
  executor.run_until_idle();
  EXPECT_TRUE(feed.channel.try_send(1));
  executor.run_until_idle();
  EXPECT_EQ(outcome, Result<>(std::unexpected(Errno::cancelled)));
  EXPECT_TRUE(events.empty());
}

TEST_F(OnEachTest, TheCallbackMayCancelTheScope) {
  on_each(scope, feed, [this](int event) {
    events.push_back(event);
    scope.cancel();
  });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(feed.channel.try_send(int{i}));
  executor.run_until_idle();
  EXPECT_EQ(events, (std::vector{0}));
}

}  // namespace
}  // namespace tocsin
