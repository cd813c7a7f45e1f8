// SPDX-License-Identifier: MIT
//
// In a network of the test's own: the interface is at 10.9.8.1/24, the wire is the test.
#include "tocsin/net/tun.hpp"

#include <linux/if_ether.h>

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/network_namespace_testing.hpp"
#include "tocsin/net/icmp.hpp"
#include "tocsin/net/interface.hpp"
#include "tocsin/net/ping.hpp"
#include "tocsin/net/udp.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

constexpr std::size_t headers = 20 + 8;  // Of IPv4 and UDP.

class TunTest : public testing::Test {
 protected:
  void SetUp() override {
    ONLY_ON_LINUX("vkern has no network devices");
    network.emplace();
    ONLY_IN_OWN_NETWORK(*network);
  }

  /// One that carries IPv4 and is up. (Of IPv6 the kernel itself would send a word now and then.)
  TunDevice device_that_is_up(Loop& loop) {
    network->keep_ipv6_quiet();
    auto device = TunDevice::create(loop).value();
    network->set_address(device.name().c_str(), "10.9.8.1", 24);
    network->set_up(device.name().c_str());
    return device;
  }

  static Task<Result<Packet>> read(TunDevice& device) { co_return co_await device.read(); }
  static Task<Result<>> write(TunDevice& device, ByteView bytes) {
    co_return co_await device.write(bytes);
  }
  static Task<Result<>> send_to(UdpSocket& socket, std::string_view text, const char* to) {
    co_return co_await socket.send_to(as_bytes(text), Address::parse(to).value());
  }
  static Task<Result<Datagram>> receive(UdpSocket& socket) { co_return co_await socket.receive(); }

  std::optional<NetworkNamespace> network;
  LoopWorld world;
};

TEST_F(TunTest, WhatIsSentToTheInterfaceIsRead) {
  auto device = device_that_is_up(world.loop);
  auto udp = UdpSocket::bind(world.loop, Address::any(0)).value();
  ASSERT_TRUE(world.await(send_to(udp, "hello", "10.9.8.2:9")));
  const auto packet = world.await(read(device));
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->protocol, ETH_P_IP);
  EXPECT_EQ(packet->bytes.size(), headers + 5);
  EXPECT_TRUE(as_text(packet->bytes).ends_with("hello"));
  EXPECT_FALSE(packet->truncated);
}

TEST_F(TunTest, WhatIsWrittenArrives) {
  auto device = device_that_is_up(world.loop);
  auto udp = UdpSocket::bind(world.loop, Address::parse("10.9.8.1:7").value()).value();
  ASSERT_TRUE(world.await(send_to(udp, "echo", "10.9.8.2:7")));
  const auto packet = world.await(read(device));
  ASSERT_TRUE(packet);
  // With its addresses exchanged it is the answer: the ports are alike, and no sum changes.
  std::vector<std::byte> answer(ByteView(packet->bytes).begin(), ByteView(packet->bytes).end());
  std::swap_ranges(answer.begin() + 12, answer.begin() + 16, answer.begin() + 16);
  ASSERT_TRUE(world.await(write(device, answer)));
  const auto datagram = world.await(receive(udp));
  ASSERT_TRUE(datagram);
  EXPECT_EQ(as_text(datagram->bytes), "echo");
  EXPECT_EQ(datagram->from.text(), "10.9.8.2:7");
}

TEST_F(TunTest, APacketLongerThanTheLoopsBuffersIsTruncatedAndSaysSo) {
  LoopOptions options;
  options.buffer_size = headers + 5;
  LoopWorld small(kernel_under_test(), options);
  auto device = device_that_is_up(small.loop);
  auto udp = UdpSocket::bind(world.loop, Address::any(0)).value();
  ASSERT_TRUE(world.await(send_to(udp, "12345", "10.9.8.2:9")));
  ASSERT_TRUE(world.await(send_to(udp, "123456", "10.9.8.2:9")));
  EXPECT_FALSE(small.await(read(device))->truncated);
  const auto cut = small.await(read(device));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->truncated);
  EXPECT_TRUE(as_text(cut->bytes).ends_with("12345"));
}

TEST_F(TunTest, ATapCarriesFramesOfEthernet) {
  auto tap = TunDevice::create(world.loop, {.kind = TunKind::tap, .name = "frames%d"}).value();
  EXPECT_EQ(tap.name(), "frames0");
  network->set_address("frames0", "10.9.8.1", 24);
  network->set_up("frames0");
  auto udp = UdpSocket::bind(world.loop, Address::any(0)).value();
  ASSERT_TRUE(world.await(send_to(udp, "hello", "10.9.8.2:9")));
  while (true) {  // Before it can send it asks who that is.
    const auto frame = world.await(read(tap));
    ASSERT_TRUE(frame);
    if (frame->protocol != ETH_P_ARP) continue;
    EXPECT_EQ(frame->bytes.size(), 14u + 28u);
    EXPECT_EQ(ByteView(frame->bytes)[0], std::byte{0xff}) << "to everybody";
    return;
  }
}

