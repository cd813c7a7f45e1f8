// SPDX-License-Identifier: MIT
#include "tocsin/net/unix_datagram.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

Task<Result<UnixMessage>> receive(UnixDatagram& from) { co_return co_await from.receive(); }
Task<Result<>> send(UnixDatagram& by, std::string_view text) {
  co_return co_await by.send(as_bytes(text));
}
Task<Result<>> send_to(UnixDatagram& by, std::string_view text, Address to) {
  co_return co_await by.send_to(as_bytes(text), to);
}
Task<> send_into(UnixDatagram& by, std::string_view text, std::optional<Result<>>& into) {
  into = co_await by.send(as_bytes(text));
}
Task<> send_to_into(UnixDatagram& by, std::string_view text, Address to,
                    std::optional<Result<>>& into) {
  into = co_await by.send_to(as_bytes(text), to);
}

/// An abstract name that no other test has.
Address fresh_name() {
  static int made = 0;
  return Address::unix_abstract("tocsin-test-" + std::to_string(LinuxKernel::shared().getpid()) +
                                "-" + std::to_string(++made))
      .value();
}

class UnixDatagramTest : public testing::Test {
 protected:
  /// Sends to `server`, through a socket of no loop, until it has no room.
  void fill() {
    Kernel& kernel = kernel_under_test();
    const Fd fd(kernel, kernel.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0).value());
    while (kernel.sendto(fd.get(), as_bytes("full"), 0, where.data(), where.size())) ++filled;
    ASSERT_GT(filled, 0);
  }
  void drain() {
    for (; filled > 0; --filled) EXPECT_EQ(as_text(world.await(receive(server))->bytes), "full");
  }

  LoopWorld world;
  const Address where = fresh_name();
  UnixDatagram server = UnixDatagram::bind(world.loop, where).value();
  int filled = 0;
};

TEST_F(UnixDatagramTest, WhoIsConnectedCanBeAnswered) {
  auto client = UnixDatagram::connect(world.loop, where).value();
  ASSERT_TRUE(world.await(send(client, "ping")));
  const auto got = world.await(receive(server));
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(got->bytes), "ping");
  EXPECT_EQ(got->from, client.local_address());
  ASSERT_TRUE(world.await(send_to(server, "pong", got->from)));
  EXPECT_EQ(as_text(world.await(receive(client))->bytes), "pong");
  EXPECT_EQ(client.peer_address(), where);
}

TEST_F(UnixDatagramTest, MessagesAreKeptApartAndMayBeEmpty) {
  auto client = UnixDatagram::connect(world.loop, where).value();
  for (const char* text : {"one", "", "three"}) {
    ASSERT_TRUE(world.await(send(client, text)));
    EXPECT_EQ(as_text(world.await(receive(server))->bytes), text);
  }
}

TEST_F(UnixDatagramTest, WhatIsLongerThanTheLoopsBuffersIsTruncatedAndSaysSo) {
  LoopOptions options;
  options.buffer_size = 4;
  LoopWorld small(kernel_under_test(), options);
  auto narrow = UnixDatagram::bind(small.loop, fresh_name()).value();
  ASSERT_TRUE(world.await(send_to(server, "12345", narrow.local_address().value())));
  const auto cut = small.await(receive(narrow));
  ASSERT_TRUE(cut);
  EXPECT_EQ(as_text(cut->bytes), "1234");
  EXPECT_TRUE(cut->truncated);
}

TEST_F(UnixDatagramTest, APathIsAFileThatGoesWithTheSocketAndAStaleOneIsReplaced) {
  const Folder folder;
  const Address path = Address::unix_path(folder.at("socket")).value();
  Kernel& kernel = kernel_under_test();
  {
    const Fd dead(kernel, kernel.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0).value());
    ASSERT_TRUE(kernel.bind(dead.get(), path.data(), path.size()));
  }
  {
    auto bound = UnixDatagram::bind(world.loop, path);
    ASSERT_TRUE(bound) << bound.error().name();
    const auto twice = UnixDatagram::bind(world.loop, path);
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error(), Errno{EADDRINUSE}) << "the living one was neither replaced";
    ASSERT_TRUE(world.await(send_to(server, "text", path)));
    const auto got = world.await(receive(*bound));
    EXPECT_EQ(as_text(got->bytes), "text") << "nor disturbed";
    EXPECT_EQ(got->from, where);
  }
  EXPECT_FALSE(folder.has("socket"));
}

