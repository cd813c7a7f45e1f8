// SPDX-License-Identifier: MIT
#include "tocsin/adapters/cares/connect.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tocsin/adapters/cares/dns_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

Task<> keep(std::optional<Result<TcpStream>>& into, Task<Result<TcpStream>> task) {
  into.emplace(co_await std::move(task));
}

class ConnectByName : public testing::Test {
 protected:
  LoopWorld world_;
  TcpListener listener_ = TcpListener::bind(world_.loop, Address::loopback(0)).value();
  const std::uint16_t port_ = listener_.local_address().value().port();
};

TEST_F(ConnectByName, TheAddressThatAnswersIsConnectedTo) {
  const DnsServer server;
  if (!server.is_there()) GTEST_SKIP() << "there is no dnsmasq (dnsmasq-base)";
  auto resolver = Resolver::create(world_.loop, {.servers = server.address()}).value();
  // Nobody listens at ::1, the other address of that name.
  auto stream = world_.await(connect_by_name(world_.loop, resolver, "two.test", port_));
  ASSERT_TRUE(stream) << stream.error().name();
  EXPECT_EQ(stream->peer_address().value(), Address::loopback(port_));
}

TEST_F(ConnectByName, ANameThatIsNotThereIsTheError) {
  const DnsServer server;
  if (!server.is_there()) GTEST_SKIP() << "there is no dnsmasq (dnsmasq-base)";
  auto resolver = Resolver::create(world_.loop, {.servers = server.address()}).value();
  auto stream = world_.await(connect_by_name(world_.loop, resolver, "none.test", port_));
  EXPECT_EQ(stream.error(), Errno{ENOENT});
}

TEST_F(ConnectByName, AFamilyThatIsNeverAnsweredDoesNotHoldUpTheOther) {
  PlayedServer server;
  auto resolver = Resolver::create(world_.loop, {.servers = server.address()}).value();
  std::optional<Result<TcpStream>> got;
  world_.scope.spawn(keep(got, connect_by_name(world_.loop, resolver, "two.test", port_)));
  const std::string first = server.question();
  const std::string second = server.question();
  ASSERT_NE(PlayedServer::asks_for_ipv6(first), PlayedServer::asks_for_ipv6(second));
  server.answer(PlayedServer::asks_for_ipv6(first) ? second : first);
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_TRUE(*got);
  got.reset();
  EXPECT_EQ(world_.registrations(), 1u) << "the listener: the open question was taken back";
}

}  // namespace
}  // namespace tocsin
