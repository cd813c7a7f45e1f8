// SPDX-License-Identifier: MIT
//
// The door for other threads: nothing is lost, each thread's order is kept, wake-ups are shared.
// These tests are what the thread sanitizer is run on.
#include "tocsin/loop/waker.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/loop/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace loop_testing;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;

class WakerTest : public LoopTest {
 protected:
  Waker& waker() { return loop().waker(); }
};
INSTANTIATE_TEST_SUITE_P(All, WakerTest, every_mechanism, name_of_mechanism);

TEST_P(WakerTest, RunsWhatWasPostedInOrderOnTheLoopsThread) {
  std::vector<int> order;
  const auto loop_thread = std::this_thread::get_id();
  std::jthread([&] {
    for (int i = 0; i < 1000; ++i) {
      waker().post([&, i] {
        EXPECT_EQ(std::this_thread::get_id(), loop_thread);
        order.push_back(i);
      });
    }
  }).join();
  turn();
  ASSERT_EQ(order.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST_P(WakerTest, FourThreadsPostAHundredThousandEachAndNothingIsLostNorReordered) {
  constexpr std::uint64_t posts = 100'000;
  constexpr std::size_t threads = 4;
  std::array<std::uint64_t, threads> next{};
  std::uint64_t run = 0;
  std::uint64_t out_of_order = 0;
  std::vector<std::jthread> posters;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    posters.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < posts; ++i) {
        waker().post([&, thread, i] {
          out_of_order += next[thread] != i;
          next[thread] = i + 1;
          ++run;
        });
      }
    });
  }
  while (run < threads * posts) {
    const TimePoint before = loop().now();
    ASSERT_TRUE(loop().run_once(20s));
    ASSERT_LT(loop().now() - before, 15s) << "posts were lost";
  }
  turn();
  EXPECT_EQ(run, threads * posts);
  EXPECT_EQ(out_of_order, 0u);
}

TEST_P(WakerTest, PostsToALoopThatIsAwakeCostNoWakeUp) {
  for (int i = 0; i < 1000; ++i) waker().post([] {});
  EXPECT_EQ(waker().wakeups(), 0u);
  turn();
  EXPECT_EQ(waker().wakeups(), 0u);
}

// The loop's sleep is the moment in which the poller waits, so that is where the posts are made.
TEST(Waker, AThousandPostsToALoopThatSleepsCostOneWakeUp) {
  struct SleepingKernel final : ForwardingKernel {
    Function while_asleep;
    Count epoll_wait(int epfd, std::span<epoll_event> events, int timeout) override {
      if (timeout != 0 && while_asleep) std::exchange(while_asleep, nullptr)();
      return ForwardingKernel::epoll_wait(epfd, events, timeout);
    }
  } kernel;
  const auto loop = Loop::create(kernel).value();
  int run = 0;
  kernel.while_asleep = [&] {
    const std::jthread poster([&] {
      for (int i = 0; i < 1000; ++i) loop->waker().post([&] { ++run; });
      loop->waker().wake();
    });
  };
  ASSERT_TRUE(loop->run_once(std::nullopt));
  EXPECT_EQ(run, 1000);
  EXPECT_EQ(loop->waker().wakeups(), 1u);

  kernel.while_asleep = [&] { loop->waker().post([&] { ++run; }); };
  ASSERT_TRUE(loop->run_once(std::nullopt));
  EXPECT_EQ(run, 1001);
  EXPECT_EQ(loop->waker().wakeups(), 2u) << "the next sleep has to be ended again";
}

TEST_P(WakerTest, AWakeBeforeTheWaitIsNotLost) {
  waker().wake();
  ASSERT_TRUE(loop().run_once(std::nullopt));
  waker().wake();
  waker().wake();
  ASSERT_TRUE(loop().run_once(std::nullopt));
  EXPECT_EQ(loop().counters().turns, 2u);
  EXPECT_EQ(waker().wakeups(), 0u);
}

TEST_P(WakerTest, AWakeFromAnotherThreadEndsASleep) {
  for (int i = 0; i < 200; ++i) {
    const std::jthread other([&] { waker().wake(); });
    ASSERT_TRUE(loop().run_once(std::nullopt));
  }
}

TEST_P(WakerTest, WhatHasNotRunWhenTheLoopEndsIsDestroyedAndNotRun) {
  const auto held = std::make_shared<int>(0);
  for (int i = 0; i < 1000; ++i) waker().post([this, held] { log_.push_back("run"); });
  EXPECT_EQ(held.use_count(), 1001);
  loop_.reset();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(log_, Log{});
}

// A function that holds a registration of the loop takes it along in good order.
TEST_P(WakerTest, WhatHasNotRunMayHoldWhatBelongsToTheLoop) {
  auto source = std::make_unique<CallSource>(loop(), nullptr);
  waker().post([this, held = std::move(source)] { log_.push_back("run"); });
  loop_.reset();
  EXPECT_EQ(log_, Log{});
}

TEST_P(WakerTest, AFunctionIsDestroyedOnTheLoopsThreadRightAfterItHasRun) {
  const auto held = std::make_shared<int>(0);
  waker().post([held] {});
  waker().post([this, &held] {
    EXPECT_EQ(held.use_count(), 1);
    log_.push_back("run");
  });
  turn();
  EXPECT_EQ(log_, Log{"run"});
}

// Ping-pong as close to the edge of sleeping as threads can get: one lost wake-up is a wait of 20
// seconds, which fails. Each side waits for the other, so every round crosses the edge twice.
TEST_P(WakerTest, NoWakeUpIsLostInTwentyThousandRaces) {
  constexpr int rounds = 20'000;
  std::atomic<int> answered = 0;
  int run = 0;
  std::jthread other([&] {
    for (int round = 1; round <= rounds; ++round) {
      for (int spin = round % 64 * 8; spin > 0; --spin)
        std::atomic_signal_fence(std::memory_order_seq_cst);
      waker().post([&] {
        ++run;
        answered.store(run, std::memory_order_release);
        answered.notify_one();
      });
      for (int seen = 0; (seen = answered.load(std::memory_order_acquire)) < round;)
        answered.wait(seen, std::memory_order_acquire);
    }
  });
  while (run < rounds) {
    const TimePoint before = loop().now();
    ASSERT_TRUE(loop().run_once(20s));
    ASSERT_LT(loop().now() - before, 15s) << "a wake-up was lost";
  }
}

// Two that answer each other at once soon look on instead of sleeping: here a post may come just as
// a loop gives that up and goes to sleep.
TEST_P(WakerTest, TwoLoopsAnswerEachOtherTenThousandTimesAndLoseNothing) {
  constexpr int rounds = 10'000;
  const auto other = Loop::create(kernel_under_test(), {.mechanism = GetParam()}).value();
  const std::jthread answers([&] { EXPECT_TRUE(other->run()); });
  const struct Stopped {
    Loop& loop;
    ~Stopped() { loop.stop(); }
  } at_the_end{*other};

  int answered = 0;
  Function ask = [&] {
    other->waker().post([&] {
      waker().post([&] {
        if (++answered < rounds) ask();
      });
    });
  };
  ask();
  while (answered < rounds) {
    const TimePoint before = loop().now();
    ASSERT_TRUE(loop().run_once(20s));
    ASSERT_LT(loop().now() - before, 15s) << "a post was lost";
  }
}

}  // namespace
}  // namespace tocsin
