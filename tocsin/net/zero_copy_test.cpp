// SPDX-License-Identifier: MIT
//
// Method: to this very machine Linux copies, and says so; that nothing was copied, that sends are
// done with in another order, and that memory cannot be pinned, a kernel in between says.
#include "tocsin/net/zero_copy.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/net/tcp.hpp"
#include "tocsin/net/unix.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

// ---- the ledger ---------------------------------------------------------------------------------

std::string text_of(std::optional<ZeroCopyDone> done) {
  if (!done) return "none";
  return std::to_string(done->send) + (done->copied ? " copied" : "");
}

/// A send that takes `calls` calls.
void send(internal::ZeroCopyLedger& ledger, int calls) {
  ledger.begin();
  for (int i = 0; i < calls; ++i) ledger.sent_uncopied();
  ledger.finish();
}

TEST(ZeroCopyLedger, ASendIsDoneWithWhenAllOfItsCallsAre) {
  internal::ZeroCopyLedger ledger;
  send(ledger, 3);  // Calls 0 to 2.
  send(ledger, 1);  // 3.
  ledger.complete(0, 1, false);
  EXPECT_EQ(text_of(ledger.take_done()), "none");
  ledger.complete(2, 3, true);
  EXPECT_EQ(text_of(ledger.take_done()), "0 copied");
  EXPECT_EQ(text_of(ledger.take_done()), "1 copied");
  EXPECT_EQ(text_of(ledger.take_done()), "none");
}

TEST(ZeroCopyLedger, ALaterSendMayBeDoneWithFirst) {
  internal::ZeroCopyLedger ledger;
  for (int i = 0; i < 3; ++i) send(ledger, 1);
  ledger.complete(2, 2, false);
  EXPECT_EQ(text_of(ledger.take_done()), "2");
  ledger.complete(0, 1, false);
  EXPECT_EQ(text_of(ledger.take_done()), "0");
  EXPECT_EQ(text_of(ledger.take_done()), "1");
}

TEST(ZeroCopyLedger, ASendThatIsStillBeingMadeIsNotDoneWith) {
  internal::ZeroCopyLedger ledger;
  ledger.begin();
  ledger.sent_uncopied();
  ledger.complete(0, 0, false);
  EXPECT_EQ(text_of(ledger.take_done()), "none");
  ledger.sent_copied();
  ledger.finish();
  EXPECT_EQ(text_of(ledger.take_done()), "0 copied");
}

// ---- on sockets ---------------------------------------------------------------------------------

struct PinningKernel : ForwardingKernel {
  Count send(int fd, ByteView bytes, int flags) override {
    if (out_of_memory && (flags & MSG_ZEROCOPY) != 0) return std::unexpected(Errno{ENOBUFS});
    return below_.send(fd, bytes, flags);
  }
  bool out_of_memory = false;
};

Task<Result<std::uint64_t>> send(ZeroCopySender& sender, std::string_view text) {
  co_return co_await sender.send(as_bytes(text));
}
Task<std::string> next(ZeroCopySender& sender) {
  const auto done = co_await sender.next();
  co_return done ? text_of(*done) : std::string(done.error().name());
}
Task<> next_into(ZeroCopySender& sender, std::optional<std::string>& into) {
  into = co_await next(sender);
}
Task<Result<TcpStream>> accept_one(TcpListener& listener) { co_return co_await listener.accept(); }
Task<std::size_t> read_exactly(TcpStream& from, std::size_t count) {
  std::size_t read = 0;
  while (read < count) {
    const auto bytes = co_await from.read();
    if (!bytes || bytes->empty()) break;
    read += bytes->size();
  }
  co_return read;
}

class ZeroCopyTest : public testing::Test {
 protected:
  void SetUp() override {
    ONLY_ON_LINUX("vkern has no SO_ZEROCOPY");
    auto made = ZeroCopySender::create(*client);
    if (!made) GTEST_SKIP() << "no SO_ZEROCOPY: " << made.error().name();
    sender.emplace(std::move(*made));
  }
  PinningKernel kernel;
  LoopWorld world{kernel};
  TcpListener listener = TcpListener::bind(world.loop, Address::loopback(0)).value();
  std::optional<TcpStream> client =
      world.await(TcpStream::connect(world.loop, listener.local_address().value())).value();
  TcpStream server = world.await(accept_one(listener)).value();
  std::optional<ZeroCopySender> sender;
};

