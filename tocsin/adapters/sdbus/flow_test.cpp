// SPDX-License-Identifier: MIT
//
// Against a played peer, which sends more than one turn can take, takes less than it is sent, or
// sends what is no message.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <systemd/sd-bus.h>

#include "tocsin/adapters/sdbus/bus.hpp"
#include "tocsin/adapters/sdbus/peers_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin::sdbus {
namespace {

/// Counts what sd-bus hands out in each turn.
struct TurnCounter {
  static int on_message(sd_bus_message*, void* argument, sd_bus_error*) {
    auto& counter = *static_cast<TurnCounter*>(argument);
    if (std::exchange(counter.turn, counter.loop.turn_number()) != counter.loop.turn_number())
      counter.in_turn = 0;
    counter.most = std::max(counter.most, ++counter.in_turn);
    ++counter.all;
    return 0;
  }

  Loop& loop;
  std::uint32_t turn = 0;
  int in_turn = 0;
  int most = 0;
  int all = 0;
};

class PeerTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.run_until([&] {
      peers_.process();
      return sd_bus_is_ready(bus_.native()) > 0;
    }));
  }

  LoopWorld world_;
  Peers peers_;
  Bus bus_ = Bus::adopt(world_.loop, peers_.started());
};

TEST_F(PeerTest, AFloodIsTakenInPartsATurn) {
  TurnCounter counter{world_.loop};
  ASSERT_GE(sd_bus_add_filter(bus_.native(), nullptr, &TurnCounter::on_message, &counter), 0);
  constexpr int count = 1'000;
  for (int i = 0; i < count; ++i) peers_.emit(i);
  ASSERT_TRUE(world_.run_until([&] {
    peers_.process();
    return counter.all == count;
  }));
  EXPECT_EQ(counter.most, 64) << "it was a flood, and dammed";
}

TEST_F(PeerTest, WhatASlowPeerDoesNotTakeIsSentWhenItDoes) {
  constexpr int count = 300;
  const std::string much(100'000, 'x');
  for (int i = 0; i < count; ++i) {
    auto signal = bus_.signal("/object", "test.Signals", "Much").value();
    ASSERT_TRUE(signal.append(much));
    ASSERT_TRUE(bus_.send(signal));
  }
  std::uint64_t queued = 0;
  ASSERT_GE(sd_bus_get_n_queued_write(bus_.native(), &queued), 0);
  EXPECT_GT(queued, 0u) << "the socket had room for all of it";
  world_.run_until_idle();  // It would not end if the loop span.
  ASSERT_TRUE(world_.run_until([&] {
    peers_.process();
    return peers_.signals() == count;
  }));
}

TEST_F(PeerTest, WhatIsNoMessageEndsTheConnection) {
  std::optional<Outcome<Message>> got;
  world_.scope.spawn([](Bus& bus, std::optional<Outcome<Message>>& into) -> Task<> {
    into.emplace(co_await bus.call("", "/object", "test.Service", "Anything"));
  }(bus_, got));
  world_.run_until_idle();
  peers_.send_nonsense();
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(got->error().number(), Errno{EBADMSG});
  EXPECT_EQ(world_.registrations(), 0u);
}

}  // namespace
}  // namespace tocsin::sdbus
