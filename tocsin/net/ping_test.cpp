// SPDX-License-Identifier: MIT
//
// In a network of the test's own. Where the kernel would answer too soon, it is told not to answer
// at all (a sysctl of that network), and a raw socket of the test's reads the requests and sends
// what it likes.
#include "tocsin/net/ping.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/network_namespace_testing.hpp"
#include "tocsin/net/icmp.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

constexpr const char* everybody = "0 2147483647";
constexpr const char* nobody = "1 0";

/// Somebody at 127.0.0.1 who sees the requests and answers by hand.
class Responder {
 public:
  explicit Responder(NetworkNamespace& network) {
    network.set_sysctl("ipv4/icmp_echo_ignore_all", "1");
  }

  /// The next request, as a message. Requires: it was sent.
  std::vector<std::byte> request() {
    std::vector<std::byte> packet(65'536);
    while (true) {
      const auto count = kernel_.recv(raw_.get(), packet, MSG_DONTWAIT);
      if (!count) {
        ADD_FAILURE() << "there is no request";
        return {};
      }
      const auto message = payload_of_ipv4(ByteView(packet).first(*count));
      if (message && parse_echo(AF_INET, *message) && !parse_echo(AF_INET, *message)->is_reply)
        return {message->begin(), message->end()};
    }
  }
  void send(ByteView message) {
    const Address to = Address::loopback(0);
    EXPECT_TRUE(kernel_.sendto(raw_.get(), message, 0, to.data(), to.size()));
  }
  /// What the kernel would have answered, changed by `change` before its checksum is made.
  template <class Change>
  void answer(const std::vector<std::byte>& request, Change change) {
    IcmpEcho echo = parse_echo(AF_INET, request).value();
    std::vector<std::byte> payload(echo.payload.begin(), echo.payload.end());
    echo.is_reply = true;
    change(echo, payload);
    echo.payload = payload;
    std::vector<std::byte> message(IcmpEcho::header_size + payload.size());
    write_echo(AF_INET, echo, message);
    send(message);
  }
  void answer(const std::vector<std::byte>& request) {
    answer(request, [](IcmpEcho&, auto&) {});
  }

 private:
  LinuxKernel& kernel_ = LinuxKernel::shared();
  Fd raw_{kernel_, kernel_.socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP).value()};
};

class PingTest : public testing::TestWithParam<PingKind> {
 protected:
  void SetUp() override {
    ONLY_ON_LINUX("vkern has no ICMP");
    network.emplace();
    ONLY_IN_OWN_NETWORK(*network);
    const bool datagram = GetParam() == PingKind::datagram;
    network->set_sysctl("ipv4/ping_group_range", datagram ? everybody : nobody);
  }

  Ping ping_to(const char* target, const PingOptions& options = {}) {
    return Ping::create(world.loop, Address::parse(target).value(), options).value();
  }
  static Task<> echo_into(Ping& ping, std::optional<Result<EchoReply>>& into) {
    into = co_await ping.echo();
  }

  std::optional<NetworkNamespace> network;
  LoopWorld world;
};

TEST_P(PingTest, AHostThatIsThereAnswersOneAfterTheOther) {
  for (const char* target : {"127.0.0.1:0", "[::1]:0"}) {
    if (target[0] == '[' && !NetworkNamespace::has_ipv6()) continue;
    auto ping = ping_to(target);
    EXPECT_EQ(ping.kind(), GetParam());
    for (std::uint16_t sequence = 1; sequence < 4; ++sequence) {
      const auto reply = world.await(ping.echo());
      ASSERT_TRUE(reply) << target << reply.error().message();
      EXPECT_EQ(reply->sequence, sequence);
      EXPECT_EQ(reply->size, 56u);
      EXPECT_GT(reply->round_trip, Duration::zero());
    }
  }
}

