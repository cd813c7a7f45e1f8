// SPDX-License-Identifier: MIT
//
// Statements, rows and notifications that are given up, at every point and in every way. The server
// is made to hold a statement up by locks, which a session of the test's own has and lets go.
#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/adapters/pq/connection_testing.hpp"
#include "tocsin/net/tcp.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin::pq {
namespace {

using namespace std::chrono_literals;

using PqCancellation = PqTest;

TEST_F(PqCancellation, AStatementThatTimesOutIsCancelledAtTheServer) {
  auto connection = connect();
  const auto slow = world_.await(awaits(timeout(10ms, connection.execute("select pg_sleep(100)"))));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error(), Errno::timed_out);
  must(connection, "select 1");
  auto other = connect();
  const auto left = execute(other, "select count(*) from pg_stat_activity where query like $1",
                            "select pg_sleep%");
  EXPECT_EQ(left.value()[0][0], "0");
}

TEST_F(PqCancellation, OneThatWasNotSentYetNeverIs) {
  auto connection = connect();
  must(connection, "create temporary table t (n int)");
  world_.scope.spawn([](Connection& on) -> Task<> {
    static_cast<void>(co_await on.execute("select pg_sleep(0.1)"));
  }(connection));
  world_.run_until_idle();
  {
    Scope given_up(world_.loop);
    given_up.spawn([](Connection& on) -> Task<> {
      static_cast<void>(co_await on.execute("insert into t values (1)"));
    }(connection));
    world_.run_until_idle();
  }
  EXPECT_EQ(execute(connection, "select count(*) from t").value()[0][0], "0");
}

TEST_F(PqCancellation, OfATransactionTheRestFailsAsTheServerSays) {
  auto connection = connect();
  must(connection, "begin");
  static_cast<void>(
      world_.await(awaits(timeout(10ms, connection.execute("select pg_sleep(100)")))));
  EXPECT_EQ(execute(connection, "select 1").error().sqlstate(), "25P02");
  must(connection, "rollback");
  must(connection, "select 1");
}

// More than the sockets hold: the server has not even got all of it when it is told to cancel it,
// and does not care. It is told again.
TEST_F(PqCancellation, AStatementThatWasSentInPartIsSentToItsEndAndThenCancelled) {
  auto connection = connect();
  {
    Scope given_up(world_.loop);
    given_up.spawn([](Connection& on) -> Task<> {
      const std::string large(8'000'000, 'x');
      static_cast<void>(co_await on.execute("select length($1), pg_sleep(100)", large));
    }(connection));
    given_up.cancel();
    world_.run_until_idle();
  }
  EXPECT_EQ(execute(connection, "select 7").value()[0][0], "7");
}

// A request to cancel that came late would hit the statement behind the one it is meant for.
TEST_F(PqCancellation, TheStatementAfterACancelledOneIsNotHit) {
  auto connection = connect();
  for (int i = 0; i < 50; ++i) {
    const std::string seconds = "0.00" + std::to_string(i % 5);
    static_cast<void>(world_.await(
        awaits(timeout(2ms, connection.execute("select pg_sleep($1::float8)", seconds)))));
    must(connection, "select pg_sleep(0.001)");
  }
}

TEST_F(PqCancellation, AConnectionThatIsBeingMadeHasItsTime) {
  auto silent = TcpListener::bind(world_.loop, Address::loopback(0)).value();
  const auto port = std::to_string(silent.local_address()->port());
  const auto connection = world_.await(awaits(
      timeout(10ms, Connection::connect(world_.loop, "host=127.0.0.1 port=" + port + " user=x"))));
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error(), Errno::timed_out);
}

TEST_F(PqCancellation, AConnectionThatIsBeingMadeIsGivenUp) {
  Scope given_up(world_.loop);
  std::optional<Outcome<Connection>> got;
  given_up.spawn([](Loop& loop, std::optional<Outcome<Connection>>& into) -> Task<> {
    into.emplace(co_await Connection::connect(loop, shared_server().tcp_conninfo()));
  }(world_.loop, got));
  given_up.cancel();
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  ASSERT_FALSE(*got);
  EXPECT_EQ(got->error(), Errno::cancelled);
  EXPECT_EQ(world_.registrations(), 0u);
}

// ---- every way of ending, at every wait ---------------------------------------------------------

/// A session that the loop knows nothing of.
class Control {
 public:
  Control() : connection_(PQconnectdb(shared_server().conninfo().c_str())) {}
  ~Control() { PQfinish(connection_); }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void execute(const std::string& sql) {
    PGresult* const result = PQexec(connection_, sql.c_str());
    EXPECT_EQ(PQresultStatus(result),
              sql.starts_with("select") ? PGRES_TUPLES_OK : PGRES_COMMAND_OK)
        << PQerrorMessage(connection_);
    PQclear(result);
  }

 private:
  PGconn* connection_;
};

class PqScenario : public LoopScenario<> {
 public:
  PqScenario() {
    control_.execute("select pg_advisory_lock(" + lock(0) + "), pg_advisory_lock(" + lock(1) + ")");
    connection_.emplace(await(Connection::connect(loop(), shared_server().conninfo())).value());
    EXPECT_TRUE(await(execute("listen news")));  // From here on its socket is registered.
    set_out();
  }
  // In whatever state the connection was left: it can be used.
  std::string left_behind() override {
    if (!await(execute("select 1"))) return "a connection that is of no use";
    return LoopScenario::left_behind();
  }

 protected:
  Task<Outcome<Rows>> execute(std::string sql) {
    co_return co_await connection_->execute(std::move(sql));
  }
  template <class T>
  T await(Task<T> task) {
    std::optional<T> result;
    Scope scope(loop());
    scope.spawn([](Task<T> inner, std::optional<T>& into) -> Task<> {
      into.emplace(co_await std::move(inner));
    }(std::move(task), result));
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (!result && std::chrono::steady_clock::now() < give_up)
      static_cast<void>(loop().run_once(Duration::zero()));
    return std::move(result).value();
  }
  void let_go_one_more() {
    control_.execute("select pg_advisory_unlock(" + lock(let_go_++) + ")");
    await_answer(PQsocket(connection_->native()));
  }

  /// Those of this scenario: several of them exist at a time.
  std::string lock(int which) const { return std::to_string(number_ * 2 + which); }

  Control control_;
  int let_go_ = 0;
  std::optional<Connection> connection_;

 private:
  static inline int count = 0;
  const int number_ = count++;
};

class Statements : public PqScenario {
 public:
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto rows = co_await connection_->execute("select pg_advisory_lock($1)", lock(i));
      if (!rows) co_return;
    }
  }
  void complete() override { let_go_one_more(); }
};
TEST_F(PqCancellation, AStatementIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Statements>(), 2); }

class Streams : public PqScenario {
 public:
  Task<> line() override {
    RowStream stream =
        connection_->stream("select pg_advisory_lock($1), generate_series(1, 1000)", lock(0));
    while (true) {
      const auto row = co_await stream.next();
      if (!row || row->empty()) co_return;
    }
  }
  void complete() override { let_go_one_more(); }
};
TEST_F(PqCancellation, AStreamIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Streams>(), 1); }

class Notifications : public PqScenario {
 public:
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto told = co_await connection_->next_notification();
      if (!told) co_return;
    }
  }
  void complete() override {
    control_.execute("notify news");
    await_answer(PQsocket(connection_->native()));
  }
};
TEST_F(PqCancellation, ListeningIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Notifications>(), 2); }

}  // namespace
}  // namespace tocsin::pq
