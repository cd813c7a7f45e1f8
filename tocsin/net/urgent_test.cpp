// SPDX-License-Identifier: MIT
#include "tocsin/net/urgent.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/net/tcp.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

// The urgent byte, "none", or the error's name.
using Urgent = std::string;
Urgent text_of(const Result<std::optional<std::byte>>& urgent) {
  if (!urgent) return std::string(urgent.error().name());
  return *urgent ? Urgent(1, static_cast<char>(**urgent)) : "none";
}

Task<Result<TcpStream>> accept_one(TcpListener& listener) { co_return co_await listener.accept(); }
Task<Urgent> urgent_of(TcpStream& from) {
  const auto urgent = co_await from.urgent();
  co_return text_of(urgent);
}
Task<> wait_into(TcpStream& from, std::optional<Urgent>& into) { into = co_await urgent_of(from); }
Task<Result<std::string>> read_some(TcpStream& from) {
  const auto bytes = co_await from.read();
  if (!bytes) co_return std::unexpected(bytes.error());
  co_return std::string(as_text(*bytes));
}
Task<> read_into(TcpStream& from, std::optional<Result<std::string>>& into) {
  into.emplace(co_await read_some(from));
}
Task<Result<>> send(TcpStream& to, std::string_view text) {
  co_return co_await to.write_all(as_bytes(text));
}
Task<Result<>> send_urgent(TcpStream& to, char urgent) {
  co_return co_await to.send_urgent(static_cast<std::byte>(urgent));
}

class UrgentTest : public testing::Test {
 protected:
  LoopWorld world;
  TcpListener listener = TcpListener::bind(world.loop, Address::loopback(0)).value();
  std::optional<TcpStream> client =
      world.await(TcpStream::connect(world.loop, listener.local_address().value())).value();
  std::optional<TcpStream> server = world.await(accept_one(listener)).value();
};

TEST_F(UrgentTest, AnUrgentByteWakesWhoeverWaitsForIt) {
  std::optional<Urgent> got;
  world.scope.spawn(wait_into(*server, got));
  world.run_until_idle();
  EXPECT_FALSE(got.has_value());
  ASSERT_TRUE(world.await(send_urgent(*client, '!')));
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, "!");
}

TEST_F(UrgentTest, ItOvertakesWhatWasSentBeforeAndLeavesAMark) {
  ASSERT_TRUE(world.await(send(*client, "before")));
  ASSERT_TRUE(world.await(send_urgent(*client, '!')));
  ASSERT_TRUE(world.await(send(*client, "behind")));
  EXPECT_EQ(world.await(urgent_of(*server)), "!");
  EXPECT_EQ(server->at_urgent_mark(), false);
  EXPECT_EQ(world.await(read_some(*server)), "before") << "no read goes past the mark";
  EXPECT_EQ(server->at_urgent_mark(), true);
  EXPECT_EQ(world.await(read_some(*server)), "behind");
  EXPECT_EQ(server->at_urgent_mark(), false);
}

TEST_F(UrgentTest, OneWaitsForBytesBesideOneThatWaitsForTheUrgentOne) {
  std::optional<Urgent> got;
  std::optional<Result<std::string>> bytes;
  world.scope.spawn(wait_into(*server, got));
  world.scope.spawn(read_into(*server, bytes));
  world.run_until_idle();
  ASSERT_TRUE(world.await(send(*client, "plain")));
  ASSERT_TRUE(world.run_until([&] { return bytes.has_value(); }));
  EXPECT_EQ(*bytes, "plain");
  EXPECT_FALSE(got.has_value());
  ASSERT_TRUE(world.await(send_urgent(*client, '!')));
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
}

TEST_F(UrgentTest, ASecondOneMakesTheFirstAnOrdinaryByteOrLosesIt) {
  ASSERT_TRUE(world.await(send(*client, "a")));
  ASSERT_TRUE(world.await(send_urgent(*client, '1')));
  ASSERT_TRUE(world.await(send_urgent(*client, '2')));
  EXPECT_EQ(world.await(urgent_of(*server)), "2");
  EXPECT_EQ(world.await(read_some(*server)), "a1");

  ASSERT_TRUE(world.await(send_urgent(*client, '3')));  // The next to be read.
  ASSERT_TRUE(world.await(send_urgent(*client, '4')));
  ASSERT_TRUE(world.await(send(*client, "b")));
  EXPECT_EQ(world.await(urgent_of(*server)), "4");
  EXPECT_EQ(world.await(read_some(*server)), "b");
}

TEST_F(UrgentTest, OnceThePeerHasFinishedThereIsNone) {
  std::optional<Urgent> got;
  world.scope.spawn(wait_into(*server, got));
  world.run_until_idle();
  ASSERT_TRUE(client->finish_writing());
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, "none");
}

TEST_F(UrgentTest, ThePeersLastWordMayBeUrgent) {
  ASSERT_TRUE(world.await(send_urgent(*client, '!')));
  ASSERT_TRUE(client->finish_writing());
  EXPECT_EQ(world.await(urgent_of(*server)), "!");
  EXPECT_EQ(world.await(urgent_of(*server)), "none");
}

TEST_F(UrgentTest, AStreamThatEndsEndsWhoeverWaits) {
  std::optional<Urgent> got;
  std::optional<Result<std::string>> bytes;
  world.scope.spawn(wait_into(*server, got));
  world.scope.spawn(read_into(*server, bytes));
  world.run_until_idle();
  server.reset();
  world.run_until_idle();
  EXPECT_EQ(got, "ECANCELED");
  EXPECT_EQ(bytes, std::unexpected(Errno::cancelled));
}

// Those who wait for room to write stand behind those who wait for an exception, in one chain.
TEST_F(UrgentTest, AWriterThatWaitsBesideItIsServedAsEver) {
  const std::string much(8'000'000, 'x');
  for (const bool urgent_first : {true, false}) {
    std::optional<Urgent> got;
    std::optional<Result<>> written;
    Scope scope(world.loop);
    if (urgent_first) scope.spawn(wait_into(*client, got));
    scope.spawn([](TcpStream& to, std::string_view all, std::optional<Result<>>& into) -> Task<> {
      into = co_await send(to, all);
    }(*client, much, written));
    if (!urgent_first) scope.spawn(wait_into(*client, got));
    world.run_until_idle();
    ASSERT_FALSE(written.has_value());
    ASSERT_TRUE(world.await(send_urgent(*server, '!')));
    ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
    EXPECT_EQ(*got, "!");
    std::size_t read = 0;
    while (read < much.size()) {
      const auto some = world.await(read_some(*server));
      ASSERT_TRUE(some && !some->empty());
      read += some->size();
    }
    ASSERT_TRUE(world.run_until([&] { return written.has_value(); }));
    EXPECT_TRUE(written->has_value());
  }
}

// UNIX stream sockets have urgent bytes, too, and need no listener here.
class WaitsForUrgent : public LoopScenario<> {
 public:
  WaitsForUrgent() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await stream_.urgent()) co_return;
  }
  void complete() override { EXPECT_TRUE(kernel.send(ends_[1].get(), as_bytes("!"), MSG_OOB)); }

 private:
  std::array<Fd, 2> ends_ = connected_pair(kernel);
  TcpStream stream_{FdSource::create(loop(), std::move(ends_[0]), "stream").value()};
};
TEST(UrgentCancellation, Urgent) { EXPECT_EQ(walk<WaitsForUrgent>(), 2); }

}  // namespace
}  // namespace tocsin
