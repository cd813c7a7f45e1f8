// SPDX-License-Identifier: MIT
//
// Against a real dbus-daemon.
#include "tocsin/adapters/sdbus/match.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/adapters/sdbus/bus.hpp"
#include "tocsin/adapters/sdbus/bus_daemon_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/on_each.hpp"

namespace tocsin::sdbus {
namespace {

constexpr const char* numbers = "type='signal',interface='test.Signals',member='Number'";

class MatchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!daemon_.is_there()) GTEST_SKIP() << "there is no dbus-daemon (dbus-daemon)";
    sender_.emplace(connected());
    receiver_.emplace(connected());
  }

  Bus connected() { return world_.await(Bus::connect(world_.loop, daemon_.address())).value(); }

  void send(int number) {
    auto signal = sender_->signal("/object", "test.Signals", "Number").value();
    ASSERT_TRUE(signal.append(number));
    ASSERT_TRUE(sender_->send(signal));
  }
  /// Everything that `bus` sent is there, and the rules it made: the bus answers in order.
  void settle(Bus& bus) {
    ASSERT_TRUE(world_.await([](Bus& from) -> Task<Outcome<Message>> {
      co_return co_await from.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId");
    }(bus)));
  }
  Outcome<Signal> next(Match& match) {
    return world_.await(
        [](Match& from) -> Task<Outcome<Signal>> { co_return co_await from.next(); }(match));
  }
  static int number_of(const Signal& signal) {
    int number = -1;
    EXPECT_TRUE(signal.message.read(number));
    return number;
  }

  BusDaemon daemon_;
  LoopWorld world_;
  std::optional<Bus> sender_;
  std::optional<Bus> receiver_;
};

TEST_F(MatchTest, ASignalComesWithItsValues) {
  Match match = receiver_->match(numbers).value();
  settle(*receiver_);
  send(7);
  const auto signal = next(match);
  ASSERT_TRUE(signal);
  EXPECT_EQ(number_of(*signal), 7);
  EXPECT_EQ(signal->lost, 0u);
  EXPECT_EQ(signal->message.path(), "/object");
  EXPECT_EQ(signal->message.interface(), "test.Signals");
  EXPECT_EQ(signal->message.member(), "Number");
  EXPECT_EQ(signal->message.signature(), "i");
  EXPECT_TRUE(signal->message.sender().starts_with(":"));
}

TEST_F(MatchTest, WhatTwoRulesFitIsForBoth) {
  Match narrow = receiver_->match(numbers).value();
  Match wide = receiver_->match("type='signal',path='/object'").value();
  settle(*receiver_);
  send(7);
  const auto first = next(narrow);
  const auto second = next(wide);
  EXPECT_EQ(number_of(*first), 7);
  EXPECT_EQ(number_of(*second), 7) << "the position of the one is not the other's";
}

TEST_F(MatchTest, AReaderWhoAwaitsNothingElseLosesNothing) {
  Match match = receiver_->match(numbers).value();
  settle(*receiver_);
  constexpr int count = 10'000;
  for (int i = 0; i < count; ++i) send(i);
  int expected = 0;
  on_each(world_.scope, match, [&](const Signal& signal) {
    EXPECT_EQ(signal.lost, 0u);
    EXPECT_EQ(number_of(signal), expected);
    ++expected;
  });
  EXPECT_TRUE(world_.run_until([&] { return expected == count; }));
  world_.scope.cancel();
}

TEST_F(MatchTest, ASlowReaderLosesTheOldestAndIsToldHowMany) {
  Match match = receiver_->match(numbers).value();
  settle(*receiver_);
  constexpr int count = 10'000;
  for (int i = 0; i < count; ++i) send(i);
  settle(*sender_);
  settle(*receiver_);
  constexpr int kept = static_cast<int>(Match::capacity);
  for (int i = count - kept; i < count; ++i) {
    const auto signal = next(match);
    ASSERT_TRUE(signal);
    EXPECT_EQ(number_of(*signal), i);
    EXPECT_EQ(signal->lost, i == count - kept ? static_cast<std::uint64_t>(count - kept) : 0u);
  }
}

TEST_F(MatchTest, WhoIsCancelledTakesNothing) {
  Match match = receiver_->match(numbers).value();
  settle(*receiver_);
  std::optional<Outcome<Signal>> got;
  {
    Scope cancelled(world_.loop);
    cancelled.spawn([](Match& from, std::optional<Outcome<Signal>>& into) -> Task<> {
      into.emplace(co_await from.next());
    }(match, got));
    cancelled.cancel();
    ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  }
  EXPECT_EQ(got->error().number(), Errno::cancelled);
  send(7);
  const auto signal = next(match);
  EXPECT_EQ(number_of(*signal), 7);
}

TEST_F(MatchTest, ARuleIsTakenBackWithItsMatch) {
  // The daemon allows eight at a time.
  for (int i = 0; i < 20; ++i) {
    Match match = receiver_->match(numbers).value();
    settle(*receiver_);
    send(i);
    const auto signal = next(match);
    ASSERT_TRUE(signal) << signal.error().message();
    EXPECT_EQ(number_of(*signal), i);
  }
}

TEST_F(MatchTest, ARuleThatIsRefusedIsToldByNext) {
  std::vector<Match> matches;
  matches.reserve(9);
  for (int i = 0; i < 9; ++i)
    matches.push_back(receiver_->match("type='signal',path='/" + std::to_string(i) + "'").value());
  const auto refused = next(matches.back());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name(), "org.freedesktop.DBus.Error.LimitsExceeded");
  settle(*receiver_);
  EXPECT_EQ(receiver_->match("no rule").error().number(), Errno::invalid);
}

TEST_F(MatchTest, WhatIsQueuedIsToldBeforeTheEnd) {
  Match match = receiver_->match(numbers).value();
  settle(*receiver_);
  send(7);
  settle(*sender_);
  settle(*receiver_);
  receiver_.reset();
  const auto signal = next(match);
  ASSERT_TRUE(signal);
  EXPECT_EQ(number_of(*signal), 7);
  EXPECT_EQ(next(match).error().number(), Errno::cancelled);
}

}  // namespace
}  // namespace tocsin::sdbus
