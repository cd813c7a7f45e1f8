// SPDX-License-Identifier: MIT
//
// The examples `lines`, `keys` and `shell`, started as programs, in terminals of the test's own.
#include <fcntl.h>
#include <signal.h>
#include <termios.h>

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "serve_testing.hpp"
#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/process.hpp"
#include "tocsin/source/pty_testing.hpp"

namespace tocsin {
namespace {

constexpr const char* lines = TOCSIN_BIN_DIR "/examples/lines";
constexpr const char* keys = TOCSIN_BIN_DIR "/examples/keys";
constexpr const char* shell = TOCSIN_BIN_DIR "/examples/shell";

Said run_shell(const std::string& script) { return Program({"sh", "-c", script}).end(); }

TEST(LinesExample, ReadsWhateverItsStandardInputIs) {
  const std::string program(lines);
  EXPECT_EQ(run_shell("printf 'a\\n\\nb' | " + program).out, "1\ta\n2\t\n3\tb");
  EXPECT_EQ(run_shell(program + " < /dev/null").out, "");
  EXPECT_EQ(run_shell(program + " < " + program + " | head -c 2").out, "1\t");
  EXPECT_EQ(run_shell(program + " <<'END'\na\nEND\n").out, "1\ta\n");
}

TEST(LinesExample, AStandardInputThatIsClosedIsAnErrorAndNoWait) {
  const Said said = run_shell(std::string(lines) + " <&-");
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "lines: Bad file descriptor\n");
}

// Two programs, one after the other, and one open file description between them.
TEST(LinesExample, WritesBehindWhatOthersHaveWritten) {
  const Site site;
  const std::string file = (site.base() / "file").string();
  run_shell("{ echo before; echo a | " + std::string(lines) + "; echo after; } > " + file);
  EXPECT_EQ(run_shell("cat " + file).out, "before\n1\ta\nafter\n");
}

// The read that it waits in is one of a descriptor that stays blocking, and shared.
TEST(LinesExample, ASignalEndsItThoughItsInputIsSilent) {
  const Folder folder;
  folder.make_fifo("input");
  const std::string path = folder.at("input");
  const Fd input(LinuxKernel::shared(), ::open(path.c_str(), O_RDWR | O_CLOEXEC));
  Program program({"sh", "-c", "exec " + std::string(lines) + " < \"$0\"", path});
  ASSERT_TRUE(LinuxKernel::shared().write(input.get(), as_bytes("a\n")));
  EXPECT_EQ(program.line(), "1\ta");
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(LinesExample, APipeWhoseReaderHasGoneIsNoSignal) {
  const Said said = run_shell("{ yes | " + std::string(lines) + "; echo $? >&2; } | head -n 1");
  EXPECT_EQ(said.out, "1\ty\n");
  EXPECT_EQ(said.err, "lines: Broken pipe\n1\n");
}

class InATerminal : public testing::Test {
 protected:
  void type(std::string text) { ASSERT_TRUE(world_.await(type_into(pty_, std::move(text)))); }
  /// What is shown until `end` is among it, or there is no more.
  std::string shown(std::string end) { return world_.await(shown_until(pty_, end)).value(); }
  std::string shown_to_the_end() { return shown("what nobody prints"); }
  Child start(std::vector<std::string> arguments) {
    return pty_.spawn({.arguments = std::move(arguments)}).value();
  }
  /// A program that has the terminal without being in its session: nothing hangs up with its end.
  Child start_beside(std::vector<std::string> arguments) {
    const Fd terminal = pty_.open_terminal().value();
    std::vector<ChildFd> fds;
    for (const int to : {0, 1, 2}) fds.push_back(ChildFd::copy(to, terminal.get()));
    return Child::spawn(world_.loop, {.arguments = std::move(arguments), .fds = fds}).value();
  }
  ExitStatus end_of(Child& child) { return world_.await(exit_of(child)).value(); }
  termios settings() {
    termios now{};
    EXPECT_TRUE(LinuxKernel::shared().tcgetattr(pty_.fd(), now));
    return now;
  }
  bool is_as_before() {
    const termios now = settings();
    return std::memcmp(&now, &before_, sizeof now) == 0;
  }

  LoopWorld world_{LinuxKernel::shared()};
  Pty pty_ = Pty::create(world_.loop).value();
  termios before_ = settings();
};

TEST_F(InATerminal, LinesAreReadAndTheTerminalStaysBlockingForOthers) {
  const std::string script = std::string(lines) + "; grep flags /proc/self/fdinfo/0";
  Child child = start({"sh", "-c", script});
  type("one\n");
  EXPECT_EQ(shown("1\tone\r\n"), "one\r\n1\tone\r\n");
  type("\x04");
  const std::string flags = shown_to_the_end();
  EXPECT_NE(flags.find("flags:"), std::string::npos);
  const auto number = std::stoul(flags.substr(flags.find_first_of("01234567")), nullptr, 8);
  EXPECT_EQ(number & O_NONBLOCK, 0u) << flags;
  EXPECT_TRUE(end_of(child).success());
}

TEST_F(InATerminal, KeysAreNamedAndTheWindowIsMeasured) {
  Child child = start({keys});
  EXPECT_EQ(shown("ends.\r\n"), "Press keys; q ends.\r\n");
  type("x\x1b[1;5A");
  EXPECT_EQ(shown("up\r\n"), "x\r\nctrl+up\r\n");
  ASSERT_TRUE(pty_.resize({.rows = 5, .columns = 50}));
  EXPECT_EQ(shown("columns\r\n"), "5 rows, 50 columns\r\n");
  type("q");
  EXPECT_EQ(shown_to_the_end(), "");
  EXPECT_TRUE(end_of(child).success());
  EXPECT_TRUE(is_as_before());
}

TEST_F(InATerminal, ASignalLeavesItAsItWas) {
  for (const int number : {SIGINT, SIGTERM}) {
    Child child = start_beside({keys});
    shown("ends.\r\n");
    EXPECT_FALSE(is_as_before());
    ASSERT_TRUE(child.signal(number));
    EXPECT_TRUE(end_of(child).success());
    EXPECT_TRUE(is_as_before());
  }
}

// A script with job control leaves the terminal's settings to who changes them.
TEST_F(InATerminal, CtrlZLeavesItAsItWasAndContinuedItHasKeysAgain) {
  const std::string script = "set -m; before=$(stty -g); " + std::string(keys) +
                             "; test \"$(stty -g)\" = \"$before\" && echo as before; fg";
  Child child = start({"sh", "-c", script});
  shown("ends.\r\n");
  type("\x1a");
  EXPECT_NE(shown("before\r\n").find("as before\r\n"), std::string::npos);
  ASSERT_TRUE(world_.run_until([&] { return (settings().c_lflag & ICANON) == 0; }));
  type("xq");
  EXPECT_TRUE(shown_to_the_end().ends_with("x\r\n")) << "no echo, no line to be ended";
  EXPECT_TRUE(end_of(child).success());
  EXPECT_TRUE(is_as_before());
}

// The guardian is the last to close the terminal.
TEST_F(InATerminal, ACrashLeavesItAsItWas) {
  for (const int number : {SIGKILL, SIGSEGV, SIGHUP, SIGQUIT}) {
    // The address sanitizer would make an exit of a SIGSEGV.
    const std::string quiet = "ulimit -c 0; export ASAN_OPTIONS=$ASAN_OPTIONS:handle_segv=0; ";
    Child child = start_beside({"sh", "-c", quiet + "exec " + std::string(keys)});
    shown("ends.\r\n");
    EXPECT_FALSE(is_as_before());
    ASSERT_TRUE(child.signal(number));
    EXPECT_EQ(end_of(child).signal, number);
    shown_to_the_end();
    EXPECT_TRUE(is_as_before()) << number;
  }
}

// In the background, as the guardian is then, changing a terminal's settings raises SIGTTOU.
TEST_F(InATerminal, ACrashLeavesItAsItWasInASessionToo) {
  const std::string script = "exec 3<&0; before=$(stty -g); " + std::string(keys) +
                             " <&3 & echo pid $!; wait; until test \"$(stty -g)\" = \"$before\"; "
                             "do :; done; echo restored";
  Child child = start({"sh", "-c", script});
  const std::string said = shown("ends.\r\n");
  ASSERT_TRUE(said.starts_with("pid ")) << said;
  auto program = Process::open(world_.loop, std::stoi(said.substr(4))).value();
  ASSERT_TRUE(program.signal(SIGKILL));
  EXPECT_NE(shown("restored\r\n").find("restored\r\n"), std::string::npos);
  EXPECT_TRUE(end_of(child).success());
}

// A shell puts its own settings in force as soon as it is back: those are left alone.
TEST_F(InATerminal, WhatSomebodyElseHasSetSinceIsLeftAlone) {
  Child child = start_beside({keys});
  shown("ends.\r\n");
  termios theirs = settings();
  theirs.c_cc[VEOF] = 5;
  ASSERT_TRUE(LinuxKernel::shared().tcsetattr(pty_.fd(), TCSANOW, theirs));
  ASSERT_TRUE(child.signal(SIGKILL));
  shown_to_the_end();
  EXPECT_EQ(settings().c_cc[VEOF], 5);
}

TEST_F(InATerminal, AShellRunsInATerminalInATerminal) {
  Child child = start({shell, "env", "PS1=ready> ", "ENV=", "sh"});
  shown("ready> ");
  type("stty size; exit 7\n");
  EXPECT_EQ(shown_to_the_end(), "stty size; exit 7\r\n24 80\r\n");
  EXPECT_EQ(end_of(child), ExitStatus{.code = 7});
  EXPECT_TRUE(is_as_before());
}

TEST(ShellExample, RunsInAPipeToo) {
  const Said said =
      run_shell("echo 'tty >/dev/null && echo $((6 * 7)); exit 3' | " + std::string(shell));
  EXPECT_EQ(said.status, 3);
  EXPECT_NE(said.out.find("\r\n"), std::string::npos) << said.out;
  EXPECT_NE(said.out.find("42\r\n"), std::string::npos) << said.out;
}

}  // namespace
}  // namespace tocsin
