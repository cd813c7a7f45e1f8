// SPDX-License-Identifier: MIT
#include "tocsin/net/udp.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

struct Received {
  std::string text;
  Address from;
  bool truncated;
};

Task<Result<Received>> receive(UdpSocket& socket) {
  const auto datagram = co_await socket.receive();
  if (!datagram) co_return std::unexpected(datagram.error());
  co_return Received{std::string(as_text(datagram->bytes)), datagram->from, datagram->truncated};
}

Task<> receive_into(UdpSocket& from, std::optional<Result<Received>>& into) {
  into = co_await receive(from);
}

Task<Result<>> send_to(UdpSocket& socket, std::string_view text, Address to) {
  co_return co_await socket.send_to(as_bytes(text), to);
}

Task<Result<>> send(UdpSocket& socket, std::string_view text) {
  co_return co_await socket.send(as_bytes(text));
}

class UdpTest : public testing::Test {
 protected:
  LoopWorld world;
  UdpSocket server = UdpSocket::bind(world.loop, Address::loopback(0)).value();
  Address where = server.local_address().value();
};

TEST_F(UdpTest, ADatagramComesWholeAndSaysFromWhom) {
  auto client = UdpSocket::connect(world.loop, where).value();
  ASSERT_TRUE(world.await(send(client, "hello")));
  const auto got = world.await(receive(server));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->text, "hello");
  EXPECT_EQ(got->from, client.local_address());
  EXPECT_FALSE(got->truncated);
  ASSERT_TRUE(world.await(send_to(server, "yourself", got->from)));
  EXPECT_EQ(world.await(receive(client))->text, "yourself");
}

TEST_F(UdpTest, DatagramsAreKeptApart) {
  auto client = UdpSocket::connect(world.loop, where).value();
  for (const char* text : {"one", "", "three"}) ASSERT_TRUE(world.await(send(client, text)));
  EXPECT_EQ(world.await(receive(server))->text, "one");
  const auto empty = world.await(receive(server));
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->text, "") << "a datagram, not an end";
  EXPECT_EQ(world.await(receive(server))->text, "three");
}

TEST_F(UdpTest, WhoeverWaitsIsWokenByADatagram) {
  std::optional<Result<Received>> got;
  Scope scope(world.loop);
  scope.spawn(receive_into(server, got));
  world.run_until_idle();
  EXPECT_FALSE(got.has_value());
  auto client = UdpSocket::connect(world.loop, where).value();
  ASSERT_TRUE(world.await(send(client, "wake")));
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ((*got)->text, "wake");
}

TEST_F(UdpTest, TheLargestDatagramFits) {
  auto client = UdpSocket::connect(world.loop, where).value();
  const std::string most(65'507, 'm');
  ASSERT_TRUE(world.await(send(client, most)));
  EXPECT_TRUE(world.await(receive(server))->text == most);
  EXPECT_EQ(world.await(send(client, most + "m")), std::unexpected(Errno{EMSGSIZE}));
}

TEST_F(UdpTest, ADatagramLongerThanTheLoopsBuffersIsTruncatedAndSaysSo) {
  LoopOptions options;
  options.buffer_size = 8;
  LoopWorld small(kernel_under_test(), options);
  auto narrow = UdpSocket::bind(small.loop, Address::loopback(0)).value();
  ASSERT_TRUE(world.await(send_to(server, "12345678", narrow.local_address().value())));
  ASSERT_TRUE(world.await(send_to(server, "123456789", narrow.local_address().value())));
  EXPECT_FALSE(small.await(receive(narrow))->truncated);
  const auto cut = small.await(receive(narrow));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->truncated);
  EXPECT_EQ(cut->text, "12345678");
}

TEST_F(UdpTest, APeerWhoIsNotThereIsAnErrorAndTheSocketStaysUsable) {
  std::optional<UdpSocket> peer(UdpSocket::bind(world.loop, Address::loopback(0)).value());
  const auto there = peer->local_address().value();
  auto client = UdpSocket::connect(world.loop, there).value();
  peer.reset();
  ASSERT_TRUE(world.await(send(client, "anybody?")));
  const auto refused = world.await(receive(client));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Errno{ECONNREFUSED});
  peer.emplace(UdpSocket::bind(world.loop, there).value());
  ASSERT_TRUE(world.await(send(client, "now?")));
  EXPECT_EQ(world.await(receive(*peer))->text, "now?");
}

TEST_F(UdpTest, WithoutAPeerThereMustBeAnAddress) {
  EXPECT_EQ(world.await(send(server, "whom?")), std::unexpected(Errno{EDESTADDRREQ}));
}

TEST_F(UdpTest, AnAddressThatIsNotUdpsIsEafnosupport) {
  const auto elsewhere = Address::unix_abstract("nobody").value();
  const auto bound = UdpSocket::bind(world.loop, elsewhere);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error(), Errno{EAFNOSUPPORT});
  const auto connected = UdpSocket::connect(world.loop, elsewhere);
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error(), Errno{EAFNOSUPPORT});
}

TEST_F(UdpTest, APortIsSharedOnlyIfBothSaySo) {
  const auto taken = UdpSocket::bind(world.loop, where);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error(), Errno{EADDRINUSE});
  auto one = UdpSocket::bind(world.loop, Address::loopback(0), {.reuse_port = true}).value();
  EXPECT_TRUE(UdpSocket::bind(world.loop, one.local_address().value(), {.reuse_port = true}));
}

TEST_F(UdpTest, AThousandDatagramsBackAndForthLoseNone) {
  auto client = UdpSocket::connect(world.loop, where).value();
  Scope scope(world.loop);
  scope.spawn([](UdpSocket& of) -> Task<> {
    while (auto datagram = co_await of.receive())
      if (!co_await of.send_to(datagram->bytes, datagram->from)) co_return;
  }(server));
  int answered = 0;
  const auto talk = [&]() -> Task<Result<>> {
    for (int i = 0; i < 1'000; ++i) {
      const std::string text = std::to_string(i);
      const auto sent = co_await client.send(as_bytes(text));
      if (!sent) co_return sent;
      const auto answer = co_await client.receive();
      if (!answer) co_return std::unexpected(answer.error());
      if (as_text(answer->bytes) == text) ++answered;
    }
    co_return {};
  };
  EXPECT_TRUE(world.await(talk()));
  EXPECT_EQ(answered, 1'000);
}

}  // namespace
}  // namespace tocsin
