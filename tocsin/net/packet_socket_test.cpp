// SPDX-License-Identifier: MIT
//
// Frames are made by datagrams through the loopback of a network of the test's own: there each
// is seen twice, on its way out and on its way in.
#include "tocsin/net/packet_socket.hpp"

#include <net/if_arp.h>

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/network_namespace_testing.hpp"
#include "tocsin/net/udp.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

constexpr std::size_t headers = 14 + 20 + 8;  // Of Ethernet, IPv4 and UDP.

class PacketTest : public testing::Test {
 protected:
  void SetUp() override {
    ONLY_ON_LINUX("vkern has no packet sockets");
    network.emplace();
    ONLY_IN_OWN_NETWORK(*network);
    udp.emplace(UdpSocket::bind(world.loop, Address::loopback(0)).value());
  }

  PacketSocket capture(const PacketOptions& options = {}) {
    return PacketSocket::create(world.loop, options).value();
  }
  Result<Frame> receive(PacketSocket& frames) { return world.await(next_of(frames)); }
  /// To itself: nobody there would be answered by another frame.
  void send(std::string_view text) {
    EXPECT_TRUE(world.await(send_to(*udp, text, udp->local_address().value())));
  }

  static Task<Result<Frame>> next_of(PacketSocket& frames) { co_return co_await frames.receive(); }
  static Task<Result<>> send_to(UdpSocket& socket, std::string_view text, Address to) {
    co_return co_await socket.send_to(as_bytes(text), to);
  }

  std::optional<NetworkNamespace> network;
  LoopWorld world;
  std::optional<UdpSocket> udp;
};

TEST_F(PacketTest, AFrameIsWholeAndSaysWhereItWasSeen) {
  auto frames = capture();
  send("hello");
  const auto out = receive(frames);
  const auto in = receive(frames);
  ASSERT_TRUE(out && in);
  EXPECT_EQ(out->direction, FrameDirection::outgoing);
  EXPECT_EQ(in->direction, FrameDirection::to_us);
  EXPECT_EQ(in->length, headers + 5);
  EXPECT_EQ(in->bytes.size(), in->length);
  EXPECT_FALSE(in->truncated);
  EXPECT_TRUE(as_text(in->bytes).ends_with("hello"));
  EXPECT_EQ(in->protocol, ETH_P_IP);
  EXPECT_EQ(in->hardware_type, ARPHRD_LOOPBACK);
  EXPECT_EQ(in->interface, interface_index(world.loop.kernel(), "lo"));
  EXPECT_EQ(in->from.text(), "00:00:00:00:00:00");
  EXPECT_FALSE(in->vlan);
  EXPECT_GT(in->time.tv_sec, 1'000'000'000);
  EXPECT_FALSE(in->checksummed) << "nobody makes checksums for the loopback";
}

TEST_F(PacketTest, WithoutItsLinkHeaderAFrameBeginsWithItsPacket) {
  auto frames = capture({.link_header = false});
  send("hello");
  const auto frame = receive(frames);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->length, headers - 14 + 5);
  EXPECT_EQ(ByteView(frame->bytes)[0], std::byte{0x45}) << "version 4, and five words of header";
}

TEST_F(PacketTest, OfOneProtocolOnlyThatIsSeenAndNothingOutgoing) {
  auto none = capture({.protocol = ETH_P_ARP});
  auto frames = capture({.protocol = ETH_P_IP});
  send("hello");
  EXPECT_EQ(receive(frames)->direction, FrameDirection::to_us);
  EXPECT_EQ(frames.statistics()->seen, 1u);
  EXPECT_EQ(none.statistics()->seen, 0u);
}

TEST_F(PacketTest, AFrameLongerThanTheLoopsBuffersSaysHowLongItWas) {
  LoopOptions options;
  options.buffer_size = 60;
  LoopWorld small(kernel_under_test(), options);
  auto frames = PacketSocket::create(small.loop, {.protocol = ETH_P_IP}).value();
  send(std::string(1'000, 'x'));
  const auto frame = small.await(next_of(frames));
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->truncated);
  EXPECT_EQ(frame->bytes.size(), 60u);
  EXPECT_EQ(frame->length, headers + 1'000);
}

TEST_F(PacketTest, FramesThatHadNoRoomAreCounted) {
  auto frames = capture({.protocol = ETH_P_IP, .receive_buffer = 8'192});
  for (int i = 0; i < 100; ++i) send(std::string(1'000, 'x'));
  const auto before = frames.statistics();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->seen, 100u);
  EXPECT_GT(before->dropped, 0u);
  std::uint64_t received = 0;
  for (; received < before->seen - before->dropped; ++received) ASSERT_TRUE(receive(frames));
  send("and now there is room");
  ASSERT_TRUE(receive(frames));
  const auto after = frames.statistics();
  EXPECT_EQ(after->seen, 101u) << "asking again does not begin anew";
  EXPECT_EQ(after->dropped, before->dropped);
}

TEST_F(PacketTest, AnInterfaceThatGoesDownIsToldOnceAndComesBack) {
  const unsigned lo = interface_index(world.loop.kernel(), "lo").value();
  auto frames = capture({.interface = lo, .protocol = ETH_P_IP});
  network->set_up("lo", false);
  const auto down = receive(frames);
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error(), Errno{ENETDOWN});
  network->set_up("lo");
  send("back");
  ASSERT_TRUE(receive(frames));
}

TEST_F(PacketTest, WhatCannotBeLookedAtIsRefused) {
  const auto refused = [&](const PacketOptions& options) {
    const auto made = PacketSocket::create(world.loop, options);
    return made ? 0 : made.error().value();
  };
  EXPECT_EQ(refused({.interface = 1u << 30}), ENODEV);
  EXPECT_EQ(refused({.promiscuous = true}), EINVAL) << "of all interfaces that cannot be had";
  EXPECT_EQ(refused({.interface = 1, .promiscuous = true}), 0);
}

class CapturesFrames : public LoopScenario<> {
 public:
  CapturesFrames() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 3; ++i)
      if (!co_await frames_.receive()) co_return;
  }
  void complete() override {
    Kernel& real = kernel_under_test();
    const Fd socket(real, real.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0).value());
    const Address any = Address::loopback(0);
    EXPECT_TRUE(real.bind(socket.get(), any.data(), any.size()));
    const Address to = local_address_of(real, socket.get()).value();
    EXPECT_TRUE(real.sendto(socket.get(), as_bytes("x"), 0, to.data(), to.size()));
  }

 private:
  PacketSocket frames_ = PacketSocket::create(loop(), {.protocol = ETH_P_IP}).value();
};
TEST_F(PacketTest, ReceivingCanBeCancelledWhereverItWaits) { EXPECT_EQ(walk<CapturesFrames>(), 3); }

}  // namespace
}  // namespace tocsin
