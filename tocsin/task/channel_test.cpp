// SPDX-License-Identifier: MIT
#include "tocsin/task/channel.hpp"

#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/sleep.hpp"
#include "tocsin/task/task_testing.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

const Result<> closed = std::unexpected(Errno{EPIPE});
const Result<> cancelled = std::unexpected(Errno::cancelled);

struct ChannelTest : testing::Test {
  Task<> sends(int item) { sent.push_back(co_await channel.send(item)); }
  Task<> receives() { received.push_back(co_await channel.receive()); }
  Task<> receives_all(std::vector<int>& items) {
    while (auto item = co_await channel.receive()) items.push_back(*item);
  }

  ManualExecutor executor;
  Channel<int> channel{2};
  std::vector<Result<>> sent;         // What each send gave, in the order of their ends.
  std::vector<Result<int>> received;  // What each receive gave, likewise.
  Scope scope{executor};
};
using Items = std::vector<Result<int>>;
using Sent = std::vector<Result<>>;

TEST_F(ChannelTest, ASendIntoABufferWithRoomNeedsNoWaiting) {
  scope.spawn(sends(1));
  scope.spawn(sends(2));
  EXPECT_EQ(sent.size(), 2u);
  EXPECT_EQ(channel.size(), 2u);
}

TEST_F(ChannelTest, AReceiveOfWhatIsThereNeedsNoWaiting) {
  EXPECT_TRUE(channel.try_send(1));
  scope.spawn(receives());
  EXPECT_EQ(received, (Items{1}));
}