TEST_F(ZeroCopyTest, EachSendIsToldOfWhenTheKernelHasDoneWithIt) {
  const std::string bytes(100'000, 'z');
  std::optional<std::string> done;
  world.scope.spawn(next_into(*sender, done));
  world.run_until_idle();
  EXPECT_FALSE(done.has_value()) << "nothing was sent";
  EXPECT_EQ(world.await(send(*sender, bytes)), 0u);
  EXPECT_EQ(sender->pending() + (done ? 1 : 0), 1u);
  EXPECT_EQ(world.await(read_exactly(server, bytes.size())), bytes.size());
  ASSERT_TRUE(world.run_until([&] { return done.has_value(); }));
  EXPECT_EQ(*done, "0 copied") << "Linux copies what stays on the machine";
  for (const char* const number : {"1 copied", "2 copied"}) {
    ASSERT_TRUE(world.await(send(*sender, bytes)));
    EXPECT_EQ(world.await(read_exactly(server, bytes.size())), bytes.size());
    EXPECT_EQ(world.await(next(*sender)), number);
  }
  EXPECT_EQ(sender->pending(), 0u);
}

TEST_F(ZeroCopyTest, ASendThatMustWaitForThePeerIsOneSend) {
  const std::string much(8'000'000, 'z');
  std::optional<Result<std::uint64_t>> sent;
  world.scope.spawn([](ZeroCopySender& by, std::string_view text, auto& into) -> Task<> {
    into = co_await send(by, text);
  }(*sender, much, sent));
  world.run_until_idle();
  EXPECT_FALSE(sent.has_value());
  EXPECT_EQ(world.await(read_exactly(server, much.size())), much.size());
  ASSERT_TRUE(world.run_until([&] { return sent.has_value(); }));
  EXPECT_EQ(*sent, 0u);
  EXPECT_EQ(world.await(next(*sender)), "0 copied");
}

TEST_F(ZeroCopyTest, WhatCannotBePinnedIsCopiedAndWhoeverWaitsIsTold) {
  kernel.out_of_memory = true;
  std::optional<std::string> done;
  world.scope.spawn(next_into(*sender, done));
  world.run_until_idle();
  ASSERT_TRUE(world.await(send(*sender, "copied")));
  world.run_until_idle();
  EXPECT_EQ(done, "0 copied");
  EXPECT_EQ(world.await(read_exactly(server, 6)), 6u);
}

TEST_F(ZeroCopyTest, AFailureIsToldOfByBoth) {
  ASSERT_TRUE(client->finish_writing());
  EXPECT_EQ(world.await(send(*sender, "late")), std::unexpected(Errno{EPIPE}));
  EXPECT_EQ(world.await(next(*sender)), "0") << "nothing of it is the kernel's";
}

TEST_F(ZeroCopyTest, AKindOfSocketThatCannotSaysSo) {
  auto pair = UnixStream::pair(world.loop).value();
  const auto made = ZeroCopySender::create(pair.first);
  ASSERT_FALSE(made);
}

class WaitsForDone : public LoopScenario<> {
 public:
  WaitsForDone() {
    const Address where = listener_.local_address().value();
    EXPECT_TRUE(kernel.connect(client_.get(), where.data(), where.size()));
    const int flags = kernel.fcntl(client_.get(), F_GETFL, 0).value();
    EXPECT_TRUE(kernel.fcntl(client_.get(), F_SETFL, flags | O_NONBLOCK));
    stream_.emplace(FdSource::create(loop(), std::move(client_), "tcp").value());
    sender_.emplace(ZeroCopySender::create(*stream_).value());
    set_out();
  }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto done = co_await sender_->next();
      if (!done) co_return;
    }
  }
  // On the loopback it is copied while it is sent, so the news is there at once.
  void complete() override {
    Scope scope(loop());
    scope.spawn([](ZeroCopySender& by) -> Task<> {
      const auto sent = co_await by.send(as_bytes("x"));
      EXPECT_TRUE(sent);
    }(*sender_));
  }

 private:
  TcpListener listener_ = TcpListener::bind(loop(), Address::loopback(0)).value();
  Fd client_{kernel, kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).value()};
  std::optional<TcpStream> stream_;
  std::optional<ZeroCopySender> sender_;
};
TEST(ZeroCopyCancellation, Next) {
  ONLY_ON_LINUX("vkern has no SO_ZEROCOPY");
  EXPECT_EQ(walk<WaitsForDone>(), 2);
}

}  // namespace
}  // namespace tocsin
