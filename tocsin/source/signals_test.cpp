// SPDX-License-Identifier: MIT
#include "tocsin/source/signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

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

// sigqueue(3): what is a number to one is a pointer to another.
TEST(Signals, AValueIsAlsoThePointerItMayHaveBeen) {
  LoopWorld world;
  auto signals = Signals::create(world.loop, {SIGRTMIN}).value();
  int here = 0;
  Kernel& kernel = kernel_under_test();
  ASSERT_TRUE(kernel.sigqueue(kernel.getpid(), SIGRTMIN, {.sival_ptr = &here}));
  const auto info = world.await(next_of(signals)).value();
  EXPECT_EQ(info.pointer, reinterpret_cast<std::uintptr_t>(&here));
  EXPECT_EQ(info.code, SI_QUEUE);
}

// signal(7): "If different real-time signals are sent to a process, they are delivered starting
// with the lowest-numbered signal"; each of them in the order in which it was sent.
TEST(Signals, RealTimeSignalsComeByNumberAndThenInTheOrderTheyWereSent) {
  LoopWorld world;
  auto signals = Signals::create(world.loop, {SIGRTMIN, SIGRTMIN + 1, SIGRTMAX}).value();
  Kernel& kernel = kernel_under_test();
  for (int value = 0; value < 100; ++value)
    for (const int number : {SIGRTMAX, SIGRTMIN + 1, SIGRTMIN})
      ASSERT_TRUE(kernel.sigqueue(kernel.getpid(), number, {.sival_int = value}));
  for (const int number : {SIGRTMIN, SIGRTMIN + 1, SIGRTMAX}) {
    for (int value = 0; value < 100; ++value) {
      const auto info = world.await(next_of(signals)).value();
      ASSERT_EQ(info.number, number);
      ASSERT_EQ(info.value, value);
    }
  }
}

TEST(Signals, AChildThatEndsSaysHow) {
  ONLY_ON_LINUX("the child is one of Linux");
  LoopWorld world;
  auto signals = Signals::create(world.loop, {SIGCHLD}).value();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(7);
  const auto info = world.await(next_of(signals)).value();
  EXPECT_EQ(info.pid, child);
  EXPECT_EQ(info.code, CLD_EXITED);
  EXPECT_EQ(info.status, 7);
  siginfo_t which;
  EXPECT_TRUE(kernel_under_test().waitid(P_PID, static_cast<id_t>(child), which, WEXITED));
}

TEST(Signals, NoSignalIsTakenThatWasNotAskedFor) {
  LoopWorld world;
  auto others = Signals::create(world.loop, {SIGUSR2}).value();
  auto signals = Signals::create(world.loop, {SIGUSR1}).value();
  ASSERT_TRUE(send_to_self(SIGUSR2));
  ASSERT_TRUE(send_to_self(SIGUSR1));
  EXPECT_EQ(world.await(next_of(signals)).value().number, SIGUSR1);
  EXPECT_EQ(world.await(next_of(others)).value().number, SIGUSR2);
}

TEST(Signals, TheSetMayGrowAndShrinkWhileSomebodyWaits) {
  LoopWorld world;
  constexpr std::array held{SIGUSR2};  // What is pending at the end must not end the program.
  const auto mask = SignalMask::block(kernel_under_test(), held).value();
  auto signals = Signals::create(world.loop, {SIGUSR1}).value();
  ASSERT_TRUE(send_to_self(SIGUSR2));
  std::string told;
  world.scope.spawn([](Signals& from, std::string& into) -> Task<> {
    while (const auto info = co_await from.next()) into += info->number == SIGUSR1 ? '1' : '2';
  }(signals, told));
  world.run_until_idle();
  EXPECT_EQ(told, "");
  ASSERT_TRUE(signals.add({SIGUSR2, SIGALRM}));
  EXPECT_TRUE(world.run_until([&] { return told == "2"; })) << "it was pending";
  EXPECT_TRUE(is_blocked(SIGALRM));
  ASSERT_TRUE(signals.remove({SIGUSR2, SIGALRM}));
  EXPECT_FALSE(is_blocked(SIGALRM));
  EXPECT_TRUE(is_blocked(SIGUSR2)) << "somebody else blocked it";
  ASSERT_TRUE(send_to_self(SIGUSR2));
  ASSERT_TRUE(send_to_self(SIGUSR1));
  EXPECT_TRUE(world.run_until([&] { return told == "21"; }));
  world.run_until_idle();
  EXPECT_EQ(told, "21");

  EXPECT_EQ(signals.add({SIGALRM, 1'000}), Result<>(std::unexpected(Errno::invalid)));
  EXPECT_FALSE(is_blocked(SIGALRM));
  EXPECT_EQ(signals.remove({SIGUSR1, 1'000}), Result<>(std::unexpected(Errno::invalid)));
  EXPECT_TRUE(is_blocked(SIGUSR1));
  ASSERT_TRUE(signals.add({SIGUSR2}));  // Takes it before the mask is restored.
  EXPECT_TRUE(world.run_until([&] { return told == "212"; }));
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
