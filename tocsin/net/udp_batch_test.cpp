// SPDX-License-Identifier: MIT
//
// Method: on Linux a batch is one system call, which a kernel in between counts; on a kernel
// without such calls it is one for each datagram, and all the rest is the same.
#include "tocsin/net/udp_batch.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/net/udp.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

struct BatchKernel : ForwardingKernel {
  Count recvmmsg(int fd, std::span<mmsghdr> messages, int flags) override {
    ++receives;
    return below_.recvmmsg(fd, messages, flags);
  }
  Count sendmmsg(int fd, std::span<mmsghdr> messages, int flags) override {
    ++sends;
    return below_.sendmmsg(fd, messages, flags);
  }
  int receives = 0;
  int sends = 0;
};

Task<Result<>> receive(UdpSocket& from, DatagramBatch& into) {
  co_return co_await from.receive_batch(into);
}
Task<Result<std::size_t>> send(UdpSocket& to, std::span<const OutgoingDatagram> batch) {
  co_return co_await to.send_batch(batch);
}
Task<Result<Datagram>> receive_one(UdpSocket& from) { co_return co_await from.receive(); }

class UdpBatchTest : public testing::Test {
 protected:
  std::vector<OutgoingDatagram> datagrams(std::span<const std::string> texts) const {
    std::vector<OutgoingDatagram> all;
    for (const std::string& text : texts) all.push_back({.bytes = as_bytes(text), .to = where});
    return all;
  }

  BatchKernel kernel;
  LoopWorld world{kernel};
  UdpSocket server = UdpSocket::bind(world.loop, Address::loopback(0)).value();
  Address where = server.local_address().value();
  UdpSocket client = UdpSocket::bind(world.loop, Address::loopback(0)).value();
};

TEST_F(UdpBatchTest, ManyGoInOneCallAndComeInOne) {
  const std::vector<std::string> texts{"one", "", "three"};
  EXPECT_EQ(world.await(send(client, datagrams(texts))), 3u);
  DatagramBatch batch;
  EXPECT_TRUE(batch.empty());
  ASSERT_TRUE(world.await(receive(server, batch)));
  ASSERT_EQ(batch.size(), 3u);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(as_text(batch[i].bytes), texts[i]);
    EXPECT_EQ(batch[i].from, client.local_address());
    EXPECT_FALSE(batch[i].truncated);
    EXPECT_EQ(batch[i].segment_size, 0);
  }
  EXPECT_EQ(kernel.sends, 1);
  EXPECT_EQ(kernel.receives, 1);
}

TEST_F(UdpBatchTest, WhatHasNoRoomIsTheNextBatchs) {
  const std::vector<std::string> texts{"1", "22", "333", "4444", "55555"};
  ASSERT_EQ(world.await(send(client, datagrams(texts))), texts.size());
  DatagramBatch batch(2, 4);
  std::vector<std::size_t> sizes;
  std::string all;
  for (std::size_t got = 0; got < texts.size(); got += batch.size()) {
    ASSERT_TRUE(world.await(receive(server, batch)));
    sizes.push_back(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      all += as_text(batch[i].bytes);
      all += batch[i].truncated ? "~" : ",";
    }
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 2, 1}));
  EXPECT_EQ(all, "1,22,333,4444,5555~");
}

TEST_F(UdpBatchTest, WhoeverWaitsForABatchIsWokenByOneDatagram) {
  DatagramBatch batch;
  std::optional<Result<>> got;
  world.scope.spawn([](UdpSocket& from, DatagramBatch& room, auto& into) -> Task<> {
    into = co_await from.receive_batch(room);
  }(server, batch, got));
  world.run_until_idle();
  EXPECT_FALSE(got.has_value());
  ASSERT_EQ(world.await(send(client, datagrams(std::vector<std::string>{"wake"}))), 1u);
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(as_text(batch[0].bytes), "wake");
}

TEST_F(UdpBatchTest, MoreThanOneCallTakesAreSentAllTheSame) {
  std::vector<std::string> texts(100);
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = std::to_string(i);
  EXPECT_EQ(world.await(send(client, datagrams(texts))), texts.size());
  DatagramBatch batch(100);
  ASSERT_TRUE(world.await(receive(server, batch)));
  ASSERT_EQ(batch.size(), texts.size());
  EXPECT_EQ(as_text(batch[99].bytes), "99");
}

