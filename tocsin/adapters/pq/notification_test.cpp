// SPDX-License-Identifier: MIT
//
// LISTEN and NOTIFY, with a real PostgreSQL.
#include <libpq-fe.h>
#include <sys/eventfd.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/adapters/pq/connection_testing.hpp"
#include "tocsin/source/watch.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin::pq {
namespace {

using namespace std::chrono_literals;

class PqNotification : public PqTest {
 protected:
  static Task<> note_each(Connection& from, std::string& said) {
    while (true) {
      const auto notification = co_await from.next_notification();
      if (!notification) co_return;
      said += notification->channel + ":" + notification->payload + " ";
    }
  }
};

TEST_F(PqNotification, EachComesInOrderWithItsSender) {
  auto connection = connect();
  auto other = connect();
  must(connection, "listen news");
  for (const char* payload : {"one", "two", ""})
    must(other, "select pg_notify('news', $1)", payload);
  for (const char* payload : {"one", "two", ""}) {
    const auto told = world_.await(awaits(connection.next_notification())).value();
    EXPECT_EQ(told.channel, "news");
    EXPECT_EQ(told.payload, payload);
    EXPECT_EQ(told.server_process, PQbackendPID(other.native()));
  }
}

TEST_F(PqNotification, OneLineListensWhileOthersExecute) {
  auto connection = connect();
  std::string said;
  world_.scope.spawn(note_each(connection, said));
  must(connection, "listen news");
  must(connection, "select pg_notify('news', 'mine')");
  must(connection, "select 1");
  auto other = connect();
  must(other, "notify news, 'theirs'");
  EXPECT_TRUE(world_.run_until([&] { return said == "news:mine news:theirs "; })) << said;
  world_.scope.cancel();
  world_.run_until_idle();
}

TEST_F(PqNotification, ThatCameWhileNobodyListenedIsKept) {
  auto connection = connect();
  must(connection, "listen news");
  auto other = connect();
  must(other, "notify news, 'early'");
  await_answer(PQsocket(connection.native()));
  world_.run_until_idle();
  must(connection, "select 1");
  EXPECT_EQ(world_.await(awaits(connection.next_notification())).value().payload, "early");
}

TEST_F(PqNotification, ATimeoutLosesNone) {
  auto connection = connect();
  must(connection, "listen news");
  const auto none = world_.await(awaits(timeout(1ms, connection.next_notification())));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), Errno::timed_out);
  auto other = connect();
  must(other, "notify news, 'later'");
  EXPECT_EQ(world_.await(awaits(connection.next_notification())).value().payload, "later");
}

// It has come, and the line that was told of it is destroyed before it could take it: by another
// one that is served behind it in the same turn.
TEST_F(PqNotification, IsLeftForTheNextOneIfItsLineIsDestroyed) {
  auto connection = connect();
  auto other = connect();
  must(connection, "listen news");
  std::string said;
  std::optional<Scope> listening(world_.loop);
  listening->spawn(note_each(connection, said));
  Kernel& kernel = LinuxKernel::shared();
  const Fd counter(kernel, kernel.eventfd(0, EFD_CLOEXEC).value());
  auto watch = Watch::create(world_.loop, counter.get(), Ready::read).value();
  world_.scope.spawn([](Watch& until, std::optional<Scope>& ends) -> Task<> {
    static_cast<void>(co_await until.next());
    ends.reset();
  }(*watch, listening));
  world_.run_until_idle();

  PQclear(PQexec(other.native(), "notify news, 'kept'"));  // The loop does not run meanwhile.
  await_answer(PQsocket(connection.native()));
  const std::uint64_t one = 1;
  EXPECT_TRUE(kernel.write(counter.get(), std::as_bytes(std::span(&one, 1))));
  EXPECT_TRUE(world_.run_until([&] { return !listening; }));
  EXPECT_EQ(said, "");
  EXPECT_EQ(world_.await(awaits(connection.next_notification())).value().payload, "kept");
}

TEST_F(PqNotification, WhoListensToAConnectionThatEndsIsCancelled) {
  std::optional<Connection> connection(connect());
  std::optional<Outcome<Notification>> got;
  world_.scope.spawn([](Connection& on, std::optional<Outcome<Notification>>& into) -> Task<> {
    into.emplace(co_await on.next_notification());
  }(*connection, got));
  world_.run_until_idle();
  connection.reset();
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(got->error(), Errno::cancelled);
}

}  // namespace
}  // namespace tocsin::pq
