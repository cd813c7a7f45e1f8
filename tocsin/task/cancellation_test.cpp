// SPDX-License-Identifier: MIT
//
// Every awaitable of this module, alone and inside one another, through the one test of
// cancellation. Each line counts what it got, so that the scenario can account for every item.
#include <gtest/gtest.h>

#include "tocsin/task/cancellation_testing.hpp"
#include "tocsin/task/channel.hpp"
#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/semaphore.hpp"
#include "tocsin/task/sleep.hpp"
#include "tocsin/task/task_testing.hpp"
#include "tocsin/task/when.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

/// What the scenarios share: things to wait for, and the account of them.
class Scenario : public CancellationScenario {
 public:
  Executor& executor() override { return executor_; }
  void run_until_idle() override { executor_.run_until_idle(); }

  std::string left_behind() override {
    if (!executor_.is_idle()) return "work in the queue";
    if (executor_.has_alarms()) return "an armed alarm";
    if (gate.has_waiting()) return "somebody waits at the gate";
    if (alive != 0) return "a frame";
    if (semaphore.available() != 2 - held.size()) return "a permit";
    if (sent != received + static_cast<int>(channel.size())) return "an item lost or doubled";
    return "";
  }

 protected:
  /// An item arrives, if there is room for it.
  void item() {
    if (channel.try_send(Counted(in_channel))) ++sent;
  }

  ManualExecutor executor_;
  Gate gate;
  int alive = 0;       // Frames that hold a Counted.
  int in_channel = 0;  // Items that exist, wherever they are.
  int sent = 0;
  int received = 0;
  Semaphore semaphore{2};
  std::vector<Semaphore::Permit> held;  // By nobody who is ended: by the scenario.
  Channel<Counted> channel{2};
};

template <class S>
int walk() {
  return walk_through_cancellation([] { return std::make_unique<S>(); });
}

struct Sleeps : Scenario {
  Task<> line() override {
    (void)co_await sleep_for(1s);
    (void)co_await sleep_until(executor_.now() + 2s);
  }
  void complete() override { executor_.elapse(2s); }
};
TEST(Cancellation, Sleep) { EXPECT_EQ(walk<Sleeps>(), 2); }

struct ChainOfTasks : Scenario {
  Task<> link(int more, Counted) {
    if (more > 0) co_await link(more - 1, Counted(alive));
    (void)co_await sleep_for(1s);
  }
  Task<> line() override { return link(3, Counted(alive)); }
  void complete() override { executor_.elapse(1s); }
};
TEST(Cancellation, AChainOfTasks) { EXPECT_EQ(walk<ChainOfTasks>(), 4); }

struct Receives : Scenario {
  Task<> line() override {
    while (auto got = co_await channel.receive()) ++received;
  }
  void complete() override {
    if (sent == 3) channel.close();
    item();
  }
};
TEST(Cancellation, ReceiveUntilTheChannelIsClosed) { EXPECT_EQ(walk<Receives>(), 4); }

// The buffer is full from the start; each item that is taken out makes room for one that waits.
struct Sends : Scenario {
  Sends() {
    item();
    item();
  }
  Task<> line() override {
    for (int i = 0; i < 3; ++i) {
      const auto done = co_await channel.send(Counted(in_channel));
      if (!done) co_return;
    }
  }
  void complete() override {
    if (channel.try_receive()) ++taken;
  }
  std::string left_behind() override {
    // What was taken is gone, what was sent is in the buffer, what was not is nowhere.
    sent = static_cast<int>(channel.size());
    if (in_channel != sent) return "an item that was not sent, or an item lost";
    return Scenario::left_behind();
  }
  int taken = 0;
};
TEST(Cancellation, SendIntoAFullChannel) { EXPECT_EQ(walk<Sends>(), 3); }

struct Acquires : Scenario {
  Acquires() {
    held.push_back(std::move(semaphore.try_acquire().value()));
    held.push_back(std::move(semaphore.try_acquire().value()));
  }
  Task<> line() override {
    const auto first = co_await semaphore.acquire();
    if (!first) co_return;
    const auto second = co_await semaphore.acquire();
    if (!second) co_return;
    (void)co_await gate.pass();
  }
  void complete() override {
    if (held.empty()) return gate.open();
    held.pop_back();
  }
};
TEST(Cancellation, AcquireTwoPermits) { EXPECT_EQ(walk<Acquires>(), 3); }

struct Joins : Scenario {
  Task<> child(Counted) { (void)co_await gate.pass(); }
  Task<> line() override {
    Scope scope(co_await_executor());
    scope.spawn(child(Counted(alive)));
    scope.spawn(child(Counted(alive)));
    (void)co_await scope.join();
    gate.close();
    scope.spawn(child(Counted(alive)));
    (void)co_await gate.pass();  // Leaves the child to the destructor, should this be cut short.
  }
  Executor& co_await_executor() { return executor_; }
  void complete() override { gate.open(); }
};
TEST(Cancellation, JoinOfAScope) { EXPECT_EQ(walk<Joins>(), 2); }

struct TimesOut : Scenario {
  Task<> line() override {
    (void)co_await timeout(1s, gate.pass());
    (void)co_await timeout(1s, sleep_for(2s));
    (void)co_await timeout(3s, timeout(1s, sleeps(Counted(alive))));
    (void)co_await timeout(-1s, gate.pass());
  }
  Task<> sleeps(Counted) { (void)co_await sleep_for(2s); }
  void complete() override { executor_.elapse(1s); }
};
// The last one does not count: a deadline that is past comes without anybody's help.
TEST(Cancellation, Timeouts) { EXPECT_EQ(walk<TimesOut>(), 3); }

struct WaitsForAll : Scenario {
  Task<> passes(Counted) { (void)co_await gate.pass(); }
  Task<> line() override {
    (void)co_await when_all(sleep_for(1s), passes(Counted(alive)), sleep_for(2s));
  }
  void complete() override {
    executor_.elapse(1s);
    if (executor_.now() >= TimePoint{3s}) gate.open();
  }
};
TEST(Cancellation, WhenAll) { EXPECT_EQ(walk<WaitsForAll>(), 3); }

struct WaitsForAny : Scenario {
  Task<> passes(Counted) { (void)co_await gate.pass(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      auto first = co_await when_any(channel.receive(), passes(Counted(alive)), sleep_for(1s),
                                     timeout(2s, channel.receive()));
      if (auto* got = std::get_if<0>(&first); got != nullptr && *got) ++received;
      if (auto* got = std::get_if<3>(&first); got != nullptr && *got) ++received;
    }
  }
  // Time and items at once: whoever loses must give back what was on its way.
  void complete() override {
    item();
    executor_.elapse(1s);
    item();
  }
};
TEST(Cancellation, WhenAnyLosesNoItem) { EXPECT_EQ(walk<WaitsForAny>(), 1); }

}  // namespace
}  // namespace tocsin