TEST_F(ChannelTest, ItemsComeOutInTheOrderTheyWentIn) {
  std::vector<int> items;
  for (int i = 0; i < 10; ++i) scope.spawn(sends(i));
  scope.spawn(receives_all(items));
  executor.run_until_idle();
  EXPECT_EQ(items, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(sent.size(), 10u);
}

TEST_F(ChannelTest, SendersWaitForRoomAndGoOnOneForEachItemTaken) {
  for (int i = 0; i < 4; ++i) scope.spawn(sends(i));
  EXPECT_EQ(sent.size(), 2u);
  EXPECT_EQ(channel.try_receive(), 0);
  executor.run_until_idle();
  EXPECT_EQ(sent.size(), 3u);
  EXPECT_EQ(channel.size(), 2u);
}

TEST_F(ChannelTest, ReceiversAreServedInTheOrderOfTheirComing) {
  std::vector<int> who;
  const auto receives_as = [](Channel<int>& from, std::vector<int>& out, int name) -> Task<> {
    const auto item = co_await from.receive();
    out.push_back(name * 100 + *item);
  };
  for (int name = 1; name <= 3; ++name) scope.spawn(receives_as(channel, who, name));
  for (int item = 1; item <= 2; ++item) EXPECT_TRUE(channel.try_send(int(item)));
  executor.run_until_idle();
  EXPECT_TRUE(channel.try_send(3));
  executor.run_until_idle();
  EXPECT_EQ(who, (std::vector{101, 202, 303}));
}

TEST_F(ChannelTest, AnItemThatIsSetAsideForAReceiverIsNotTakenByAnother) {
  scope.spawn(receives());
  EXPECT_TRUE(channel.try_send(1));  // The receiver is woken, and has not gone on.
  EXPECT_EQ(channel.try_receive(), Result<int>(std::unexpected(Errno::again)));
  executor.run_until_idle();
  EXPECT_EQ(received, (Items{1}));
}

TEST_F(ChannelTest, AnItemSetAsideStillTakesItsRoom) {
  scope.spawn(receives());
  EXPECT_TRUE(channel.try_send(1));
  EXPECT_TRUE(channel.try_send(2));
  EXPECT_EQ(channel.try_send(3).error(), Errno::again);
}

TEST_F(ChannelTest, SendersAndReceiversMayWaitAtOnceAndAllGoOn) {
  Channel<int> narrow(1);
  std::vector<int> got;
  const auto takes = [](Channel<int>& from, std::vector<int>& out) -> Task<> {
    const auto item = co_await from.receive();
    out.push_back(*item);
  };
  const auto gives = [](Channel<int>& to, int item) -> Task<> { (void)co_await to.send(item); };
  for (int i = 0; i < 3; ++i) scope.spawn(takes(narrow, got));
  for (int i = 0; i < 3; ++i) scope.spawn(gives(narrow, i));
  executor.run_until_idle();
  EXPECT_EQ(got, (std::vector{0, 1, 2}));
  EXPECT_EQ(scope.size(), 0u);
}

TEST_F(ChannelTest, TryFailsWhereTheOtherWouldWaitAndKeepsTheItem) {
  Channel<std::unique_ptr<int>> pointers(1);
  auto first = std::make_unique<int>(1);
  auto second = std::make_unique<int>(2);
  EXPECT_EQ(pointers.try_receive().error(), Errno::again);
  EXPECT_TRUE(pointers.try_send(std::move(first)));
  EXPECT_EQ(pointers.try_send(std::move(second)).error(), Errno::again);
  EXPECT_TRUE(second) << "moved from although it failed";
  EXPECT_EQ(**pointers.try_receive(), 1);
  pointers.close();
  EXPECT_EQ(pointers.try_send(std::move(second)).error(), Errno{EPIPE});
  EXPECT_TRUE(second);
}

TEST_F(ChannelTest, ItemsThatCannotBeCopiedGoThroughBothWaits) {
  Channel<std::unique_ptr<int>> pointers(1);
  std::vector<int> got;
  scope.spawn([](Channel<std::unique_ptr<int>>& from, std::vector<int>& out) -> Task<> {
    while (auto item = co_await from.receive()) out.push_back(**item);
  }(pointers, got));
  scope.spawn([](Channel<std::unique_ptr<int>>& to) -> Task<> {
    for (int i = 0; i < 4; ++i) (void)co_await to.send(std::make_unique<int>(i));
    to.close();
  }(pointers));
  executor.run_until_idle();
  EXPECT_EQ(got, (std::vector{0, 1, 2, 3}));
  EXPECT_EQ(scope.size(), 0u);
}

TEST_F(ChannelTest, OnceClosedItIsDrainedThenEnds) {
  EXPECT_TRUE(channel.try_send(1));
  EXPECT_TRUE(channel.try_send(2));
  channel.close();
  EXPECT_TRUE(channel.is_closed());
  for (int i = 0; i < 3; ++i) scope.spawn(receives());
  EXPECT_EQ(received, (Items{1, 2, std::unexpected(Errno{EPIPE})}));
  EXPECT_EQ(channel.try_receive().error(), Errno{EPIPE});
}

TEST_F(ChannelTest, CloseEndsWhoeverWaits) {
  for (int i = 0; i < 3; ++i) scope.spawn(sends(i));
  channel.close();
  channel.close();
  scope.spawn(sends(4));
  executor.run_until_idle();
  EXPECT_EQ(sent, (Sent{{}, {}, closed, closed}));
  EXPECT_EQ(channel.size(), 2u) << "the item of the one who waited is not in the buffer";

  Channel<int> empty(1);
  scope.spawn([](Channel<int>& from, Items& out) -> Task<> {
    out.push_back(co_await from.receive());
  }(empty, received));
  empty.close();
  executor.run_until_idle();
  EXPECT_EQ(received, (Items{std::unexpected(Errno{EPIPE})}));
}

TEST_F(ChannelTest, ItMayBeClosedAndDestroyedBeforeItsWaitersGoOn) {
  auto brief = std::make_unique<Channel<int>>(1);
  EXPECT_TRUE(brief->try_send(0));
  scope.spawn([](Channel<int>& to, Sent& out) -> Task<> { out.push_back(co_await to.send(1)); }(
                                                  *brief, sent));
  auto other = std::make_unique<Channel<int>>(1);
  scope.spawn([](Channel<int>& from, Items& out) -> Task<> {
    out.push_back(co_await from.receive());
  }(*other, received));
  brief->close();
  brief.reset();
  other->close();
  other.reset();
  executor.run_until_idle();
  EXPECT_EQ(sent, (Sent{closed}));
  EXPECT_EQ(received, (Items{std::unexpected(Errno{EPIPE})}));
}

TEST_F(ChannelTest, ACancelledReceiveTookNothing) {
  scope.spawn(receives());
  scope.cancel();
  EXPECT_TRUE(channel.try_send(1));
  executor.run_until_idle();
  EXPECT_EQ(received, (Items{std::unexpected(Errno::cancelled)}));
  EXPECT_EQ(channel.try_receive(), 1);
}

TEST_F(ChannelTest, AReceiveThatWasWokenBeforeItsCancellationHasItsItem) {
  scope.spawn(receives());
  EXPECT_TRUE(channel.try_send(1));
  scope.cancel();
  executor.run_until_idle();
  EXPECT_EQ(received, (Items{1}));
}

TEST_F(ChannelTest, ACancelledSendLeftNothing) {
  for (int i = 0; i < 3; ++i) scope.spawn(sends(i));
  scope.cancel();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(channel.try_receive(), i);
  executor.run_until_idle();
  EXPECT_EQ(sent, (Sent{{}, {}, cancelled}));
  EXPECT_EQ(channel.size(), 0u);
}

TEST_F(ChannelTest, ASendThatWasTakenBeforeItsCancellationHasSucceeded) {
  for (int i = 0; i < 3; ++i) scope.spawn(sends(i));
  EXPECT_EQ(channel.try_receive(), 0);
  scope.cancel();
  executor.run_until_idle();
  EXPECT_EQ(sent, (Sent{{}, {}, {}}));
  EXPECT_EQ(channel.size(), 2u);
}

TEST_F(ChannelTest, AReceiverThatIsDestroyedAfterItWasWokenLeavesItsItemToTheNext) {
  std::optional<Scope> doomed(executor);
  doomed->spawn(receives());
  scope.spawn(receives());
  EXPECT_TRUE(channel.try_send(1));
  doomed.reset();
  executor.run_until_idle();
  EXPECT_EQ(received, (Items{1}));
}

TEST_F(ChannelTest, AReceiverThatIsDestroyedAfterItWasWokenLeavesItsItemInTheChannel) {
  std::optional<Scope> doomed(executor);
  doomed->spawn(receives());
  EXPECT_TRUE(channel.try_send(1));
  EXPECT_TRUE(channel.try_send(2));
  doomed.reset();
  EXPECT_EQ(channel.try_receive(), 1) << "at the front, where it was";
  EXPECT_EQ(channel.try_receive(), 2);
}

TEST_F(ChannelTest, ATimeoutAroundAReceiveTakesNothing) {
  std::optional<Result<int>> got;
  scope.spawn([](Channel<int>& from, std::optional<Result<int>>& out) -> Task<> {
    out = co_await timeout(1s, from.receive());
  }(channel, got));
  executor.advance(1s);
  EXPECT_EQ(got->error(), Errno::timed_out);
  EXPECT_TRUE(channel.try_send(1));
  EXPECT_EQ(channel.try_receive(), 1);
}

TEST_F(ChannelTest, TheBufferGoesRoundAndDestroysWhatIsLeft) {
  int alive = 0;
  {
    Channel<Counted> ring(3);
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(ring.try_send(Counted(alive)));
      EXPECT_TRUE(ring.try_send(Counted(alive)));
      EXPECT_EQ(alive, 2);
      EXPECT_TRUE(ring.try_receive());
      EXPECT_TRUE(ring.try_receive());
      EXPECT_EQ(alive, 0);
    }
    EXPECT_TRUE(ring.try_send(Counted(alive)));
  }
  EXPECT_EQ(alive, 0);
}

using ChannelDeathTest = ChannelTest;

TEST_F(ChannelDeathTest, AChannelHoldsAtLeastOneItem) {
  EXPECT_DEATH(Channel<int>(0), "at least one item");
}

TEST_F(ChannelDeathTest, AChannelOutlivesWhoeverWaitsInIt) {
  auto brief = std::make_unique<Channel<int>>(1);
  Scope waiting(executor);
  waiting.spawn([](Channel<int>& from) -> Task<> { (void)co_await from.receive(); }(*brief));
  EXPECT_DEATH(brief.reset(), "while somebody waits in it");
  EXPECT_TRUE(brief->try_send(1));
  EXPECT_DEATH(brief.reset(), "while somebody waits in it") << "woken, but not gone on";
  executor.run_until_idle();
}

}  // namespace
}  // namespace tocsin
