// SPDX-License-Identifier: MIT
//
// Every awaitable of this module through the one test of cancellation.
#include <signal.h>
#include <unistd.h>

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
    const timespec none{};
    while (::sigtimedwait(&set, nullptr, &none) == SIGUSR1) {
    }
  }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await signals_.next()) co_return;
  }
  void complete() override { ::kill(::getpid(), SIGUSR1); }

 private:
  Signals signals_ = Signals::create(loop(), {SIGUSR1}).value();
};
TEST(SourceCancellation, ASignalIsWaitedForAndGivenUpWithoutATrace) {
  EXPECT_EQ(walk<NextSignals>(), 2);
}

}  // namespace
}  // namespace tocsin
