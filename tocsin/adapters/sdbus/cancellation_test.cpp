// SPDX-License-Identifier: MIT
//
// Whatever can be awaited on a Bus is given up at every wait in every way; and what came too late,
// or for nobody, does no harm. The other end is played.
#include <cstdint>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/adapters/sdbus/bus.hpp"
#include "tocsin/adapters/sdbus/peers_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"

namespace tocsin::sdbus {
namespace {

class Connecting : public LoopScenario<> {
 public:
  Connecting() { set_out(); }
  Task<> line() override {
    Bus bus = Bus::adopt(loop(), peers_.started());
    static_cast<void>(co_await bus.ready());
  }
  void complete() override { peers_.process(); }

 private:
  Peers peers_;
};
TEST(SdBusCancellation, WaitingToBeConnectedIsGivenUpWithoutATrace) {
  EXPECT_EQ(walk<Connecting>(), 1);
}

/// A connection that stands before the line begins.
class Connected : public LoopScenario<> {
 protected:
  Connected() {
    do {
      peers_.process();
      run_until_idle();
    } while (sd_bus_is_ready(bus_.native()) == 0);
    set_out();
  }

  Peers peers_;
  Bus bus_ = Bus::adopt(loop(), peers_.started());
};

class Calls : public Connected {
 public:
  Task<> line() override {
    for (const char* member : {"First", "Second"}) {
      const auto answer = co_await bus_.call("", "/object", "test.Played", member);
      std::string text;
      if (!answer || !answer->read(text)) co_return;
      EXPECT_EQ(text, member) << "the answer to a call that was given up is nobody's";
    }
  }
  void complete() override { peers_.answer(); }
};
TEST(SdBusCancellation, ACallIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Calls>(), 2); }

class Signals : public Connected {
 public:
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto signal = co_await match_.next();
      int number = 0;
      if (!signal || !signal->message.read(number)) co_return;
      EXPECT_EQ(number, ++last_) << "one was lost";
    }
  }
  void complete() override { peers_.emit(++emitted_); }

 private:
  Match match_ = bus_.match("type='signal',interface='test.Played'").value();
  int emitted_ = 0;
  int last_ = 0;
};
TEST(SdBusCancellation, WaitingForASignalIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Signals>(), 2); }

}  // namespace
}  // namespace tocsin::sdbus
