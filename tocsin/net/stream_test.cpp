// SPDX-License-Identifier: MIT
//
// Method: both ends are in one loop, over loopback TCP where the wire matters and a UNIX pair where
// only the bytes do. Bytes come from a seeded generator, so one that is lost, doubled or out of
// place shows.
#include "tocsin/net/stream.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"
#include "tocsin/net/tcp.hpp"
#include "tocsin/net/unix.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

std::string random_bytes(std::uint64_t seed, std::size_t size) {
  Prng prng(seed);
  std::string bytes(size, '\0');
  std::ranges::generate(bytes, [&] { return static_cast<char>(prng.next()); });
  return bytes;
}

/// Reads `size` bytes, fewer if the stream ends before.
Task<Result<std::string>> read_exactly(Stream& from, std::size_t size) {
  std::string all;
  while (all.size() < size) {
    const auto bytes = co_await from.read();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (bytes->empty()) break;
    all += as_text(*bytes);
  }
  co_return all;
}

Task<Result<std::string>> read_once(Stream& from) {
  const auto bytes = co_await from.read();
  if (!bytes) co_return std::unexpected(bytes.error());
  co_return std::string(as_text(*bytes));
}

Task<> read_into(Stream& from, std::optional<Result<std::string>>& into) {
  into = co_await read_once(from);
}

Task<Result<>> write(Stream& to, std::string_view text) {
  co_return co_await to.write_all(as_bytes(text));
}

Task<> write_into(Stream& to, std::string_view text, std::optional<Result<>>& into) {
  into = co_await to.write_all(as_bytes(text));
}

void set_buffer(const Stream& of, int name, int size) {
  ASSERT_TRUE(kernel_under_test().setsockopt(of.fd(), SOL_SOCKET, name, &size, sizeof size));
}

class StreamTest : public testing::Test {
 protected:
  Result<TcpStream> accept() {
    return world.await([](TcpListener& from) -> Task<Result<TcpStream>> {
      co_return co_await from.accept();
    }(listener_));
  }

  LoopWorld world;

 private:
  TcpListener listener_ = TcpListener::bind(world.loop, Address::loopback(0)).value();

 protected:
  std::optional<TcpStream> client =
      world.await(TcpStream::connect(world.loop, listener_.local_address().value())).value();
  std::optional<TcpStream> server = accept().value();
};

TEST_F(StreamTest, WhatIsWrittenIsRead) {
  EXPECT_TRUE(world.await(write(*client, "hello")));
  EXPECT_EQ(world.await(read_exactly(*server, 5)), "hello");
}

TEST_F(StreamTest, AnEmptyReadIsTheEndOfThePeersWriting) {
  EXPECT_TRUE(world.await(write(*client, "last words")));
  ASSERT_TRUE(client->finish_writing());
  EXPECT_EQ(world.await(read_exactly(*server, 100)), "last words");
  EXPECT_EQ(world.await(read_once(*server)), "") << "again and again";
}

TEST_F(StreamTest, WhoHasFinishedWritingStillReads) {
  ASSERT_TRUE(client->finish_writing());
  EXPECT_EQ(world.await(read_once(*server)), "");
  EXPECT_TRUE(world.await(write(*server, "an answer")));
  EXPECT_EQ(world.await(read_exactly(*client, 9)), "an answer");
  EXPECT_EQ(world.await(write(*client, "more")), std::unexpected(Errno{EPIPE}));
}

TEST_F(StreamTest, AnEndThatArrivesTogetherWithBytesIsNotLost) {
  for (int i = 0; i < 50; ++i) {
    std::optional<Result<std::string>> got;
    auto [one, other] = UnixStream::pair(world.loop).value();
    Scope scope(world.loop);
    scope.spawn(read_into(one, got));
    world.run_until_idle();
    // Both before the next turn: one edge tells of both.
    EXPECT_TRUE(kernel_under_test().send(other.fd(), as_bytes("bye"), MSG_NOSIGNAL));
    ASSERT_TRUE(other.finish_writing());
    ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
    EXPECT_EQ(*got, "bye");
    EXPECT_EQ(world.await(read_once(one)), "");
  }
}

