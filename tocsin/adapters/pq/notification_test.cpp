// SPDX-License-Identifier: MIT
//
// LISTEN and NOTIFY, with a real PostgreSQL.
#include <libpq-fe.h>

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/adapters/pq/connection_testing.hpp"
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

// It has come, and the line that was told of it is destroyed before it could take it.
TEST_F(PqNotification, IsLeftForTheNextOneIfItsLineIsDestroyed) {
  auto connection = connect();
  must(connection, "listen news");
  std::string said;
  {
    Scope listeners(world_.loop);
    listeners.spawn(note_each(connection, said));
    must(connection, "notify news, 'kept'");
    listeners.cancel();
    listeners.spawn(note_each(connection, said));
    world_.run_until_idle();
  }
  if (said.empty()) said = world_.await(awaits(connection.next_notification())).value().payload;
  EXPECT_TRUE(said.contains("kept"));
}

}  // namespace
}  // namespace tocsin::pq
