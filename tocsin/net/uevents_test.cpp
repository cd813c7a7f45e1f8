// SPDX-License-Identifier: MIT
//
// In a network of the test's own: its devices are the only ones of which anything is told there.
#include "tocsin/net/uevents.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/network_namespace_testing.hpp"
#include "tocsin/net/tun.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

class UeventsTest : public testing::Test {
 protected:
  void SetUp() override {
    ONLY_ON_LINUX("vkern has no netlink");
    network.emplace();
    ONLY_IN_OWN_NETWORK(*network);
  }

  static Task<Result<Uevent>> next_of(Uevents& events) { co_return co_await events.next(); }
  /// The next one with this action, of a device itself or of what comes with it.
  Uevent await(Uevents& events, Uevent::Action action) {
    while (true)
      if (auto event = world.await(next_of(events)).value(); event.action == action) return event;
  }
  TunDevice device(const char* name) {
    return TunDevice::create(world.loop, {.name = name}).value();
  }

  std::optional<NetworkNamespace> network;
  LoopWorld world;
};

TEST_F(UeventsTest, ADeviceComesAndGoes) {
  auto events = Uevents::create(world.loop).value();
  static_cast<void>(device("tun7"));
  const auto came = world.await(next_of(events)).value();
  EXPECT_EQ(came.action, Uevent::Action::add);
  EXPECT_EQ(came.device, "/devices/virtual/net/tun7");
  EXPECT_EQ(came.subsystem, "net");
  EXPECT_EQ(came.value("INTERFACE"), "tun7");
  EXPECT_EQ(came.value("DEVPATH"), came.device);
  EXPECT_EQ(came.value("NO_SUCH_KEY"), "");
  const auto went = await(events, Uevent::Action::remove);
  EXPECT_GT(went.sequence, came.sequence);
}

TEST_F(UeventsTest, WhatWasLostIsAResyncAndItGoesOnBehindIt) {
  auto events = Uevents::create(world.loop, {.receive_buffer = 4'096}).value();
  for (int i = 0; i < 8; ++i) static_cast<void>(device("lost"));
  const auto first = world.await(next_of(events)).value();
  EXPECT_EQ(first.action, Uevent::Action::add) << "what came before the gap is told before it";
  static_cast<void>(await(events, Uevent::Action::resync));
  const auto found = device("found");
  EXPECT_EQ(await(events, Uevent::Action::add).value("INTERFACE"), "found");
}

class HearsOfDevices : public LoopScenario<> {
 public:
  HearsOfDevices() { set_out(); }
  Task<> line() override {
    while (true) {
      const auto event = co_await events_.next();
      if (!event || event->action == Uevent::Action::add) co_return;
    }
  }
  void complete() override { device_.emplace(TunDevice::create(side_.loop).value()); }

 private:
  NetworkNamespace network_;
  LoopWorld side_;
  Uevents events_ = Uevents::create(loop()).value();
  std::optional<TunDevice> device_;
};
TEST_F(UeventsTest, WaitingCanBeCancelledWhereverItWaits) { EXPECT_EQ(walk<HearsOfDevices>(), 1); }

}  // namespace
}  // namespace tocsin
