// SPDX-License-Identifier: MIT
//
// In a network of the test's own, whose loopback and TUN devices it changes.
#include "tocsin/net/route_events.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/network_namespace_testing.hpp"
#include "tocsin/net/tun.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using Kind = RouteEvent::Kind;

template <class T>
const T* as(const RouteEvent& event, Kind kind) {
  return event.kind == kind ? std::get_if<T>(&event.what) : nullptr;
}

class RouteEventsTest : public testing::Test {
 protected:
  void SetUp() override {
    ONLY_ON_LINUX("vkern has no netlink");
    network.emplace();
    ONLY_IN_OWN_NETWORK(*network);
    network->keep_ipv6_quiet();
  }

  static Task<Result<RouteEvent>> next_of(RouteEvents& events) { co_return co_await events.next(); }
  RouteEvent next(RouteEvents& events) { return world.await(next_of(events)).value(); }

  /// The first event that `wanted` likes; those before it are dropped.
  template <class Wanted>
  RouteEvent await(RouteEvents& events, Wanted wanted) {
    while (true)
      if (auto event = next(events); wanted(event)) return event;
  }
  /// All events up to the first one of that kind.
  std::vector<RouteEvent> until(RouteEvents& events, Kind last) {
    std::vector<RouteEvent> all;
    do all.push_back(next(events));
    while (all.back().kind != last);
    return all;
  }
  template <class T, class Wanted>
  static bool holds(const std::vector<RouteEvent>& events, Kind kind, Wanted wanted) {
    return std::ranges::any_of(events, [&](const RouteEvent& event) {
      const T* const what = as<T>(event, kind);
      return what != nullptr && wanted(*what);
    });
  }
  /// Twice as many changes as there are repetitions.
  void shake(int times) {
    for (int i = 0; i < times; ++i) {
      network->set_up("lo", false);
      network->set_up("lo", true);
    }
  }

  std::optional<NetworkNamespace> network;
  LoopWorld world;
};

