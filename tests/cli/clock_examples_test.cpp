// SPDX-License-Identifier: MIT
//
// The examples `alarm_clock` and `signals`, started as programs.
#include <signal.h>

#include <cstdlib>
#include <string>

#include "tests/cli/serve_testing.hpp"

namespace tocsin {
namespace {

TEST(AlarmClockExample, RingsWhenItSaidItWould) {
  const Said said = Program({TOCSIN_BIN_DIR "/examples/alarm_clock", "0"}).end();
  EXPECT_EQ(said.status, 0) << said.err;
  ASSERT_EQ(said.out.find(" is when it will ring\n"), 8u) << said.out;
  EXPECT_NE(said.out.find(" it rings\n"), std::string::npos) << said.out;
}

TEST(AlarmClockExample, EndsWhenItIsToldTo) {
  Program program({TOCSIN_BIN_DIR "/examples/alarm_clock", "86400"});
  EXPECT_NE(program.line().find("is when it will ring"), std::string::npos);
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(SignalsExample, PrintsWhoSentWhat) {
  Program program({TOCSIN_BIN_DIR "/examples/signals"});
  const std::string first = program.line();
  ASSERT_EQ(first.rfind("process ", 0), 0u) << first;
  const pid_t id = static_cast<pid_t>(std::strtol(first.c_str() + 8, nullptr, 10));
  const std::string sender =
      " from process " + std::to_string(::getpid()) + " of user " + std::to_string(::getuid());
  program.signal(SIGUSR1);
  EXPECT_EQ(program.line(), "signal " + std::to_string(SIGUSR1) + sender);
  for (const int value : {42, 7})
    ASSERT_EQ(::sigqueue(id, SIGRTMIN, sigval{.sival_int = value}), 0);
  for (const char* value : {"42", "7"})
    EXPECT_EQ(program.line(), "signal " + std::to_string(SIGRTMIN) + sender + ", value " + value);
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

}  // namespace
}  // namespace tocsin
