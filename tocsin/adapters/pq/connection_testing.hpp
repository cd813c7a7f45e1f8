// SPDX-License-Identifier: MIT
//
// PqTest: a loop and connections to the tests' server.
//
// Thread rule: one thread.
#pragma once

#include <poll.h>

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tocsin/adapters/pq/connection.hpp"
#include "tocsin/adapters/pq/server_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin::pq {

class PqTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!shared_server().is_there()) GTEST_SKIP() << "there is no PostgreSQL (postgresql-15)";
  }

  Outcome<Connection> try_connect(const std::string& conninfo) {
    return world_.await(Connection::connect(world_.loop, conninfo));
  }
  Connection connect(const std::string& conninfo = shared_server().conninfo()) {
    auto connection = try_connect(conninfo);
    EXPECT_TRUE(connection) << connection.error().message();
    return std::move(connection).value();
  }
  template <class... Parameters>
  Outcome<Rows> execute(Connection& connection, const char* sql, Parameters... parameters) {
    return world_.await(awaits(connection.execute(sql, std::move(parameters)...)));
  }
  template <class... Parameters>
  void must(Connection& connection, const char* sql, Parameters... parameters) {
    const auto rows = execute(connection, sql, std::move(parameters)...);
    EXPECT_TRUE(rows) << sql << ": " << rows.error().message();
  }

  template <class Operation>
  static Task<AwaitResult<Operation>> awaits(Operation operation) {
    co_return co_await operation;
  }

  LoopWorld world_;
};

/// Waits until the server has said something that was not read.
inline void await_answer(int socket) {
  pollfd wanted{.fd = socket, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&wanted, 1, 10'000), 1) << "the server says nothing";
}

}  // namespace tocsin::pq
