// SPDX-License-Identifier: MIT
//
// Method: a datagram to a port of this machine at which nobody listens is answered by ICMP.
#include "tocsin/net/udp_errors.hpp"

#include <netinet/ip_icmp.h>

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/net/udp.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/on_each.hpp"

namespace tocsin {
namespace {

constexpr UdpOptions with_errors{.errors = true};

Task<Result<>> send_to(UdpSocket& socket, std::string_view text, Address to) {
  co_return co_await socket.send_to(as_bytes(text), to);
}
Task<Result<UdpError>> next_error(UdpSocket& of) { co_return co_await of.errors().next(); }
Task<Result<std::string>> receive(UdpSocket& from) {
  const auto datagram = co_await from.receive();
  if (!datagram) co_return std::unexpected(datagram.error());
  co_return std::string(as_text(datagram->bytes));
}

/// Where nobody is: a port that was somebody's a moment ago.
Address nobody(Loop& loop, const Address& at = Address::loopback(0)) {
  return UdpSocket::bind(loop, at).value().local_address().value();
}

class UdpErrorsTest : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern has no error queue (IP_RECVERR)"); }
  LoopWorld world;
};

TEST_F(UdpErrorsTest, SayWhoReportedWhatAboutWhichDatagram) {
  auto socket = UdpSocket::bind(world.loop, Address::loopback(0), with_errors).value();
  const Address where = nobody(world.loop);
  ASSERT_TRUE(world.await(send_to(socket, "anybody?", where)));
  const auto error = world.await(next_error(socket));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error, Errno{ECONNREFUSED});
  EXPECT_EQ(error->origin, UdpError::Origin::icmp);
  EXPECT_EQ(error->type, ICMP_DEST_UNREACH);
  EXPECT_EQ(error->code, ICMP_PORT_UNREACH);
  EXPECT_EQ(error->reporter, Address::loopback(0));
  EXPECT_EQ(error->to, where);
  EXPECT_EQ(as_text(error->bytes), "anybody?");
}

TEST_F(UdpErrorsTest, OfIpv6ComeWithIcmpv6) {
  const Address any = Address::parse("[::1]:0").value();
  auto socket = UdpSocket::bind(world.loop, any, with_errors);
  if (!socket) GTEST_SKIP() << "no IPv6 here: " << socket.error().name();
  const Address where = nobody(world.loop, any);
  ASSERT_TRUE(world.await(send_to(*socket, "anybody?", where)));
  const auto error = world.await(next_error(*socket));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error, Errno{ECONNREFUSED});
  EXPECT_EQ(error->origin, UdpError::Origin::icmp6);
  EXPECT_EQ(error->to, where);
  EXPECT_EQ(error->reporter, any);
}

// The longest of IPv6 is longer than what goes through the loopback in one piece.
TEST_F(UdpErrorsTest, ADatagramThatIsTooLongForTheWaySaysWhatFits) {
  auto socket = UdpSocket::bind(world.loop, Address::parse("[::1]:0").value(), with_errors);
  if (!socket) GTEST_SKIP() << "no IPv6 here: " << socket.error().name();
  const int never_fragment = IPV6_PMTUDISC_DO;
  ASSERT_TRUE(kernel_under_test().setsockopt(socket->fd(), IPPROTO_IPV6, IPV6_MTU_DISCOVER,
                                             &never_fragment, sizeof never_fragment));
  const std::string much(65'527, 'm');
  EXPECT_EQ(world.await(send_to(*socket, much, socket->local_address().value())),
            std::unexpected(Errno{EMSGSIZE}));
  const auto error = world.await(next_error(*socket));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error, Errno{EMSGSIZE});
  EXPECT_EQ(error->origin, UdpError::Origin::local);
  EXPECT_GE(error->mtu, 1280u) << "the least of IPv6";
  EXPECT_LT(error->mtu, much.size() + 48);
}

// Linux lets the next call of the socket fail, whoever that is for (ip(7): "the error is also
// passed"): with `errors` it does not.
TEST_F(UdpErrorsTest, AreNobodyElsesFailure) {
  auto socket = UdpSocket::bind(world.loop, Address::loopback(0), with_errors).value();
  auto friendly = UdpSocket::bind(world.loop, Address::loopback(0)).value();
  std::optional<Result<std::string>> got;
  world.scope.spawn(
      [](UdpSocket& from, auto& into) -> Task<> { into = co_await receive(from); }(socket, got));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(world.await(send_to(socket, "anybody?", nobody(world.loop))));
    ASSERT_TRUE(world.await(send_to(socket, "hello", friendly.local_address().value())));
    EXPECT_EQ(world.await(receive(friendly)), "hello");
    world.run_until_idle();
    EXPECT_FALSE(got.has_value());
  }
  ASSERT_TRUE(world.await(send_to(friendly, "answer", socket.local_address().value())));
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, "answer");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(world.await(next_error(socket)));
}

TEST_F(UdpErrorsTest, WakeWhoeverWaitsAndReachACallback) {
  auto socket = UdpSocket::bind(world.loop, Address::loopback(0), with_errors).value();
  auto errors = socket.errors();
  std::vector<Address> unreachable;
  Scope scope(world.loop, OnFailure::carry_on);
  on_each(scope, errors, [&](const UdpError& error) { unreachable.push_back(error.to); });
  world.run_until_idle();
  const Address first = nobody(world.loop);
  ASSERT_TRUE(world.await(send_to(socket, "1", first)));
  ASSERT_TRUE(world.run_until([&] { return unreachable.size() == 1; }));
  EXPECT_EQ(unreachable[0], first);
  scope.cancel();
  world.run_until_idle();
}

TEST_F(UdpErrorsTest, OfAConnectedSocketComeTheSameWay) {
  const Address where = nobody(world.loop);
  auto socket = UdpSocket::connect(world.loop, where, with_errors).value();
  ASSERT_TRUE(world.await(send_to(socket, "anybody?", where)));
  const auto error = world.await(next_error(socket));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error, Errno{ECONNREFUSED});
}

class WaitsForErrors : public LoopScenario<> {
 public:
  WaitsForErrors() {
    where_ = nobody(loop());
    set_out();
  }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto error = co_await socket_.errors().next();
      if (!error) co_return;
    }
  }
  void complete() override {
    EXPECT_TRUE(kernel.sendto(socket_.fd(), as_bytes("x"), 0, where_.data(), where_.size()));
  }

 private:
  UdpSocket socket_ = UdpSocket::bind(loop(), Address::loopback(0), with_errors).value();
  Address where_;
};
TEST(UdpErrorsCancellation, Next) {
  ONLY_ON_LINUX("vkern has no error queue (IP_RECVERR)");
  EXPECT_EQ(walk<WaitsForErrors>(), 2);
}

}  // namespace
}  // namespace tocsin
