// SPDX-License-Identifier: MIT
//
// Every awaitable of this module through the one test of cancellation.
#include <signal.h>
#include <sys/signalfd.h>

#include <gtest/gtest.h>

#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/signals.hpp"
#include "tocsin/source/ticker.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

class Ticks : public LoopScenario<> {
 public:
  Ticks() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await ticker_.next()) co_return;
  }
  void complete() override { kernel.ahead += 1h; }

 private:
  Ticker ticker_{loop(), 1h};
};
TEST(SourceCancellation, ATickIsWaitedForAndGivenUpWithoutATrace) { EXPECT_EQ(walk<Ticks>(), 2); }

class NextSignals : public LoopScenario<> {
 public:
  NextSignals() { set_out(); }
  // What nobody took must not be delivered when the mask is restored.
  ~NextSignals() override {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGUSR1);
    const Fd pending(kernel, kernel.signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC).value());
    signalfd_siginfo info{};
    while (kernel.read(pending.get(), std::as_writable_bytes(std::span(&info, 1)))) {
    }
  }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await signals_.next()) co_return;
  }
  void complete() override { EXPECT_TRUE(kernel.kill(kernel.getpid(), SIGUSR1)); }

 private:
  Signals signals_ = Signals::create(loop(), {SIGUSR1}).value();
};
TEST(SourceCancellation, ASignalIsWaitedForAndGivenUpWithoutATrace) {
  EXPECT_EQ(walk<NextSignals>(), 2);
}

}  // namespace
}  // namespace tocsin
