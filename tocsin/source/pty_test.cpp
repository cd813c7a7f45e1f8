// SPDX-License-Identifier: MIT
#include "tocsin/source/pty.hpp"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>

#include <string>

#include <gtest/gtest.h>

#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/pty_testing.hpp"

namespace tocsin {
namespace {

class PtyTest : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern has no terminals"); }

  std::string output_of(const std::string& script) {
    auto pty = Pty::create(world_.loop).value();
    auto child = pty.spawn({.arguments = {"sh", "-c", script}}).value();
    auto said = world_.await(shown_until(pty, "\n\n")).value();
    EXPECT_TRUE(world_.await(exit_of(child)).value().success());
    return said;
  }

  LoopWorld world_{LinuxKernel::shared()};
};

TEST_F(PtyTest, AShellRunsInItAndEndsIt) {
  auto pty = Pty::create(world_.loop).value();
  auto shell = pty.spawn({.arguments = {"sh"},
                          .environment = {{"PS1=ready> ", "PATH=/bin:/usr/bin", "ENV="}}})
                   .value();
  EXPECT_NE(world_.await(shown_until(pty, "ready> ")).value().find("ready> "), std::string::npos);
  ASSERT_TRUE(world_.await(type_into(pty, "echo $((6 * 7))\n")));
  EXPECT_EQ(world_.await(shown_until(pty, "ready> ")).value(), "echo $((6 * 7))\r\n42\r\nready> ");
  ASSERT_TRUE(world_.await(type_into(pty, "exit 3\n")));
  EXPECT_EQ(world_.await(shown_until(pty, "no more")).value(), "exit 3\r\n") << "then its end";
  EXPECT_EQ(world_.await(exit_of(shell)).value(), ExitStatus{.code = 3});
}

TEST_F(PtyTest, ItIsTheControllingTerminalOfTheChild) {
  EXPECT_EQ(output_of("test -t 0 && test -t 1 && test -t 2 && echo yes >/dev/tty"), "yes\r\n");
}

TEST_F(PtyTest, CtrlCIsASignal) {
  auto pty = Pty::create(world_.loop).value();
  auto child = pty.spawn({.arguments = {"sh", "-c", "echo on; exec cat"}}).value();
  ASSERT_TRUE(world_.await(shown_until(pty, "on\r\n")));
  ASSERT_TRUE(world_.await(type_into(pty, "\x03")));
  EXPECT_EQ(world_.await(exit_of(child)).value(), ExitStatus{.signal = SIGINT});
}

TEST_F(PtyTest, DestroyingItHangsUp) {
  auto pty = std::make_unique<Pty>(Pty::create(world_.loop).value());
  auto child = pty->spawn({.arguments = {"cat"}}).value();
  pty.reset();
  EXPECT_EQ(world_.await(exit_of(child)).value(), ExitStatus{.signal = SIGHUP});
}

TEST_F(PtyTest, TheChildSeesItsSizeAndIsToldOfAChange) {
  auto pty = Pty::create(world_.loop, {.rows = 10, .columns = 20}).value();
  const std::string script =
      "trap 'stty size; exit 0' WINCH; stty size; while :; do read -r line; done";
  auto child = pty.spawn({.arguments = {"sh", "-c", script}}).value();
  EXPECT_EQ(world_.await(shown_until(pty, "\n")).value(), "10 20\r\n");
  ASSERT_TRUE(pty.resize({.rows = 30, .columns = 40}));
  EXPECT_EQ(world_.await(shown_until(pty, "no more")).value(), "30 40\r\n");
  EXPECT_TRUE(world_.await(exit_of(child)).value().success());
}

// Settings with TCSANOW from the master's side do not wait for anybody, though nothing reads what
// was printed. (With TCSADRAIN this test would not end.)
TEST_F(PtyTest, SettingsAreChangedWhileOutputWaits) {
  auto pty = Pty::create(world_.loop).value();
  const Fd terminal = pty.open_terminal().value();
  Kernel& kernel = LinuxKernel::shared();
  ASSERT_TRUE(kernel.write(terminal.get(), as_bytes("not read yet")));
  termios settings{};
  ASSERT_TRUE(kernel.tcgetattr(pty.fd(), settings));
  settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  EXPECT_TRUE(kernel.tcsetattr(pty.fd(), TCSANOW, settings));
}

}  // namespace
}  // namespace tocsin