TEST_F(StreamTest, AnEndThatArrivesAfterTheLastReadIsAnEdgeOfItsOwn) {
  EXPECT_TRUE(world.await(write(*client, "abc")));
  EXPECT_EQ(world.await(read_exactly(*server, 3)), "abc");
  std::optional<Result<std::string>> got;
  world.scope.spawn(read_into(*server, got));
  world.run_until_idle();
  EXPECT_FALSE(got.has_value());
  client.reset();
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, "");
}

TEST_F(StreamTest, AReadThatFillsItsRoomExactlyIsFollowedByTheRest) {
  const std::size_t room = world.loop.options().buffer_size;
  const std::string all = random_bytes(1, 2 * room);
  auto [one, other] = UnixStream::pair(world.loop).value();
  std::optional<Result<>> written;
  Scope scope(world.loop);
  scope.spawn(write_into(one, all, written));
  EXPECT_TRUE(world.await(read_exactly(other, all.size())) == all);
  std::optional<Result<std::string>> got;
  scope.spawn(read_into(other, got));
  world.run_until_idle();
  EXPECT_FALSE(got.has_value()) << "nothing is left";
  ASSERT_TRUE(world.await(write(one, "!")));
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, "!");
}

// tcp(7): urgent data is out of band; a read stops short at its mark, with more behind it.
TEST_F(StreamTest, UrgentDataHoldsUpNoReader) {
  Kernel& kernel = kernel_under_test();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(kernel.send(client->fd(), as_bytes("before"), MSG_NOSIGNAL));
    ASSERT_TRUE(kernel.send(client->fd(), as_bytes("U"), MSG_NOSIGNAL | MSG_OOB));
    ASSERT_TRUE(kernel.send(client->fd(), as_bytes("behind"), MSG_NOSIGNAL));
    EXPECT_EQ(world.await(read_exactly(*server, 12)), "beforebehind");
  }
}

TEST_F(StreamTest, APeerThatResetIsEconnreset) {
  ASSERT_TRUE(client->set_linger(0s));
  std::optional<Result<std::string>> got;
  world.scope.spawn(read_into(*server, got));
  world.run_until_idle();
  client.reset();
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, std::unexpected(Errno{ECONNRESET}));
  EXPECT_EQ(world.await(write(*server, "x")), std::unexpected(Errno{EPIPE}));
}

TEST_F(StreamTest, ABlockedWriteEndsWhenThePeerIsGone) {
  set_buffer(*client, SO_SNDBUF, 4096);
  const std::string much(8'000'000, 'x');
  std::optional<Result<>> written;
  Scope scope(world.loop);
  scope.spawn(write_into(*client, much, written));
  world.run_until_idle();
  ASSERT_FALSE(written.has_value());
  server.reset();  // With bytes unread: a reset.
  ASSERT_TRUE(world.run_until([&] { return written.has_value(); }));
  ASSERT_FALSE(*written);
  EXPECT_TRUE(written->error() == Errno{ECONNRESET} || written->error() == Errno{EPIPE});
}

TEST_F(StreamTest, AStreamThatEndsEndsItsReaderAndItsWriterWithEcanceled) {
  set_buffer(*client, SO_SNDBUF, 4096);
  const std::string much(8'000'000, 'x');
  std::optional<Result<>> written;
  std::optional<Result<std::string>> got;
  Scope scope(world.loop);
  scope.spawn(write_into(*client, much, written));
  scope.spawn(read_into(*client, got));
  world.run_until_idle();
  client.reset();
  world.run_until_idle();
  EXPECT_EQ(written, std::unexpected(Errno::cancelled));
  EXPECT_EQ(got, std::unexpected(Errno::cancelled));
}

