// SPDX-License-Identifier: MIT
//
// Against a real PostgreSQL.
#include "tocsin/adapters/pq/connection.hpp"

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/adapters/pq/connection_testing.hpp"

namespace tocsin::pq {
namespace {

using PqConnection = PqTest;

TEST_F(PqConnection, RowsComeAsText) {
  auto connection = connect();
  const auto rows = execute(connection, "select 7 as \"N\", 'a' || chr(10) || 'b', null").value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows.columns(), 3u);
  EXPECT_EQ(rows.column_name(0), "N");
  EXPECT_EQ(rows.column("N"), 0u);
  EXPECT_EQ(rows.column("n"), std::nullopt);
  EXPECT_EQ(rows[0][0], "7");
  EXPECT_EQ(rows[0][1], "a\nb");
  EXPECT_EQ(rows[0][2], std::nullopt);
  EXPECT_EQ(Rows().size(), 0u);
  EXPECT_EQ(Rows().affected(), 0u);
}

TEST_F(PqConnection, ParametersAreWhatTheyWere) {
  auto connection = connect();
  const double third = 1.0 / 3;
  const auto rows =
      execute(connection,
              "select $1 = 'it''s; --' and $2 = 9223372036854775807 and $3::float8 = 1::float8 / 3"
              " and $4 and $5::int is null and $6::int = 7",
              "it's; --", std::numeric_limits<std::int64_t>::max(), third, true, std::nullopt,
              std::optional(7))
          .value();
  EXPECT_EQ(rows[0][0], "t");
}

TEST_F(PqConnection, ACommandTellsHowManyRowsItTouched) {
  auto connection = connect();
  must(connection, "create temporary table t (n int)");
  EXPECT_EQ(execute(connection, "insert into t select generate_series(1, 5)")->affected(), 5u);
  const auto updated = execute(connection, "update t set n = n + $1 where n < 4", 10);
  EXPECT_EQ(updated->affected(), 3u);
  EXPECT_TRUE(updated->empty());
  std::string numbers;
  const auto rows = execute(connection, "select n from t order by n").value();
  for (const Row row : rows) numbers += std::string(row[0].value()) + " ";
  EXPECT_EQ(numbers, "4 5 11 12 13 ");
}

TEST_F(PqConnection, WhatTheServerRefusesHasItsSqlstateAndItsWords) {
  auto connection = connect();
  const auto refused = execute(connection, "select * from nowhere");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Errno{EREMOTEIO});
  EXPECT_EQ(refused.error().sqlstate(), "42P01");
  EXPECT_TRUE(refused.error().message().contains("nowhere")) << refused.error().message();
  EXPECT_EQ(execute(connection, "select 1; select 2").error().sqlstate(), "42601")
      << "one statement, so that nothing can be smuggled in behind it";
  must(connection, "select 1");
}

TEST_F(PqConnection, StatementsOfSeveralLinesTakeTheirTurns) {
  auto connection = connect();
  std::string order;
  for (int i = 0; i < 5; ++i)
    world_.scope.spawn([](Connection& on, int number, std::string& said) -> Task<> {
      const auto rows = co_await on.execute("select $1::int", number);
      said += rows ? (*rows)[0][0].value() : "?";
    }(connection, i, order));
  EXPECT_TRUE(world_.run_until([&] { return world_.scope.size() == 0; }));
  EXPECT_EQ(order, "01234");
}

// More than the sockets hold, there and back.
TEST_F(PqConnection, LargeParametersAndResultsPass) {
  auto connection = connect();
  std::string large(8'000'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
  const auto rows = execute(connection, "select $1::text", large).value();
  EXPECT_TRUE(rows[0][0] == large);

  const auto events = world_.loop.counters().events;
  must(connection, "select pg_sleep(0.2), length($1)", large);
  EXPECT_LT(world_.loop.counters().events - events, 2000u) << "all is sent: who waits to write?";
}

TEST_F(PqConnection, AZeroByteIsRefusedInsteadOfCutShort) {
  auto connection = connect();
  EXPECT_EQ(execute(connection, "select $1", std::string("a\0b", 3)).error(), Errno::invalid);
  const auto smuggled = world_.await(awaits(connection.execute(std::string("select 1\0", 9))));
  EXPECT_EQ(smuggled.error(), Errno::invalid);
  must(connection, "select 1");
}

TEST_F(PqConnection, ACopyIsNotMadeAndTheConnectionGoesOn) {
  auto connection = connect();
  must(connection, "create temporary table t (n int)");
  EXPECT_EQ(execute(connection, "copy t from stdin").error(), Errno::unsupported);
  const auto out = execute(connection, "copy (select generate_series(1, 1000000)) to stdout");
  EXPECT_EQ(out.error(), Errno::unsupported);
  EXPECT_EQ(execute(connection, "select count(*) from t").value()[0][0], "0");
}

TEST_F(PqConnection, ThatCannotBeMadeSaysWhy) {
  const auto nobody = try_connect("host=" + shared_server().folder() + " port=1");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error(), Errno{ENOTCONN});
  EXPECT_TRUE(nobody.error().message().contains(shared_server().folder()));
  const auto database = try_connect(shared_server().conninfo() + " dbname=none");
  EXPECT_EQ(database.error(), Errno{ENOTCONN});
  EXPECT_TRUE(database.error().message().contains("\"none\"")) << database.error().message();
  const auto nonsense = try_connect("nonsense");
  EXPECT_EQ(nonsense.error(), Errno{ENOTCONN});
  EXPECT_TRUE(nonsense.error().message().contains("nonsense"));
  EXPECT_EQ(world_.registrations(), 0u);
}

// At ::1 nobody listens. The server is no standby, so libpq hangs up, and, as there is none,
// connects again: three sockets, one after the other, by the same number.
TEST_F(PqConnection, ASocketThatLibpqReplacesIsWatchedAnew) {
  {
    auto connection =
        connect(shared_server().at("::1,127.0.0.1") + " target_session_attrs=prefer-standby");
    EXPECT_EQ(execute(connection, "select inet_server_port()").value()[0][0],
              shared_server().port());
    EXPECT_EQ(world_.registrations(), 1u);
  }
  EXPECT_EQ(world_.registrations(), 0u);
}

TEST_F(PqConnection, WhoWaitsWhenItEndsIsCancelled) {
  std::optional<Connection> connection(connect());
  std::vector<Error> got;
  for (int i = 0; i < 2; ++i)
    world_.scope.spawn([](Connection& on, std::vector<Error>& into) -> Task<> {
      const auto rows = co_await on.execute("select pg_sleep(100)");
      if (!rows) into.push_back(rows.error());
    }(*connection, got));
  world_.run_until_idle();
  EXPECT_TRUE(got.empty());
  connection.reset();
  EXPECT_TRUE(world_.run_until([&] { return got.size() == 2; }));
  for (const Error& error : got) EXPECT_EQ(error, Errno::cancelled);
  EXPECT_EQ(world_.registrations(), 0u);
}

}  // namespace
}  // namespace tocsin::pq