TEST_F(UnixDatagramTest, ASlowReceiverIsWaitedForByWhoIsConnected) {
  auto client = UnixDatagram::connect(world.loop, where).value();
  fill();
  std::optional<Result<>> sent;
  world.scope.spawn(send_into(client, "last", sent));
  world.run_until_idle();
  EXPECT_FALSE(sent.has_value());
  drain();
  ASSERT_TRUE(world.run_until([&] { return sent.has_value(); }));
  EXPECT_TRUE(sent->has_value());
  EXPECT_EQ(as_text(world.await(receive(server))->bytes), "last");
}

TEST_F(UnixDatagramTest, ASlowReceiverIsWaitedForByWhoIsNotConnectedAndHoldsUpNobodyElse) {
  auto client = UnixDatagram::bind(world.loop, fresh_name()).value();
  auto quick = UnixDatagram::bind(world.loop, fresh_name()).value();
  fill();
  std::optional<Result<>> sent;
  {
    Scope given_up(world.loop);
    given_up.spawn(send_to_into(client, "never", where, sent));
    world.run_until_idle();  // It would not become so if each attempt led to the next.
    EXPECT_FALSE(sent.has_value());
    given_up.cancel();
    ASSERT_TRUE(world.run_until([&] { return sent.has_value(); }));
  }
  EXPECT_EQ(*sent, std::unexpected(Errno::cancelled));
  ASSERT_TRUE(world.await(send_to(client, "to another", quick.local_address().value())));
  EXPECT_EQ(as_text(world.await(receive(quick))->bytes), "to another");

  sent.reset();
  world.scope.spawn(send_to_into(client, "last", where, sent));
  world.run_until_idle();
  EXPECT_FALSE(sent.has_value());
  drain();
  ASSERT_TRUE(world.run_until([&] { return sent.has_value(); }));
  EXPECT_EQ(as_text(world.await(receive(server))->bytes), "last");
}

TEST_F(UnixDatagramTest, WhomToTalkToIsAValue) {
  EXPECT_EQ(world.await(send_to(server, "x", fresh_name())), std::unexpected(Errno{ECONNREFUSED}));
  const auto nobody = UnixDatagram::connect(world.loop, fresh_name());
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error(), Errno{ECONNREFUSED});
  const auto elsewhere = UnixDatagram::bind(world.loop, Address::loopback(0));
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error(), Errno{EAFNOSUPPORT});
  std::optional<UnixDatagram> peer(UnixDatagram::bind(world.loop, fresh_name()).value());
  auto client = UnixDatagram::connect(world.loop, peer->local_address().value()).value();
  peer.reset();
  EXPECT_EQ(world.await(send(client, "gone?")), std::unexpected(Errno{ECONNREFUSED}));
}

// ---- cancellation -------------------------------------------------------------------------------

class DatagramScenario : public LoopScenario<> {
 protected:
  const Address where_ = fresh_name();
  UnixDatagram server_ = UnixDatagram::bind(loop(), where_).value();
  UnixDatagram client_ = UnixDatagram::bind(loop(), fresh_name()).value();
};

class Receives : public DatagramScenario {
 public:
  Receives() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await server_.receive()) co_return;
  }
  void complete() override {
    EXPECT_TRUE(kernel.sendto(client_.fd(), as_bytes("x"), 0, where_.data(), where_.size()));
  }
};
TEST(UnixDatagramCancellation, Receive) { EXPECT_EQ(walk<Receives>(), 2); }

class SendsToTheFull : public DatagramScenario {
 public:
  SendsToTheFull() {
    while (kernel.sendto(client_.fd(), as_bytes("x"), 0, where_.data(), where_.size())) ++filled_;
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await client_.send_to(as_bytes("x"), where_)); }
  void complete() override {
    std::array<std::byte, 8> room{};
    for (; filled_ > 0; --filled_) EXPECT_TRUE(kernel.recv(server_.fd(), room, 0));
    kernel.ahead += std::chrono::seconds(1);  // The rest is over.
  }

 private:
  int filled_ = 0;
};
TEST(UnixDatagramCancellation, SendToAReceiverWithoutRoom) { EXPECT_EQ(walk<SendsToTheFull>(), 1); }

}  // namespace
}  // namespace tocsin
