// SPDX-License-Identifier: MIT
//
// The terminal is a pseudoterminal, and so is what a crash leaves behind: the program that crashes
// is the example `keys`, in tests/cli.
#include "tocsin/source/terminal_mode.hpp"

#include <fcntl.h>

#include <cstring>
#include <optional>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/keys.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/pty_testing.hpp"
#include "tocsin/source/run.hpp"
#include "tocsin/task/on_each.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin {
namespace {

using Mode = TerminalModeOptions::Mode;

class TerminalModeTest : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern has no terminals"); }

  static termios settings_of(int fd) {
    termios settings{};
    EXPECT_TRUE(LinuxKernel::shared().tcgetattr(fd, settings));
    return settings;
  }
  static bool same(const termios& a, const termios& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }

  LoopWorld world_{LinuxKernel::shared()};
};

TEST_F(TerminalModeTest, ItLastsAsLongAsTheObject) {
  const auto pty = Pty::create(world_.loop).value();
  const termios before = settings_of(pty.fd());
  for (const Mode which : {Mode::keys, Mode::raw}) {
    {
      auto mode = TerminalMode::create(world_.loop, pty.fd(), {.mode = which}).value();
      EXPECT_EQ(settings_of(pty.fd()).c_lflag & (ICANON | ECHO), 0u);
      EXPECT_EQ((settings_of(pty.fd()).c_lflag & ISIG) != 0, which == Mode::keys);
      const TerminalMode moved = std::move(mode);
      EXPECT_EQ(settings_of(pty.fd()).c_lflag & (ICANON | ECHO), 0u);
    }
    EXPECT_TRUE(same(settings_of(pty.fd()), before));
  }
  EXPECT_EQ(world_.registrations(), 1u) << "the pty's own";
}

TEST_F(TerminalModeTest, WhatIsNoTerminalIsEnotty) {
  Kernel& kernel = LinuxKernel::shared();
  const Fd null(kernel, kernel.openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0).value());
  EXPECT_EQ(TerminalMode::create(world_.loop, null.get()).error(), Errno{ENOTTY});
  EXPECT_EQ(window_size(kernel, null.get()).error(), Errno{ENOTTY});
  EXPECT_EQ(WindowChanges::create(world_.loop, null.get()).error(), Errno{ENOTTY});
}

TEST_F(TerminalModeTest, AFailureLeavesTheTerminalAsItWas) {
  struct NoShell : ForwardingKernel {
    Result<Spawned> pidfd_spawn(const SpawnRequest&) override {
      return std::unexpected(Errno{ENOENT});
    }
  } kernel;
  LoopWorld world(kernel);
  const auto pty = Pty::create(world.loop).value();
  const termios before = settings_of(pty.fd());
  EXPECT_EQ(TerminalMode::create(world.loop, pty.fd()).error(), Errno{ENOENT});
  EXPECT_TRUE(same(settings_of(pty.fd()), before));
  EXPECT_TRUE(TerminalMode::create(world.loop, pty.fd(), {.guardian = false}));
  EXPECT_TRUE(same(settings_of(pty.fd()), before));
}

// Both ways in which `run` ends a body: it is cancelled, and it is destroyed.
TEST_F(TerminalModeTest, TheSignalsThatRunKnowsRestoreIt) {
  const auto pty = Pty::create(world_.loop).value();
  const termios before = settings_of(pty.fd());
  bool was_set = false;
  const auto done = run([&](Loop& loop) -> Task<Result<>> {
    const auto mode = TerminalMode::create(loop, pty.fd());
    was_set = !same(settings_of(pty.fd()), before);
    EXPECT_TRUE(loop.kernel().kill(loop.kernel().getpid(), SIGTERM));
    co_return co_await sleep_for(std::chrono::hours(1));
  });
  EXPECT_TRUE(done);
  EXPECT_TRUE(was_set);
  EXPECT_TRUE(same(settings_of(pty.fd()), before));
}

