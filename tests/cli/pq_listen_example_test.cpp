// SPDX-License-Identifier: MIT
//
// The example `pq_listen`, started as a program, against a PostgreSQL of the test's own.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "serve_testing.hpp"
#include "tocsin/adapters/pq/server_testing.hpp"

namespace tocsin {
namespace {

TEST(PqListenExample, PrintsRowsThenNotificationsAndWhatTheServerRefuses) {
  const std::string program = TOCSIN_BIN_DIR "/examples/pq_listen";
  if (!std::filesystem::exists(program)) GTEST_SKIP() << "there was no libpq (libpq-dev)";
  const pq::PqServer server;
  if (!server.is_there()) GTEST_SKIP() << "there is no PostgreSQL (postgresql-15)";

  const Program listens({program, server.conninfo(), "select 7, 'seven', null", "The \"news\""});
  EXPECT_EQ(listens.line(), "7\tseven\tNULL");
  // The other one notifies by what it selects, and itself, too.
  const Program notifies(
      {program, server.conninfo(), "select 'x', pg_notify('The \"news\"', 'hello')", "other"});
  EXPECT_EQ(listens.line(), "The \"news\": hello");
  EXPECT_EQ(notifies.line(), "x\t");

  const Said refused = Program({program, server.conninfo(), "select nothing", "x"}).end();
  EXPECT_EQ(refused.status, 1);
  EXPECT_TRUE(refused.err.starts_with("pq_listen: ERROR:  column \"nothing\"")) << refused.err;

  Program stopped({program, server.conninfo(), "select 1", "x"});
  EXPECT_EQ(stopped.line(), "1");
  stopped.signal(SIGINT);
  const Said end = stopped.end();
  EXPECT_EQ(end.status, 0) << end.err;
}

}  // namespace
}  // namespace tocsin
