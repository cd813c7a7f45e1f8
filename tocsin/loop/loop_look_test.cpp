// SPDX-License-Identifier: MIT
//
// What a loop does before a sleep that other threads' posts have made worth a look: on a kernel
// whose time only goes on when its clock is read or somebody sleeps, so that each look and each
// sleep can be counted. That real threads lose nothing meanwhile is in waker_test.cpp.
#include <memory>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/loop/loop_testing.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin {
namespace {

using namespace loop_testing;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;

// A reading of the clock takes a microsecond, a sleep as long as the test says, nothing else any
// time.
struct CountingKernel final : ForwardingKernel {
  Count epoll_wait(int epfd, std::span<epoll_event> events, int timeout) override {
    if (timeout == 0) {
      ++looks;
      if (on_look) on_look();
    } else {
      fall_asleep(Duration::max());
    }
    return ForwardingKernel::epoll_wait(epfd, events, 0);
  }
  Count epoll_pwait2(int epfd, std::span<epoll_event> events, const timespec* timeout,
                     const sigset_t* mask) override {
    fall_asleep(std::chrono::seconds{timeout->tv_sec} + Duration{timeout->tv_nsec});
    return ForwardingKernel::epoll_pwait(epfd, events, 0, mask);
  }
  Result<timespec> clock_gettime(clockid_t) override {
    time += reading;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    return timespec{.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
  }
  void fall_asleep(Duration longest) {
    ++sleeps;
    time += std::min(sleep, longest);
    if (on_sleep) on_sleep();
  }

  int looks = 0;   // Waits that did not sleep.
  int sleeps = 0;  // Waits that did.
  Function on_look;
  Function on_sleep;
  Duration reading = 1us;
  Duration sleep = 20us;
  Duration time = 1000s;
};

class LoopLook : public testing::Test {
 protected:
  void turn(std::optional<Duration> longest = std::nullopt) {
    kernel_.looks = kernel_.sleeps = 0;
    ASSERT_TRUE(loop_->run_once(longest));
  }
  void post() {
    loop_->waker().post([this] { ++posts_run_; });
  }
  // A turn that sleeps, until a post comes after `length`.
  void sleep_until_post(Duration length) {
    kernel_.sleep = length;
    kernel_.on_sleep = [this] { post(); };
    turn();
    ASSERT_EQ(kernel_.sleeps, 1);
    kernel_.on_sleep = nullptr;
  }
  // Has the nth look from now on do something.
  void at_look(int number, Function what) {
    kernel_.on_look = [this, number, what = std::move(what)]() mutable {
      if (kernel_.looks == number) what();
    };
  }
  std::uint64_t rewarded() const { return loop_->counters().looks_rewarded; }
  std::uint64_t in_vain() const { return loop_->counters().looks_in_vain; }