TEST_F(TunTest, NothingArrivesWhileTheInterfaceIsDown) {
  auto device = TunDevice::create(world.loop).value();
  const std::vector<std::byte> packet(20, std::byte{0x45});
  EXPECT_EQ(world.await(write(device, packet)), std::unexpected(Errno{EIO}));
  network->set_up(device.name().c_str());
  EXPECT_TRUE(world.await(write(device, packet))) << "what is wrong with it is IP's business";
}

TEST_F(TunTest, AFrameShorterThanItsHeaderIsRefused) {
  auto tap = TunDevice::create(world.loop, {.kind = TunKind::tap}).value();
  network->set_up(tap.name().c_str());
  const std::vector<std::byte> frame(14);
  EXPECT_EQ(world.await(write(tap, ByteView(frame).first(13))), std::unexpected(Errno::invalid));
  EXPECT_TRUE(world.await(write(tap, frame)));
}

TEST_F(TunTest, TheInterfaceIsGoneWithTheDevice) {
  std::optional<TunDevice> device(TunDevice::create(world.loop, {.name = "mine"}).value());
  EXPECT_TRUE(interface_index(world.loop.kernel(), "mine"));
  const auto busy = TunDevice::create(world.loop, {.name = "mine"});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error(), Errno{EBUSY});
  device.reset();
  EXPECT_EQ(interface_index(world.loop.kernel(), "mine"), std::unexpected(Errno{ENODEV}));
}

TEST_F(TunTest, ANameThatCannotBeIsRefused) {
  for (const char* name : {"sixteen-letters!", "lo"}) {
    const auto refused = TunDevice::create(world.loop, {.name = name});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), Errno::invalid) << name;
  }
}

// The way of an ICMP error, which only a router sends: here that is the test.
TEST_F(TunTest, APingLearnsWhatARouterReports) {
  for (const char* group : {"1 0", "0 2147483647"}) {
    network->set_sysctl("ipv4/ping_group_range", group);
    auto device = device_that_is_up(world.loop);
    auto ping = Ping::create(world.loop, Address::parse("10.9.8.2:0").value()).value();
    std::optional<Result<EchoReply>> reply;
    Scope scope(world.loop);
    scope.spawn([](Ping& host, std::optional<Result<EchoReply>>& into) -> Task<> {
      into = co_await host.echo();
    }(ping, reply));
    const auto request = world.await(read(device));
    ASSERT_TRUE(request);
    const ByteView sent = request->bytes;

    std::vector<std::byte> report(20 + 8 + 20 +
                                  8);  // IP, ICMP, and the beginning of what was sent.
    std::ranges::copy(sent.first(20), report.begin());
    report[3] = static_cast<std::byte>(report.size());
    std::swap_ranges(report.begin() + 12, report.begin() + 16, report.begin() + 16);
    report[10] = report[11] = std::byte{0};
    const std::uint16_t header_sum = internet_checksum(ByteView(report).first(20));
    report[10] = static_cast<std::byte>(header_sum >> 8);
    report[11] = static_cast<std::byte>(header_sum & 0xff);
    report[20] = std::byte{3};  // Destination unreachable,
    report[21] = std::byte{1};  // the host (RFC 792).
    std::ranges::copy(sent.first(28), report.begin() + 28);
    const std::uint16_t sum = internet_checksum(ByteView(report).subspan(20));
    report[22] = static_cast<std::byte>(sum >> 8);
    report[23] = static_cast<std::byte>(sum & 0xff);
    ASSERT_TRUE(world.await(write(device, report)));
    ASSERT_TRUE(world.run_until([&] { return reply.has_value(); }));
    EXPECT_EQ(*reply, std::unexpected(Errno{EHOSTUNREACH})) << "group " << group;

    // A second report of it, which nobody waits for, does not spoil the next echo.
    ASSERT_TRUE(world.await(write(device, report)));
    reply.reset();
    Scope next(world.loop);
    next.spawn([](Ping& host, std::optional<Result<EchoReply>>& into) -> Task<> {
      into = co_await host.echo();
    }(ping, reply));
    world.run_until_idle();
    EXPECT_FALSE(reply.has_value());
  }
}

class ReadsPackets : public LoopScenario<> {
 public:
  ReadsPackets() {
    network_.keep_ipv6_quiet();
    device_.emplace(TunDevice::create(loop()).value());
    network_.set_address(device_->name().c_str(), "10.9.8.1", 24);
    network_.set_up(device_->name().c_str());
    set_out();
  }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await device_->read()) co_return;
  }
  void complete() override {
    Kernel& real = kernel_under_test();
    const Fd socket(real, real.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0).value());
    const Address to = Address::parse("10.9.8.2:9").value();
    EXPECT_TRUE(real.sendto(socket.get(), as_bytes("x"), 0, to.data(), to.size()));
  }

 private:
  NetworkNamespace network_;
  std::optional<TunDevice> device_;
};
TEST_F(TunTest, ReadingCanBeCancelledWhereverItWaits) { EXPECT_EQ(walk<ReadsPackets>(), 2); }

}  // namespace
}  // namespace tocsin
