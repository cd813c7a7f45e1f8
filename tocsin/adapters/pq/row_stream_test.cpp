// SPDX-License-Identifier: MIT
#include "tocsin/adapters/pq/row_stream.hpp"

#include <libpq-fe.h>

#include <string>

#include <gtest/gtest.h>

#include "tocsin/adapters/pq/connection_testing.hpp"
#include "tocsin/task/channel.hpp"

namespace tocsin::pq {
namespace {

class PqRowStream : public PqTest {
 protected:
  /// The rows of the first column up to the end, or the error.
  static Task<Outcome<std::string>> all(Connection& connection, std::string sql) {
    RowStream stream = connection.stream(std::move(sql));
    std::string text;
    while (true) {
      const auto row = co_await stream.next();
      if (!row) {
        if (text.empty()) co_return std::unexpected(row.error());
        co_return text + row.error().sqlstate();
      }
      if (row->empty()) co_return text;
      text.append((*row)[0][0].value_or("NULL")).append(" ");
    }
  }
};

TEST_F(PqRowStream, RowsComeOneByOneUntilTheEnd) {
  auto connection = connect();
  EXPECT_EQ(world_.await(all(connection, "select generate_series(1, 5)")).value(), "1 2 3 4 5 ");
  EXPECT_EQ(world_.await(all(connection, "select 1 where false")).value(), "");
  EXPECT_EQ(world_.await(all(connection, "set application_name = 'x'")).value(), "");
  must(connection, "select 1");
}

TEST_F(PqRowStream, AnErrorInTheMiddleComesBehindTheRowsBeforeIt) {
  auto connection = connect();
  EXPECT_EQ(
      world_.await(all(connection, "select 1 / (3 - n) from generate_series(1, 5) n")).value(),
      "0 1 22012")
      << "division_by_zero";
  EXPECT_EQ(world_.await(all(connection, "select nonsense")).error().sqlstate(), "42703");
}

TEST_F(PqRowStream, ManyRowsPass) {
  auto connection = connect();
  const auto sum = world_.await([](Connection& from) -> Task<Result<long>> {
    RowStream stream = from.stream("select generate_series(1, $1::int)", 200'000);
    long total = 0;
    while (true) {
      const auto row = co_await stream.next();
      if (!row || row->empty()) co_return total;
      total += std::stol(std::string((*row)[0][0].value()));
    }
  }(connection));
  EXPECT_EQ(sum.value(), 200'000L * 200'001 / 2);
}

// Of a result of a gigabyte one row is taken: the server waits, the loop has nothing to do, and
// when the stream goes the rest is cancelled, not read.
TEST_F(PqRowStream, WhatNobodyTakesIsNotReadAndIsCancelledAtTheEnd) {
  auto connection = connect();
  Channel<bool> enough(1);
  bool taken = false;
  world_.scope.spawn([](Connection& from, Channel<bool>& until, bool& told) -> Task<> {
    RowStream stream = from.stream("select generate_series(1, 1000000), repeat('x', 1000)");
    const auto row = co_await stream.next();
    told = row && row->size() == 1;
    static_cast<void>(co_await until.receive());
  }(connection, enough, taken));
  ASSERT_TRUE(world_.run_until([&] { return taken; }));
  const auto events = world_.loop.counters().events;
  await_answer(PQsocket(connection.native()));
  world_.run_until_idle();
  EXPECT_LE(world_.loop.counters().events - events, 3u) << "what more there is stays there";

  enough.close();
  must(connection, "select 1");
  EXPECT_LT(world_.loop.counters().events - events, 5000u) << "it was read to its end";
}

}  // namespace
}  // namespace tocsin::pq