TEST_F(TerminalModeTest, StoppedItIsAsBeforeAndContinuedItIsSetAgain) {
  struct NeverStops : ForwardingKernel {
    Result<> kill(pid_t pid, int signal) override {
      if (signal != SIGTSTP) return below_.kill(pid, signal);
      EXPECT_EQ(pid, getpid());
      when_stopped = settings_of(fd);
      return {};
    }
    int fd = -1;
    std::optional<termios> when_stopped;
  } kernel;
  LoopWorld world(kernel);
  const auto pty = Pty::create(world.loop).value();
  kernel.fd = pty.fd();
  const termios before = settings_of(pty.fd());
  auto mode = TerminalMode::create(world.loop, pty.fd(), {.guardian = false}).value();
  const termios wanted = settings_of(pty.fd());
  world.scope.spawn(mode.follow_stops(world.loop));
  world.run_until_idle();
  ASSERT_TRUE(LinuxKernel::shared().kill(kernel.getpid(), SIGTSTP));
  ASSERT_TRUE(world.run_until([&] { return kernel.when_stopped.has_value(); }));
  EXPECT_TRUE(same(*kernel.when_stopped, before));
  EXPECT_TRUE(same(settings_of(pty.fd()), wanted)) << "it goes on";

  // What a shell sets while the program stands still, after a SIGSTOP.
  ASSERT_TRUE(kernel.tcsetattr(pty.fd(), TCSANOW, before));
  ASSERT_TRUE(kernel.kill(kernel.getpid(), SIGCONT));
  EXPECT_TRUE(world.run_until([&] { return same(settings_of(pty.fd()), wanted); }));
}

TEST_F(TerminalModeTest, KeysComeOneByOne) {
  auto pty = Pty::create(world_.loop).value();
  const Fd terminal = pty.open_terminal().value();
  const auto mode = TerminalMode::create(world_.loop, terminal.get(), {.guardian = false}).value();
  Keys keys(Input::create(world_.loop, terminal.get()).value());
  const auto press = [&](std::string bytes) {
    EXPECT_TRUE(world_.await(type_into(pty, std::move(bytes))));
  };
  const auto next = [&] {
    const auto key =
        world_.await([](Keys& from) -> Task<Result<Key>> { co_return co_await from.next(); }(keys));
    return key ? to_string(*key) : std::string(key.error().name());
  };
  press("a\x1b[A\r");
  EXPECT_EQ(next(), "a");
  EXPECT_EQ(next(), "up");
  EXPECT_EQ(next(), "enter");
  press("\x1b");
  EXPECT_EQ(next(), "escape") << "nothing followed";
  press("\x1b");
  world_.run_until_idle();
  press("[B");
  EXPECT_EQ(next(), "down") << "it came in pieces";
}

TEST_F(TerminalModeTest, AtTheEndOfTheInputKeysSayEpipe) {
  Kernel& kernel = LinuxKernel::shared();
  const auto ends = kernel.pipe2(O_CLOEXEC).value();
  const Fd read_end(kernel, ends[0]);
  Fd write_end(kernel, ends[1]);
  ASSERT_TRUE(kernel.write(write_end.get(), as_bytes("x\x1b")));
  write_end.reset();
  Keys keys(Input::create(world_.loop, read_end.get()).value());
  std::string all;
  on_each(world_.scope, keys, [&](const Key& key) { all += "[" + to_string(key) + "]"; });
  const auto end = world_.await(
      [](Scope& scope) -> Task<Result<>> { co_return co_await scope.join(); }(world_.scope));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error(), Errno{EPIPE});
  EXPECT_EQ(all, "[x][escape]");
}

class KeysOfAPipe final : public LoopScenario<> {
 public:
  KeysOfAPipe() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await keys_.next()) co_return;
  }
  void complete() override { EXPECT_TRUE(kernel.write(write_end_.get(), as_bytes("\x1b[A"))); }

 private:
  std::array<int, 2> ends_ = kernel.pipe2(O_CLOEXEC).value();
  Fd read_end_{kernel, ends_[0]};
  Fd write_end_{kernel, ends_[1]};
  Keys keys_{Input::create(loop(), read_end_.get()).value()};
};

TEST_F(TerminalModeTest, CancellingKeysAtAnyPointLeavesNothingBehind) {
  EXPECT_EQ(walk<KeysOfAPipe>(), 2);
}

}  // namespace
}  // namespace tocsin
