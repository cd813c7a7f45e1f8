// SPDX-License-Identifier: MIT
//
// The example `dbus_watch`, started as a program, on a bus of the test's own. Who comes to that,
// and goes, is a second one.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "serve_testing.hpp"
#include "tocsin/adapters/sdbus/bus_daemon_testing.hpp"

namespace tocsin {
namespace {

constexpr const char* program = TOCSIN_BIN_DIR "/examples/dbus_watch";

TEST(DbusWatchExample, PrintsWhoIsThereAndThenWhoComesAndGoes) {
  if (!std::filesystem::exists(program)) GTEST_SKIP() << "there was no sd-bus (libsystemd-dev)";
  BusDaemon daemon;
  if (!daemon.is_there()) GTEST_SKIP() << "there is no dbus-daemon (dbus-daemon)";

  const Program first({program, daemon.address()});
  EXPECT_EQ(first.line(), "= org.freedesktop.DBus");
  const std::string itself = first.line();
  EXPECT_EQ(itself.substr(0, 3), "= :");
  {
    Program second({program, daemon.address()});
    const std::string came = first.line();
    EXPECT_EQ(came.substr(0, 3), "+ :");
    EXPECT_NE(came.substr(2), itself.substr(2));
    EXPECT_EQ(second.line(), "= org.freedesktop.DBus") << "it has begun, and can be interrupted";
    second.signal(SIGINT);
    EXPECT_EQ(second.end().status, 0);
    EXPECT_EQ(first.line(), "-" + came.substr(1));
  }
  daemon.kill();
  EXPECT_EQ(first.error_line(), "dbus_watch: the bus: Connection reset by peer");
}

TEST(DbusWatchExample, SaysWhyItCannotConnect) {
  if (!std::filesystem::exists(program)) GTEST_SKIP() << "there was no sd-bus (libsystemd-dev)";
  const Said said = Program({program, "unix:path=/nowhere/bus"}).end();
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "dbus_watch: cannot connect: No such file or directory\n");
}

}  // namespace
}  // namespace tocsin