TEST_P(PingTest, APayloadMayBeEmptyAndIsLimitedByThePacket) {
  auto empty = ping_to("127.0.0.1:0", {.payload_size = 0});
  EXPECT_EQ(world.await(empty.echo())->size, 0u);
  auto most = ping_to("127.0.0.1:0", {.payload_size = 65'507});
  EXPECT_EQ(world.await(most.echo())->size, 65'507u);
  auto more = ping_to("127.0.0.1:0", {.payload_size = 65'508});
  EXPECT_EQ(world.await(more.echo()).error(), Errno{EMSGSIZE});
}

TEST_P(PingTest, RepliesThatAreNotToItsRequestAreIgnored) {
  Responder responder(*network);
  auto ping = ping_to("127.0.0.1:0");
  std::optional<Result<EchoReply>> reply;
  Scope scope(world.loop);
  scope.spawn(echo_into(ping, reply));
  world.run_until_idle();
  const auto request = responder.request();
  responder.answer(request, [](IcmpEcho& echo, auto&) { ++echo.identifier; });
  responder.answer(request, [](IcmpEcho& echo, auto&) { ++echo.sequence; });
  responder.answer(request, [](IcmpEcho&, auto& payload) { payload[3] ^= std::byte{1}; });
  responder.answer(request, [](IcmpEcho&, auto& payload) { payload.pop_back(); });
  responder.answer(request, [](IcmpEcho&, auto& payload) { payload.push_back({}); });
  responder.answer(request, [](IcmpEcho& echo, auto&) { echo.is_reply = false; });
  auto damaged = request;
  damaged[0] = std::byte{0};  // A reply, with the checksum of a request.
  responder.send(damaged);
  responder.send(ByteView(request).first(IcmpEcho::header_size - 1));
  world.run_until_idle();
  EXPECT_FALSE(reply.has_value());
  responder.answer(request);
  ASSERT_TRUE(world.run_until([&] { return reply.has_value(); }));
  EXPECT_TRUE(*reply);
}

TEST_P(PingTest, ALateReplyIsNotMistakenForTheNext) {
  Responder responder(*network);
  auto ping = ping_to("127.0.0.1:0");
  std::optional<Result<EchoReply>> reply;
  Scope first(world.loop);
  first.spawn(echo_into(ping, reply));
  world.run_until_idle();
  const auto late = responder.request();
  first.cancel();
  world.run_until_idle();
  EXPECT_EQ(reply.value(), std::unexpected(Errno::cancelled));

  reply.reset();
  Scope second(world.loop);
  second.spawn(echo_into(ping, reply));
  responder.answer(late);
  world.run_until_idle();
  EXPECT_FALSE(reply.has_value());
  responder.answer(responder.request());
  ASSERT_TRUE(world.run_until([&] { return reply.has_value(); }));
  EXPECT_EQ((**reply).sequence, 2);
}

TEST_P(PingTest, AHostThatHasNoRouteIsAnErrorAtOnce) {
  const auto nowhere = Ping::create(world.loop, Address::parse("192.0.2.1:0").value());
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error(), Errno{ENETUNREACH});
  const auto no_ip = Ping::create(world.loop, Address::unix_abstract("x").value());
  ASSERT_FALSE(no_ip);
  EXPECT_EQ(no_ip.error(), Errno{EAFNOSUPPORT});
}

INSTANTIATE_TEST_SUITE_P(BySocket, PingTest, testing::Values(PingKind::datagram, PingKind::raw),
                         [](const auto& test) {
                           return test.param == PingKind::datagram ? "Datagram" : "Raw";
                         });

TEST(PingRightsTest, WhoMayHaveNeitherSocketIsToldSo) {
  class NoRawSockets : public ForwardingKernel {
   public:
    Result<int> socket(int, int type, int) override {
      const bool raw = (type & SOCK_RAW) == SOCK_RAW;
      return std::unexpected(raw ? Errno::not_permitted : Errno{EACCES});
    }
  } kernel;
  LoopWorld world(kernel);
  const auto refused = Ping::create(world.loop, Address::loopback(0));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Errno{EACCES});
}

class Echoes : public LoopScenario<> {
 public:
  Echoes() {
    network_.set_sysctl("ipv4/ping_group_range", everybody);
    set_out();
  }
  Task<> line() override {
    for (int i = 0; i < 3; ++i)
      if (!co_await ping_.echo()) co_return;
  }
  void complete() override { responder_.answer(responder_.request()); }

 private:
  NetworkNamespace network_;
  Responder responder_{network_};
  Ping ping_ = Ping::create(loop(), Address::loopback(0)).value();
};
TEST(PingCancellationTest, AnEchoCanBeCancelledWhereverItWaits) {
  ONLY_ON_LINUX("vkern has no ICMP");
  const NetworkNamespace network;
  ONLY_IN_OWN_NETWORK(network);
  EXPECT_EQ(walk<Echoes>(), 3);
}

}  // namespace
}  // namespace tocsin
