// SPDX-License-Identifier: MIT
#include "tocsin/source/signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <optional>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

bool is_blocked(int number) {
  sigset_t mask;
  EXPECT_TRUE(kernel_under_test().pthread_sigmask(SIG_BLOCK, nullptr, &mask));
  return ::sigismember(&mask, number) == 1;
}

Result<> send_to_self(int number) {
  return kernel_under_test().kill(kernel_under_test().getpid(), number);
}

Task<Result<SignalInfo>> next_of(Signals& signals) { co_return co_await signals.next(); }

TEST(Signals, ASignalIsAnEventWithItsSender) {
  LoopWorld world;
  auto signals = Signals::create(world.loop, {SIGUSR1}).value();
  ASSERT_TRUE(send_to_self(SIGUSR1));
  const auto info = world.await(next_of(signals));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->number, SIGUSR1);
  EXPECT_EQ(info->pid, kernel_under_test().getpid());
  EXPECT_EQ(info->uid, ::getuid());
}

TEST(Signals, WhoeverWaitsIsWokenByASignal) {
  LoopWorld world;
  auto signals = Signals::create(world.loop, {SIGUSR1}).value();
  std::optional<int> got;
  world.scope.spawn([](Signals& from, std::optional<int>& into) -> Task<> {
    const auto info = co_await from.next();
    if (info) into = info->number;
  }(signals, got));
  world.run_until_idle();
  EXPECT_EQ(got, std::nullopt);
  ASSERT_TRUE(send_to_self(SIGUSR1));
  EXPECT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(got, SIGUSR1);
}

TEST(Signals, AValueThatWasQueuedComesAlong) {
  LoopWorld world;
  auto signals = Signals::create(world.loop, {SIGRTMIN}).value();
  Kernel& kernel = kernel_under_test();
  for (const int value : {42, 43})
    ASSERT_TRUE(kernel.sigqueue(kernel.getpid(), SIGRTMIN, {.sival_int = value}));
  EXPECT_EQ(world.await(next_of(signals)).value().value, 42);
  EXPECT_EQ(world.await(next_of(signals)).value().value, 43);
}

// signal(7): "standard signals do not queue".
TEST(Signals, AnOrdinarySignalThatIsPendingIsNotCountedTwice) {
  LoopWorld world;
  auto signals = Signals::create(world.loop, {SIGUSR1, SIGUSR2}).value();
  ASSERT_TRUE(send_to_self(SIGUSR2));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(send_to_self(SIGUSR1));
  EXPECT_EQ(world.await(next_of(signals)).value().number, SIGUSR1);
  EXPECT_EQ(world.await(next_of(signals)).value().number, SIGUSR2);
  std::optional<int> more;
  world.scope.spawn([](Signals& from, std::optional<int>& into) -> Task<> {
    const auto info = co_await from.next();
    if (info) into = info->number;
  }(signals, more));
  world.run_until_idle();
  EXPECT_EQ(more, std::nullopt);
}

TEST(Signals, TheMaskIsAsBeforeOnceTheyAreGone) {
  ASSERT_FALSE(is_blocked(SIGUSR1));
  constexpr std::array mine{SIGUSR2};
  const auto before = SignalMask::block(kernel_under_test(), mine).value();
  {
    LoopWorld world;
    auto signals = Signals::create(world.loop, {SIGUSR1, SIGUSR2}).value();
    EXPECT_TRUE(is_blocked(SIGUSR1));
    const Signals moved = std::move(signals);
    EXPECT_TRUE(is_blocked(SIGUSR1));
  }
  EXPECT_FALSE(is_blocked(SIGUSR1));
  EXPECT_TRUE(is_blocked(SIGUSR2)) << "somebody else blocked it";
}

TEST(Signals, WhatIsNoSignalIsEinvalAndChangesNothing) {
  LoopWorld world;
  const auto made = Signals::create(world.loop, {SIGUSR1, 1'000});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), Errno::invalid);
  EXPECT_FALSE(is_blocked(SIGUSR1));
}

TEST(Signals, ThatCannotBeMadeLeaveTheMaskAlone) {
  struct NoSignalfd : ForwardingKernel {
    Result<int> signalfd(int, const sigset_t&, int) override {
      return std::unexpected(Errno{EMFILE});
    }
  } kernel;
  LoopWorld world(kernel);
  const auto made = Signals::create(world.loop, {SIGUSR1});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), Errno{EMFILE});
  EXPECT_FALSE(is_blocked(SIGUSR1));
}

TEST(SignalMask, MasksEndInAnyOrder) {
  constexpr std::array first{SIGUSR1};
  constexpr std::array both{SIGUSR1, SIGUSR2};
  std::optional<SignalMask> a(SignalMask::block(kernel_under_test(), first).value());
  std::optional<SignalMask> b(SignalMask::block(kernel_under_test(), both).value());
  EXPECT_TRUE(a->blocked(SIGUSR1));
  EXPECT_FALSE(b->blocked(SIGUSR1)) << "it was blocked already";
  a.reset();
  EXPECT_FALSE(is_blocked(SIGUSR1));
  EXPECT_TRUE(is_blocked(SIGUSR2));
  b.reset();
  EXPECT_FALSE(is_blocked(SIGUSR2));
}

}  // namespace
}  // namespace tocsin