  CountingKernel kernel_;
  std::unique_ptr<Loop> loop_ = Loop::create(kernel_).value();
  int posts_run_ = 0;
};

TEST_F(LoopLook, IsNoneWhereEventsEndTheSleepsAndPostsOnlyLongOnes) {
  CallSource source(*loop_, nullptr);
  kernel_.on_sleep = [&] { source.ring(); };
  for (int i = 0; i < 100; ++i) {
    turn();
    ASSERT_EQ(kernel_.looks, 0);
  }
  for (int i = 0; i < 100; ++i) {
    sleep_until_post(10ms);
    ASSERT_EQ(kernel_.looks, 0);
  }
  EXPECT_EQ(rewarded() + in_vain(), 0u);
}

TEST_F(LoopLook, AfterAShortSleepSeesAPostThatRingsNobody) {
  sleep_until_post(20us);
  const std::uint64_t before = loop_->waker().wakeups();
  at_look(3, [&] { post(); });
  for (int i = 0; i < 100; ++i) {
    turn();
    EXPECT_EQ(kernel_.looks, 3);
    EXPECT_EQ(kernel_.sleeps, 0);
  }
  EXPECT_EQ(posts_run_, 101);
  EXPECT_EQ(loop_->waker().wakeups(), before);
  EXPECT_EQ(rewarded(), 100u);
  EXPECT_EQ(in_vain(), 0u);
}

TEST_F(LoopLook, EndsAtOnceForAnEvent) {
  CallSource source(*loop_, nullptr);
  sleep_until_post(20us);
  at_look(3, [&] { source.ring(); });
  turn();
  EXPECT_EQ(source.calls(), 1);
  EXPECT_EQ(kernel_.looks, 3);
  EXPECT_EQ(kernel_.sleeps, 0);
  EXPECT_EQ(in_vain(), 1u)
      << "or a loop with many events, and one post long ago, would never sleep";
}

TEST_F(LoopLook, SeesAPostThatComesWithAnEvent) {
  CallSource source(*loop_, nullptr);
  sleep_until_post(20us);
  at_look(3, [&] {
    source.ring();
    post();
  });
  turn();
  EXPECT_EQ(source.calls(), 1);
  EXPECT_EQ(posts_run_, 2);
  EXPECT_EQ(rewarded(), 1u);
}

TEST_F(LoopLook, InVainIsFollowedByASleepAndTriedMoreAndMoreRarely) {
  for (const int expected : {1, 4, 8, 16, 32}) {
    for (int i = 0; i < expected; ++i) {
      sleep_until_post(20us);
      ASSERT_EQ(kernel_.looks, 0) << "of " << expected;
    }
    kernel_.sleep = 10ms;
    turn();
    EXPECT_EQ(kernel_.looks, 100) << "100 us, of which each look at the clock takes one";
    EXPECT_EQ(kernel_.sleeps, 1);
  }
  EXPECT_EQ(in_vain(), 5u);
}

TEST_F(LoopLook, EndsAtTheNextDeadline) {
  sleep_until_post(20us);
  TimePoint ran;
  CallAlarm alarm([&] { ran = loop_->now(); });
  const TimePoint deadline = loop_->now() + 10us;
  loop_->arm(alarm, deadline);
  while (ran == TimePoint{}) turn();
  EXPECT_GE(ran, deadline);
  EXPECT_LE(ran, deadline + 2us);
  EXPECT_EQ(in_vain(), 1u);
}

// What has been spent on looking is not slept again.
TEST_F(LoopLook, CountsAsPartOfTheWait) {
  sleep_until_post(20us);
  kernel_.sleep = 1s;
  const Duration begin = kernel_.time;
  turn(1ms);
  EXPECT_EQ(kernel_.sleeps, 1);
  EXPECT_EQ(kernel_.looks, 100);
  EXPECT_LE(kernel_.time - begin, 1ms + 5us);

  for (int i = 0; i < 4; ++i) sleep_until_post(20us);
  turn(10us);
  EXPECT_EQ(kernel_.sleeps, 0);
  EXPECT_EQ(kernel_.looks, 10 + 1) << "the last one is the harvest";
}

TEST_F(LoopLook, IsNoneWhereTheLoopWouldNotSleep) {
  sleep_until_post(20us);
  turn(0ns);
  EXPECT_EQ(kernel_.looks, 1);
  post();
  turn();
  EXPECT_EQ(kernel_.looks, 1);
  CallWork work([] {});
  loop_->post(work);
  turn();
  EXPECT_EQ(kernel_.looks, 1);
  ASSERT_TRUE(loop_->post_when_idle(work));
  turn();
  EXPECT_EQ(kernel_.looks, 1);
  EXPECT_EQ(rewarded() + in_vain(), 0u);
}

TEST_F(LoopLook, EndsForAStop) {
  sleep_until_post(20us);
  at_look(3, [&] { loop_->stop(); });
  kernel_.looks = kernel_.sleeps = 0;
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(kernel_.looks, 3);
  EXPECT_EQ(kernel_.sleeps, 0);
}

// Whoever embeds a loop sleeps in its place, and is woken by the kernel only.
TEST_F(LoopLook, IsNoneInAnEmbeddedLoop) {
  sleep_until_post(20us);
  ASSERT_TRUE(loop_->fd());
  turn(1ms);
  EXPECT_EQ(kernel_.looks, 0);
  EXPECT_EQ(kernel_.sleeps, 1);
}

TEST_F(LoopLook, IsNoneIfTheOptionSaysSo) {
  loop_ = Loop::create(kernel_, {.look_on = 0ns}).value();
  for (int i = 0; i < 100; ++i) {
    sleep_until_post(1us);
    ASSERT_EQ(kernel_.looks, 0);
  }
}

TEST_F(LoopLook, IsOneGlanceWhereTheClockStandsStill) {
  sleep_until_post(20us);
  kernel_.reading = 0ns;
  turn();
  EXPECT_EQ(kernel_.looks, 1);
  EXPECT_EQ(kernel_.sleeps, 1);
}

// There, whoever is to post does not run before the loop sleeps.
TEST(LoopOnAKernelOfOneThread, DoesNotLookForEver) {
  vkern::System<vkern::Single> system;
  const auto loop = Loop::create(system.init()).value();
  int left = 100;
  system.world().spawn([&] {
    for (int i = 0; i < 100; ++i) {
      const timespec pause{.tv_sec = 0, .tv_nsec = 50'000};
      EXPECT_EQ(system.init().ppoll({}, &pause), 0u);
      loop->waker().post([&] { --left; });
    }
  });
  while (left > 0) ASSERT_TRUE(loop->run_once(std::nullopt));
  EXPECT_GT(loop->counters().looks_in_vain, 1u);
  EXPECT_EQ(loop->counters().looks_rewarded, 0u);
}

}  // namespace
}  // namespace tocsin
