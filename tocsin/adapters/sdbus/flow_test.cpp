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
  sd_bus* const native = bus_.native();
  world_.run_until_idle();
  constexpr int count = 300;
  const std::string much(100'000, 'x');
  for (int i = 0; i < count; ++i) {
    auto signal = bus_.signal("/object", "test.Signals", "Much").value();
    ASSERT_TRUE(signal.append(much));
    ASSERT_TRUE(bus_.send(signal));
  }
  std::uint64_t queued = 0;
  ASSERT_GE(sd_bus_get_n_queued_write(native, &queued), 0);
  EXPECT_GT(queued, 0u) << "the socket had room for all of it";
  world_.run_until_idle();  // It would not end if the loop span.
  ASSERT_TRUE(world_.run_until([&] {
    peers_.process();
    return peers_.signals() == count;
  }));
}

TEST_F(PeerTest, WhatWasDoneWithSdBusItselfIsNoticed) {
  bool timed_out = false;
  const auto tell = [](sd_bus_message* answer, void* told, sd_bus_error*) {
    *static_cast<bool*>(told) = sd_bus_message_is_method_error(answer, SD_BUS_ERROR_NO_REPLY) > 0;
    return 0;
  };
  world_.run_until_idle();
  const Message call = bus_.method_call("", "/object", "test.Service", "Silent").value();
  ASSERT_GE(sd_bus_call_async(bus_.native(), nullptr, call.native(), tell, &timed_out, 1'000), 0);
  EXPECT_TRUE(world_.run_until([&] { return timed_out; }));
}

// More of them than are told in one turn.
TEST_F(PeerTest, SlotsOfSdBusAreToldOfTheEndAsWell) {
  int told = 0;
  const auto tell = [](sd_bus_message*, void* count, sd_bus_error*) {
    return ++*static_cast<int*>(count), 0;
  };
  for (int i = 0; i < 100; ++i) {
    const Message call = bus_.method_call("", "/object", "test.Service", "Silent").value();
    ASSERT_GE(sd_bus_call_async(bus_.native(), nullptr, call.native(), tell, &told, 0), 0);
  }
  ASSERT_GE(
      sd_bus_match_signal_async(bus_.native(), nullptr, nullptr, nullptr,
                                "org.freedesktop.DBus.Local", "Disconnected", tell, nullptr, &told),
      0);
  peers_.leave();
  EXPECT_TRUE(world_.run_until([&] { return told == 101; }));
  world_.run_until_idle();  // It would not end if the loop span.
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

TEST(BusOfTwoDescriptors, IsRefused) {
  LoopWorld world;
  auto to = connected_pair();
  auto from = connected_pair();
  sd_bus* prepared = nullptr;
  ASSERT_GE(sd_bus_new(&prepared), 0);
  ASSERT_GE(sd_bus_set_fd(prepared, from[0].release(), to[0].release()), 0);
  ASSERT_GE(sd_bus_start(prepared), 0);
  Bus bus = Bus::adopt(world.loop, prepared);
  const auto ready =
      world.await([](Bus& waits) -> Task<Outcome<>> { co_return co_await waits.ready(); }(bus));
  EXPECT_EQ(ready.error().number(), Errno{EPERM});
}

}  // namespace
}  // namespace tocsin::sdbus
