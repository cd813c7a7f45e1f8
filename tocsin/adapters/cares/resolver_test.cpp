// SPDX-License-Identifier: MIT
//
// Against a real DNS server, dnsmasq, and where that is not told what to do, a played one.
#include "tocsin/adapters/cares/resolver.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/adapters/cares/dns_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;
using Addresses = Result<std::vector<Address>>;

Task<Addresses> resolve(Resolver& resolver, std::string name,
                        AddressFamily family = AddressFamily::any) {
  co_return co_await resolver.resolve(std::move(name), 80, family);
}

class ResolverTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = new DnsServer; }
  static void TearDownTestSuite() {
    delete server;
    server = nullptr;
  }
  void SetUp() override {
    if (!server->is_there()) GTEST_SKIP() << "there is no dnsmasq (dnsmasq-base)";
  }

  static DnsServer* server;
  LoopWorld world_;
  Resolver resolver_ = Resolver::create(world_.loop, {.servers = server->address()}).value();
};
DnsServer* ResolverTest::server = nullptr;

TEST_F(ResolverTest, ANameBecomesItsAddressesWithThePort) {
  const auto found = world_.await(resolve(resolver_, "two.test"));
  ASSERT_TRUE(found) << found.error().name();
  EXPECT_EQ(found->size(), 2u);
  for (const char* address : {"127.0.0.1:80", "[::1]:80"})
    EXPECT_TRUE(std::ranges::count(*found, Address::parse(address).value())) << address;
}

TEST_F(ResolverTest, OneFamilyIsFound) {
  const auto v4 = world_.await(resolve(resolver_, "two.test", AddressFamily::ipv4)).value();
  EXPECT_EQ(v4, std::vector{Address::parse("127.0.0.1:80").value()});
  const auto v6 = world_.await(resolve(resolver_, "two.test", AddressFamily::ipv6)).value();
  EXPECT_EQ(v6, std::vector{Address::parse("[::1]:80").value()});
}

TEST_F(ResolverTest, NoSuchNameAndNoSuchAddressAreTwoErrors) {
  EXPECT_EQ(world_.await(resolve(resolver_, "none.test")).error(), Errno{ENOENT});
  EXPECT_EQ(world_.await(resolve(resolver_, "four.test", AddressFamily::ipv6)).error(),
            Errno{ENODATA});
}

TEST_F(ResolverTest, AnAddressIsItself) {
  const auto found = world_.await(resolve(resolver_, "192.0.2.7"));
  EXPECT_EQ(found.value(), std::vector{Address::parse("192.0.2.7:80").value()});
}

TEST_F(ResolverTest, ManyAreAskedForAtOnce) {
  std::size_t found = 0;
  for (int i = 0; i < 100; ++i)
    world_.scope.spawn([](Resolver& from, std::size_t& count) -> Task<> {
      const auto addresses = co_await from.resolve("two.test");
      if (addresses && addresses->size() == 2) ++count;
    }(resolver_, found));
  EXPECT_TRUE(world_.run_until([&] { return world_.scope.size() == 0; }));
  EXPECT_EQ(found, 100u);
  EXPECT_EQ(world_.registrations(), 0u) << "no question, no socket";
}

TEST(ResolverWithoutAServer, ThatNeverAnswersTheTimeIsLimited) {
  LoopWorld world;
  const PlayedServer silent;
  auto resolver =
      Resolver::create(world.loop, {.servers = silent.address(), .timeout = 20ms, .tries = 1})
          .value();
  EXPECT_EQ(world.await(resolve(resolver, "two.test")).error(), Errno::timed_out);
}

// (Of two questions one sees the refusal, and c-ares waits for an answer to the other.)
TEST(ResolverWithoutAServer, ThatIsNotThereItIsRefused) {
  LoopWorld world;
  const std::string gone = PlayedServer().address();
  auto resolver = Resolver::create(world.loop, {.servers = gone, .tries = 1}).value();
  EXPECT_EQ(world.await(resolve(resolver, "two.test", AddressFamily::ipv4)).error(),
            Errno{ECONNREFUSED});
}

TEST(ResolverWithoutAServer, WhatIsNoServerIsEinval) {
  LoopWorld world;
  EXPECT_EQ(Resolver::create(world.loop, {.servers = "no address"}).error(), Errno::invalid);
}

TEST(ResolverWithoutAServer, WhoStillWaitsWhenItEndsIsCancelled) {
  LoopWorld world;
  const PlayedServer silent;
  std::optional<Resolver> resolver(
      Resolver::create(world.loop, {.servers = silent.address()}).value());
  std::optional<Addresses> got;
  world.scope.spawn([](Resolver& from, std::optional<Addresses>& into) -> Task<> {
    into.emplace(co_await from.resolve("two.test"));
  }(*resolver, got));
  world.run_until_idle();
  EXPECT_FALSE(got);
  resolver.reset();
  EXPECT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(got->error(), Errno::cancelled);
  EXPECT_EQ(world.registrations(), 0u);
}

TEST(ResolverWithoutAServer, OneThatIsCancelledLeavesTheOthersAlone) {
  LoopWorld world;
  PlayedServer server;
  auto resolver = Resolver::create(world.loop, {.servers = server.address()}).value();
  std::optional<Addresses> got;
  const auto ask = [](Resolver& from, const char* name, std::optional<Addresses>& into) -> Task<> {
    into.emplace(co_await from.resolve(name, 80, AddressFamily::ipv4));
  };
  world.scope.spawn(ask(resolver, "stays.test", got));
  const std::string question = server.question();
  {
    std::optional<Addresses> unwanted;
    Scope cancelled(world.loop);
    cancelled.spawn(ask(resolver, "goes.test", unwanted));
    cancelled.cancel();
    EXPECT_TRUE(world.run_until([&] { return unwanted.has_value(); }));
    EXPECT_EQ(unwanted->error(), Errno::cancelled);
  }
  EXPECT_FALSE(got);
  server.answer(question);
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_TRUE(*got);
}

class Questions : public LoopScenario<> {
 public:
  Questions() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto found = co_await resolver_.resolve("two.test", 80, AddressFamily::ipv4);
      if (found || found.error() != Errno{ENOENT}) co_return;
    }
  }
  void complete() override {
    const std::string question = server_.question();
    if (!question.empty()) server_.deny(question);
  }

 private:
  PlayedServer server_{SOCK_NONBLOCK};
  Resolver resolver_ = Resolver::create(loop(), {.servers = server_.address()}).value();
};
TEST(ResolverWithoutAServer, AQuestionIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Questions>(), 2); }

}  // namespace
}  // namespace tocsin
