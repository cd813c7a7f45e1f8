// SPDX-License-Identifier: MIT
#include "tocsin/source/process.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <array>

#include <gtest/gtest.h>

#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

// A child that this process does not hold as one: `cat` of a pipe, which ends with the pipe.
class Stranger {
 public:
  Stranger() {
    const auto ends = kernel_.pipe2(O_CLOEXEC).value();
    const Fd theirs(kernel_, ends[0]);
    pipe_ = Fd(kernel_, ends[1]);
    std::array<char*, 2> words{const_cast<char*>("cat"), nullptr};
    const std::array<SpawnRequest::Placed, 2> fds{{{ends[0], 0}, {1, 1}}};
    const Spawned made =
        kernel_.pidfd_spawn({.program = "cat", .arguments = words.data(), .descriptors = fds})
            .value();
    pid = made.pid;
    pidfd_ = Fd(kernel_, made.pidfd);
  }
  ~Stranger() {
    end();
    wait();
  }
  void end() { pipe_.reset(); }
  void wait() {
    siginfo_t ended{};
    if (pidfd_) {
      EXPECT_TRUE(kernel_.waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), ended, WEXITED));
    }
    pidfd_.reset();
  }

  pid_t pid = -1;

 private:
  Kernel& kernel_ = LinuxKernel::shared();
  Fd pipe_;
  Fd pidfd_;
};

Task<Result<>> end_of(Process& process) { co_return co_await process.ended(); }

TEST(Process, ItsEndIsAnEventForWhoeverWaits) {
  ONLY_ON_LINUX("vkern starts no programs");
  LoopWorld world;
  Stranger stranger;
  auto process = Process::open(world.loop, stranger.pid).value();
  bool ended = false;
  world.scope.spawn([](Process& of, bool& into) -> Task<> {
    into = (co_await of.ended()).has_value();
  }(process, ended));
  world.run_until_idle();
  EXPECT_FALSE(ended);
  stranger.end();
  EXPECT_TRUE(world.run_until([&] { return ended; }));
  EXPECT_TRUE(world.await(end_of(process))) << "it can be asked again, before its parent waits";
  stranger.wait();
  EXPECT_TRUE(world.await(end_of(process))) << "and after";
  EXPECT_EQ(process.signal(SIGTERM).error(), Errno{ESRCH});
}

TEST(Process, ASignalReachesIt) {
  ONLY_ON_LINUX("vkern starts no programs");
  LoopWorld world;
  Stranger stranger;
  auto process = Process::open(world.loop, stranger.pid).value();
  EXPECT_TRUE(process.signal(0));
  EXPECT_EQ(process.signal(1'000).error(), Errno::invalid);
  ASSERT_TRUE(process.signal(SIGTERM));
  EXPECT_TRUE(world.await(end_of(process)));
}

TEST(Process, WhatIsNoProcessCannotBeOpened) {
  LoopWorld world;
  EXPECT_EQ(Process::open(world.loop, 0x7ffffff).error(), Errno{ESRCH});
  EXPECT_EQ(Process::open(world.loop, -1).error(), Errno::invalid);
}

TEST(Process, OneThatLivesOnCanBeOpenedAndForgotten) {
  LoopWorld world;
  {
    auto self = Process::open(world.loop, kernel_under_test().getpid()).value();
    EXPECT_TRUE(self.signal(0));
    EXPECT_EQ(world.registrations(), 1u);
  }
  EXPECT_EQ(world.registrations(), 0u);
}

class EndOfAProcess final : public LoopScenario<> {
 public:
  EndOfAProcess() { set_out(); }
  Task<> line() override { static_cast<void>(co_await process_.ended()); }
  void complete() override {
    stranger_.end();
    stranger_.wait();  // So that the event is there when the loop asks.
  }

 private:
  Stranger stranger_;
  Process process_ = Process::open(loop(), stranger_.pid).value();
};

TEST(Process, CancellingAtAnyPointLeavesNothingBehind) {
  ONLY_ON_LINUX("vkern starts no programs");
  EXPECT_EQ(walk<EndOfAProcess>(), 1);
}

}  // namespace
}  // namespace tocsin
