// SPDX-License-Identifier: MIT
//
// Servers that go, while somebody waits for them and while nobody does.
#include <libpq-fe.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <gtest/gtest.h>

#include "tocsin/adapters/pq/connection_testing.hpp"
#include "tocsin/source/watch.hpp"

namespace tocsin::pq {
namespace {

class LostPqConnection : public PqTest {
 protected:
  /// Ends the server's process of `connection`, by another one.
  void terminate(const Connection& connection) {
    Connection other = connect();
    must(other, "select pg_terminate_backend($1, 10000)", PQbackendPID(connection.native()));
  }
};

TEST_F(LostPqConnection, AStatementUnderWayFailsWithTheServersReason) {
  auto connection = connect();
  const int socket = PQsocket(connection.native());
  std::optional<Outcome<Rows>> under_way;
  std::optional<Outcome<Rows>> queued;
  for (auto* const into : {&under_way, &queued})
    world_.scope.spawn([](Connection& on, std::optional<Outcome<Rows>>& got) -> Task<> {
      got.emplace(co_await on.execute("select pg_sleep(100)"));
    }(connection, *into));
  world_.run_until_idle();
  terminate(connection);
  ASSERT_TRUE(world_.run_until([&] { return under_way && queued; }));
  EXPECT_EQ(under_way->error(), Errno{ECONNRESET});
  EXPECT_EQ(under_way->error().sqlstate(), "57P01");  // admin_shutdown
  EXPECT_EQ(queued->error(), Errno{ENOTCONN});
  EXPECT_FALSE(connection.is_open());
  EXPECT_EQ(execute(connection, "select 1").error(), Errno{ENOTCONN});
  EXPECT_EQ(world_.await(awaits(connection.next_notification())).error(), Errno{ENOTCONN});

  // libpq has closed the socket: whoever has its number next is nobody's business here.
  EXPECT_EQ(world_.registrations(), 0u);
  Kernel& kernel = LinuxKernel::shared();
  const Fd next(kernel, kernel.eventfd(1, EFD_CLOEXEC).value());
  EXPECT_EQ(next.get(), socket) << "this test wants the number to be taken again";
  auto watch = Watch::create(world_.loop, next.get(), Ready::read).value();
  EXPECT_EQ(world_.await(awaits(watch->next())), Ready::read);
}

TEST_F(LostPqConnection, AProcessThatIsKilledSaysNothingAndTheConnectionIsLostAllTheSame) {
  const PqServer server;  // Of its own: it ends all its sessions then.
  auto connection = connect(server.conninfo());
  std::optional<Outcome<Rows>> got;
  world_.scope.spawn([](Connection& on, std::optional<Outcome<Rows>>& into) -> Task<> {
    into.emplace(co_await on.execute("select pg_sleep(100)"));
  }(connection, got));
  world_.run_until_idle();
  ::kill(PQbackendPID(connection.native()), SIGKILL);
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(got->error(), Errno{ECONNRESET});
  EXPECT_EQ(got->error().sqlstate(), "");
  EXPECT_FALSE(got->error().message().empty());
}

TEST_F(LostPqConnection, WhoListensHearsOfIt) {
  auto connection = connect();
  std::optional<Outcome<Notification>> got;
  world_.scope.spawn([](Connection& on, std::optional<Outcome<Notification>>& into) -> Task<> {
    into.emplace(co_await on.next_notification());
  }(connection, got));
  world_.run_until_idle();
  terminate(connection);
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(got->error(), Errno{ECONNRESET});
}

TEST_F(LostPqConnection, ThatNobodyWaitsForCostsNoTurnsAndShowsWhenItIsUsed) {
  auto connection = connect();
  must(connection, "select 1");
  terminate(connection);
  await_answer(PQsocket(connection.native()));
  world_.run_until_idle();
  const auto turns = world_.loop.counters().events;
  world_.run_until_idle();
  EXPECT_EQ(world_.loop.counters().events, turns) << "its hangup is not reported again and again";
  const auto rows = execute(connection, "select 1");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error(), Errno{ECONNRESET});
  EXPECT_FALSE(connection.is_open());
}

}  // namespace
}  // namespace tocsin::pq