TEST_F(UdpBatchTest, OneThatCannotBeSentEndsTheBatchBeforeIt) {
  const std::vector<std::string> texts{"good", std::string(70'000, 'x'), "never"};
  const auto batch = datagrams(texts);
  EXPECT_EQ(world.await(send(client, batch)), 1u);
  EXPECT_EQ(world.await(send(client, std::span(batch).subspan(1))),
            std::unexpected(Errno{EMSGSIZE}));
  EXPECT_EQ(world.await(send(client, std::span(batch).subspan(2))), 1u);
}

TEST_F(UdpBatchTest, TheKernelCutsSegmentsAndPutsThemTogetherAgain) {
  if (!client.can_segment()) GTEST_SKIP() << "this kernel has no UDP_SEGMENT";
  const std::string text = "aaaabbbbccccdd";
  const std::array<OutgoingDatagram, 1> batch{
      {{.bytes = as_bytes(text), .to = where, .segment_size = 4}}};
  ASSERT_EQ(world.await(send(client, batch)), 1u);
  for (const char* const part : {"aaaa", "bbbb", "cccc", "dd"}) {
    const auto one = world.await(receive_one(server));
    ASSERT_TRUE(one);
    EXPECT_EQ(as_text(one->bytes), part);
    EXPECT_EQ(one->segment_size, 0);
  }

  auto whole = UdpSocket::bind(world.loop, Address::loopback(0), {.coalesce = true}).value();
  const auto to = whole.local_address().value();
  const std::array<OutgoingDatagram, 2> again{
      {{.bytes = as_bytes(text), .to = to, .segment_size = 4}, {.bytes = as_bytes("x"), .to = to}}};
  ASSERT_EQ(world.await(send(client, again)), 2u);
  const auto coalesced = world.await(receive_one(whole));
  ASSERT_TRUE(coalesced);
  EXPECT_EQ(as_text(coalesced->bytes), text);
  EXPECT_EQ(coalesced->segment_size, 4);
  std::string parts;
  for_each_segment(coalesced->bytes, coalesced->segment_size,
                   [&](ByteView part) { parts += std::string(as_text(part)) + ","; });
  EXPECT_EQ(parts, "aaaa,bbbb,cccc,dd,");

  DatagramBatch room(4, 65'535);
  ASSERT_TRUE(world.await(receive(whole, room)));
  EXPECT_EQ(room[0].segment_size, 0) << "a datagram of its own";
  ASSERT_EQ(world.await(send(client, again)), 2u);
  ASSERT_TRUE(world.await(receive(whole, room)));
  EXPECT_EQ(room[0].segment_size, 4);
  EXPECT_EQ(as_text(room[0].bytes), text);
}

TEST_F(UdpBatchTest, WithoutACoalescingKernelDatagramsComeOneByOne) {
  if (client.can_segment()) GTEST_SKIP() << "this kernel has UDP_SEGMENT and UDP_GRO";
  auto socket = UdpSocket::bind(world.loop, Address::loopback(0), {.coalesce = true});
  ASSERT_TRUE(socket) << "asking for it is no error";
  const std::array<OutgoingDatagram, 1> one{
      {{.bytes = as_bytes("x"), .to = socket->local_address().value()}}};
  ASSERT_EQ(world.await(send(client, one)), 1u);
  EXPECT_EQ(world.await(receive_one(*socket))->segment_size, 0);
}

TEST_F(UdpBatchTest, ASegmentIsNeverEmptyHoweverTheLengthsFit) {
  std::vector<std::size_t> sizes;
  const std::string text(12, 'x');
  for (const std::size_t size : {std::size_t{0}, std::size_t{4}, std::size_t{5}, std::size_t{12}})
    for_each_segment(as_bytes(text), size, [&](ByteView part) { sizes.push_back(part.size()); });
  EXPECT_EQ(sizes, (std::vector<std::size_t>{12, 4, 4, 4, 5, 5, 2, 12}));
}

class ReceivesBatches : public LoopScenario<> {
 public:
  ReceivesBatches() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      if (!co_await socket_.receive_batch(batch_)) co_return;
    }
  }
  void complete() override {
    const Address to = socket_.local_address().value();
    EXPECT_TRUE(kernel.sendto(sender_.get(), as_bytes("x"), 0, to.data(), to.size()));
  }

 private:
  UdpSocket socket_ = UdpSocket::bind(loop(), Address::loopback(0)).value();
  Fd sender_{kernel, kernel.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0).value()};
  DatagramBatch batch_{4};
};
TEST(UdpBatchCancellation, Receive) { EXPECT_EQ(walk<ReceivesBatches>(), 2); }

struct FullKernel : ScenarioKernel {
  Count sendmsg(int fd, const msghdr& message, int flags) override {
    if (room == 0) return std::unexpected(Errno::again);
    --room;
    return below_.sendmsg(fd, message, flags);
  }
  int room = 1;
};

// The first is taken at once, the second when there is room: sending to oneself makes the edge.
class SendsBatches : public LoopScenario<FullKernel> {
 public:
  SendsBatches() { set_out(); }
  Task<> line() override {
    const Address nobody = Address::loopback(9);
    const std::array<OutgoingDatagram, 2> batch{
        {{.bytes = as_bytes("1"), .to = nobody}, {.bytes = as_bytes("2"), .to = nobody}}};
    const auto sent = co_await socket_.send_batch(batch);
    EXPECT_TRUE(sent) << "what was sent is not lost by a cancellation";
  }
  void complete() override {
    kernel.room = 1;
    const Address self = socket_.local_address().value();
    EXPECT_TRUE(kernel.sendto(socket_.fd(), as_bytes("x"), 0, self.data(), self.size()));
  }

 private:
  UdpSocket socket_ = UdpSocket::bind(loop(), Address::loopback(0)).value();
};
TEST(UdpBatchCancellation, Send) { EXPECT_EQ(walk<SendsBatches>(), 1); }

}  // namespace
}  // namespace tocsin