TEST_F(StreamTest, CanBeMovedWhileAnOperationWaits) {
  std::optional<Result<std::string>> got;
  Scope scope(world.loop);
  scope.spawn(read_into(*server, got));
  world.run_until_idle();
  TcpStream moved = std::move(*server);
  server.reset();
  ASSERT_TRUE(world.await(write(*client, "found")));
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, "found");
}

TEST_F(StreamTest, AnIdleStreamHoldsNoBuffer) {
  std::optional<Result<std::string>> got;
  Scope scope(world.loop);
  scope.spawn(read_into(*server, got));
  world.run_until_idle();
  const auto* const before = world.loop.buffers().next().data();
  const Buffer only = world.loop.buffers().take();
  EXPECT_EQ(only.data(), before) << "the one that the read would lend is free";
}

TEST_F(StreamTest, AWriteOfNothingSucceeds) { EXPECT_TRUE(world.await(write(*client, ""))); }

// ---- back-pressure ------------------------------------------------------------------------------

/// Writes `all` in pieces of all sizes, gathered up to four at a time, and finishes.
Task<Result<>> write_in_pieces(Stream& to, std::string_view all, Prng prng) {
  while (!all.empty()) {
    std::vector<ByteView> parts;
    const auto count = prng.below(GatherOperation::most_parts + 1);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto size = std::min<std::size_t>(prng.below(50'000), all.size());
      parts.push_back(as_bytes(all.substr(0, size)));
      all.remove_prefix(size);
    }
    const auto done = co_await to.write_gathered(parts);
    if (!done) co_return done;
  }
  co_return to.finish_writing();
}

/// Has one end write what is far more than fits, and the other read it.
template <class Write>
void expect_byte_for_byte(LoopWorld& world, Stream& from, Stream& to, Write write_to) {
  set_buffer(from, SO_SNDBUF, 32'768);
  set_buffer(to, SO_RCVBUF, 32'768);
  const std::string all = random_bytes(7, 2'000'000);
  std::optional<Result<>> written;
  Scope scope(world.loop);
  scope.spawn(write_to(from, all, written));
  world.run_until_idle();
  EXPECT_FALSE(written.has_value()) << "the test needs a writer that has to wait";
  const auto got = world.await(read_exactly(to, all.size()));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->size(), all.size());
  EXPECT_TRUE(*got == all);
  ASSERT_TRUE(world.run_until([&] { return written.has_value(); }));
  EXPECT_TRUE(*written);
}

Task<> write_pieces_into(Stream& to, std::string_view all, std::optional<Result<>>& into) {
  into = co_await write_in_pieces(to, all, Prng(3));
}

TEST_F(StreamTest, ASlowReaderGetsGatheredWritesByteForByte) {
  expect_byte_for_byte(world, *client, *server, write_pieces_into);
  auto [one, other] = UnixStream::pair(world.loop).value();
  expect_byte_for_byte(world, one, other, write_pieces_into);
}

TEST_F(StreamTest, ASlowReaderGetsAWriteByteForByte) {
  expect_byte_for_byte(world, *client, *server, write_into);
  auto [one, other] = UnixStream::pair(world.loop).value();
  expect_byte_for_byte(world, one, other, write_into);
}

TEST_F(StreamTest, AGatheredWriteOfEmptyPartsWritesTheOthers) {
  const std::array<ByteView, 4> parts{as_bytes(""), as_bytes("a"), as_bytes(""), as_bytes("b")};
  EXPECT_TRUE(world.await([](Stream& to, std::span<const ByteView> what) -> Task<Result<>> {
    co_return co_await to.write_gathered(what);
  }(*client, parts)));
  EXPECT_EQ(world.await(read_exactly(*server, 2)), "ab");
}

TEST_F(StreamTest, FivePartsAreAMistake) {
  const std::array<ByteView, 5> parts{};
  EXPECT_DEATH(static_cast<void>(client->write_gathered(parts)), "more parts than one");
}

}  // namespace
}  // namespace tocsin