TEST_F(RouteEventsTest, AnInterfaceIsToldFromItsBeginningToItsEnd) {
  auto events = RouteEvents::create(world.loop).value();
  std::optional<TunDevice> device(TunDevice::create(world.loop, {.name = "tun7"}).value());
  const auto made = next(events);
  const Link* link = as<Link>(made, Kind::changed);
  ASSERT_NE(link, nullptr);
  EXPECT_EQ(link->name, "tun7");
  EXPECT_EQ(link->kind, "tun");
  EXPECT_EQ(link->mtu, 1'500u);
  EXPECT_EQ(link->index, interface_index(world.loop.kernel(), "tun7"));
  EXPECT_FALSE(link->is_up());
  const unsigned index = link->index;

  network->set_address("tun7", "10.9.8.1", 24);
  await(events, [&](const RouteEvent& event) {
    const auto* const address = as<InterfaceAddress>(event, Kind::changed);
    return address != nullptr && address->interface == index && address->prefix_length == 24 &&
           address->address.host() == "10.9.8.1";
  });
  network->set_up("tun7");
  await(events, [&](const RouteEvent& event) {
    const auto* const up = as<Link>(event, Kind::changed);
    return up != nullptr && up->index == index && up->is_up();
  });
  await(events, [&](const RouteEvent& event) {
    const auto* const route = as<Route>(event, Kind::changed);
    return route != nullptr && route->interface == index && route->prefix_length == 24 &&
           route->destination.host() == "10.9.8.0" && route->table == RT_TABLE_MAIN &&
           route->source.host() == "10.9.8.1";
  });
  device.reset();
  await(events, [&](const RouteEvent& event) {
    const auto* const gone = as<Link>(event, Kind::removed);
    return gone != nullptr && gone->index == index;
  });
}

TEST_F(RouteEventsTest, ADumpTellsWhatThereIsAndWhenThatIsAll) {
  auto events = RouteEvents::create(world.loop).value();
  ASSERT_TRUE(events.dump());
  const auto all = until(events, Kind::dumped);
  EXPECT_TRUE(holds<Link>(all, Kind::present, [](const Link& link) {
    return link.name == "lo" && link.is_up() && link.is_running() && link.mtu == 65'536;
  }));
  EXPECT_TRUE(holds<InterfaceAddress>(all, Kind::present, [](const InterfaceAddress& address) {
    return address.address.host() == "127.0.0.1" && address.prefix_length == 8;
  }));
  EXPECT_TRUE(holds<Route>(all, Kind::present, [](const Route& route) {
    return route.table == RT_TABLE_LOCAL && route.type == RTN_LOCAL &&
           route.destination.host() == "127.0.0.1";
  }));
  network->set_up("lo", false);
  EXPECT_EQ(next(events).kind, Kind::changed) << "it listens on";
}

// A fact about Linux: whoever keeps a picture of the routes has to take them out by himself.
TEST_F(RouteEventsTest, TheRoutesOfALinkThatGoesDownVanishWithoutAWord) {
  const auto has_route = [](const Route& route) {
    return route.family == AF_INET && route.destination.host() == "10.9.8.0";
  };
  const auto device = TunDevice::create(world.loop, {.name = "tun7"}).value();
  network->set_address("tun7", "10.9.8.1", 24);
  network->set_up("tun7");
  auto events = RouteEvents::create(world.loop).value();
  ASSERT_TRUE(events.dump());
  EXPECT_TRUE(holds<Route>(until(events, Kind::dumped), Kind::present, has_route));
  network->set_up("tun7", false);
  ASSERT_TRUE(events.dump());
  const auto after = until(events, Kind::dumped);
  EXPECT_FALSE(holds<Route>(after, Kind::present, has_route)) << "it is gone";
  EXPECT_FALSE(holds<Route>(after, Kind::removed, has_route)) << "and nobody said so";
}

TEST_F(RouteEventsTest, ADumpThatIsAskedForTwiceEndsOnce) {
  auto events = RouteEvents::create(world.loop, {.addresses = false, .routes = false}).value();
  ASSERT_TRUE(events.dump());
  ASSERT_TRUE(events.dump());
  EXPECT_EQ(until(events, Kind::dumped).size(), 3u) << "lo, lo again, and the end";
  ASSERT_TRUE(events.dump());
  EXPECT_EQ(until(events, Kind::dumped).size(), 2u);
}

TEST_F(RouteEventsTest, OnlyWhatWasAskedForIsTold) {
  auto events = RouteEvents::create(world.loop, {.addresses = false, .routes = false}).value();
  shake(2);
  for (int i = 0; i < 4; ++i) EXPECT_NE(as<Link>(next(events), Kind::changed), nullptr);
}

TEST_F(RouteEventsTest, ChangesThatWereLostAreAResyncAfterThoseThatWereNot) {
  auto events = RouteEvents::create(world.loop,
                                    {.addresses = false, .routes = false, .receive_buffer = 8'192})
                    .value();
  shake(100);
  std::vector told{next(events)};
  network->set_up("lo", false);  // After the error: dropped, too, and no second one for it.
  for (auto& event : until(events, Kind::resync)) told.push_back(std::move(event));
  EXPECT_GT(told.size(), 1u) << "what came before the gap is told before it";
  EXPECT_LT(told.size(), 201u);
  for (std::size_t i = 0; i + 1 < told.size(); ++i) {
    const Link* const link = as<Link>(told[i], Kind::changed);
    ASSERT_NE(link, nullptr);
    EXPECT_EQ(link->is_up(), i % 2 == 1) << "none is missing before the gap";
  }
  ASSERT_TRUE(events.dump());
  const auto now = until(events, Kind::dumped);
  EXPECT_TRUE(holds<Link>(now, Kind::present, [](const Link& link) { return !link.is_up(); }));
  network->set_up("lo");
  EXPECT_TRUE(as<Link>(next(events), Kind::changed)->is_up()) << "and nothing is lost any more";
}

TEST_F(RouteEventsTest, ADumpWhileChangesAreLostEndsAllTheSame) {
  auto events = RouteEvents::create(world.loop, {.receive_buffer = 8'192}).value();
  shake(20);
  ASSERT_TRUE(events.dump());
  shake(20);
  until(events, Kind::dumped);
  until(events, Kind::resync);
  ASSERT_TRUE(events.dump());
  until(events, Kind::dumped);
}

// No kernel refuses a dump; one that knows nothing of links would.
class KnowsNoLinks : public ForwardingKernel {
 public:
  Count sendto(int fd, ByteView bytes, int flags, const sockaddr* address,
               socklen_t length) override {
    std::vector<std::byte> request(bytes.begin(), bytes.end());
    reinterpret_cast<nlmsghdr*>(request.data())->nlmsg_type = RTM_GETLINK + 4'000;
    return below_.sendto(fd, request, flags, address, length);
  }
};

TEST_F(RouteEventsTest, WhatADumpIsRefusedWithIsAnErrorAndItListensOn) {
  KnowsNoLinks kernel;
  LoopWorld other(kernel);
  auto events = RouteEvents::create(other.loop).value();
  ASSERT_TRUE(events.dump());
  const auto refused = other.await(next_of(events));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Errno::unsupported);
  shake(1);
  EXPECT_TRUE(other.await(next_of(events)));
}

TEST_F(RouteEventsTest, ADumpWhoseRefusalIsLostEndsInAResync) {
  KnowsNoLinks kernel;
  LoopWorld other(kernel);
  auto events = RouteEvents::create(other.loop, {.receive_buffer = 8'192}).value();
  shake(20);
  ASSERT_TRUE(events.dump());  // The queue has no room for the answer.
  int resyncs = 0;
  auto told = other.await(next_of(events));
  for (; told && resyncs == 0; told = other.await(next_of(events))) {
    if (told->kind != Kind::resync) continue;
    ++resyncs;
    ASSERT_TRUE(events.dump());  // This time it has.
  }
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error(), Errno::unsupported);
}

TEST_F(RouteEventsTest, ADumpThatWasAskedForAgainIsBegunAgainIfItsAnswerWasLost) {
  KnowsNoLinks kernel;
  LoopWorld other(kernel);
  auto events = RouteEvents::create(other.loop, {.receive_buffer = 8'192}).value();
  shake(20);
  ASSERT_TRUE(events.dump());
  ASSERT_TRUE(events.dump());
  auto told = other.await(next_of(events));
  while (told) told = other.await(next_of(events));
  EXPECT_EQ(told.error(), Errno::unsupported) << "of the second";
}

TEST_F(RouteEventsTest, OnlyTheKernelIsBelieved) {
  auto events = RouteEvents::create(world.loop, {.addresses = false, .routes = false}).value();
  LinuxKernel& kernel = LinuxKernel::shared();
  const Fd liar(kernel, kernel.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE).value());
  sockaddr_nl to{};
  to.nl_family = AF_NETLINK;
  to.nl_pid = static_cast<std::uint32_t>(kernel.getpid());  // The first socket's port (netlink(7)).
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } lie{};
  lie.header.nlmsg_len = sizeof lie;
  lie.header.nlmsg_type = RTM_DELLINK;
  lie.link.ifi_index = 1;
  ASSERT_TRUE(kernel.sendto(liar.get(), std::as_bytes(std::span(&lie, 1)), 0,
                            reinterpret_cast<const sockaddr*>(&to), sizeof to));
  network->set_up("lo", false);
  EXPECT_EQ(next(events).kind, Kind::changed);
}

class HearsOfChanges : public LoopScenario<> {
 public:
  HearsOfChanges() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 3; ++i)
      if (!co_await events_.next()) co_return;
  }
  void complete() override { network_.set_up("lo", is_up_ = !is_up_); }

 private:
  NetworkNamespace network_;
  bool is_up_ = true;
  RouteEvents events_ = RouteEvents::create(loop(), {.addresses = false, .routes = false}).value();
};
TEST_F(RouteEventsTest, WaitingCanBeCancelledWhereverItWaits) {
  EXPECT_EQ(walk<HearsOfChanges>(), 3);
}

}  // namespace
}  // namespace tocsin
