// SPDX-License-Identifier: MIT
//
// `tocsin events`, started as its users start it.
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/cli/serve_testing.hpp"

namespace tocsin {
namespace {

// The part of a table that is about `kind`.
std::string line_of(const std::string& table, const std::string& kind) {
  const std::size_t begin = ("\n" + table).find("\n" + kind + "  ");
  if (begin == std::string::npos) return {};
  return table.substr(begin, table.find('\n', begin) - begin);
}

TEST(EventsProgram, TellsWhatEpollTakesAndWhatItRefuses) {
  const Said said = run_tocsin({"events"});
  EXPECT_EQ(said.status, 0) << said.err;
  for (const char* kind : {"tcp", "unix stream", "timer monotonic", "signals", "counter", "epoll"})
    EXPECT_NE(line_of(said.out, kind).find(" yes"), std::string::npos) << kind << "\n" << said.out;
  for (const char* kind : {"regular file", "directory", "/dev/null"})
    EXPECT_NE(line_of(said.out, kind).find("refused (EPERM)"), std::string::npos) << said.out;
}

TEST(EventsProgram, TriesOnlyWhatIsNamed) {
  const Said said = run_tocsin({"events", "unix"});
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_NE(line_of(said.out, "unix seqpacket"), "");
  EXPECT_EQ(line_of(said.out, "tcp"), "");
}

TEST(EventsProgram, JsonHasAStateForEveryKind) {
  const Said said = run_tocsin({"events", "--json", "regular file"});
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_EQ(
      said.out,
      "[\n  {\n    \"kind\": \"regular file\",\n    \"manual\": \"epoll_ctl(2)\",\n"
      "    \"state\": \"refused\",\n    \"error\": \"EPERM\",\n"
      "    \"remark\": \"never waits, says epoll; files are read by a FileEngine\"\n  }\n]\n");
}

TEST(EventsProgram, AnUnknownKindIsOneLineAndStatusTwo) {
  const Said said = run_tocsin({"events", "telepathy"});
  EXPECT_EQ(said.status, 2);
  EXPECT_EQ(said.err, "tocsin: no kind is called so; see: tocsin events\n");
}

TEST(EventsProgram, AnOrdinaryUserIsToldWhichPrivilegeIsMissing) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const Said said = Program({"setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all",
                             TOCSIN_BIN_DIR "/tocsin", "events"})
                        .end();
  if (said.status == 127) GTEST_SKIP() << "nobody may not execute " TOCSIN_BIN_DIR;
  ASSERT_EQ(said.status, 0) << said.err;
  EXPECT_NE(line_of(said.out, "packet").find("no (EPERM)"), std::string::npos) << said.out;
  EXPECT_NE(line_of(said.out, "packet").find("CAP_NET_RAW"), std::string::npos) << said.out;
  EXPECT_NE(line_of(said.out, "alarm realtime").find("CAP_WAKE_ALARM"), std::string::npos);
  EXPECT_NE(line_of(said.out, "tcp").find(" yes"), std::string::npos) << said.out;
}

}  // namespace
}  // namespace tocsin
