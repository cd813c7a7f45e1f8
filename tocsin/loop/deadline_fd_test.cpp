// SPDX-License-Identifier: MIT
//
// The loop as a descriptor: readable exactly while a turn has something to do. What waits for it
// here is ppoll(2); tests/embedding has the loops of others.
#include "tocsin/loop/deadline_fd.hpp"

#include <stdexcept>
#include <thread>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/loop/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace loop_testing;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;

struct CountingKernel final : ForwardingKernel {
  int settings = 0;
  Result<> timerfd_settime(int fd, int flags, const itimerspec& value) override {
    ++settings;
    return ForwardingKernel::timerfd_settime(fd, flags, value);
  }
};

bool is_readable(int fd, Duration within = 0ns) {
  pollfd look{.fd = fd, .events = POLLIN, .revents = 0};
  const timespec limit{.tv_sec = within / 1s, .tv_nsec = (within % 1s).count()};
  return kernel_under_test().ppoll({&look, 1}, &limit).value() == 1;
}

TEST(DeadlineFd, IsReadableFromItsInstantOn) {
  auto deadline = DeadlineFd::create(kernel_under_test()).value();
  EXPECT_FALSE(is_readable(deadline.fd())) << "never, until it is set";
  ASSERT_TRUE(deadline.set(TimePoint{}));
  EXPECT_TRUE(is_readable(deadline.fd())) << "the past is at once";
  ASSERT_TRUE(deadline.set(TimePoint::max()));
  EXPECT_FALSE(is_readable(deadline.fd()));
  ASSERT_TRUE(deadline.set(TimePoint::min()));
  EXPECT_TRUE(is_readable(deadline.fd()));
  ASSERT_TRUE(deadline.set(std::nullopt));
  EXPECT_FALSE(is_readable(deadline.fd()));
}

TEST(DeadlineFd, SettingWhatIsSetCostsNoSystemCall) {
  CountingKernel kernel;
  auto deadline = DeadlineFd::create(kernel).value();
  ASSERT_TRUE(deadline.set(std::nullopt));
  EXPECT_EQ(kernel.settings, 0);
  ASSERT_TRUE(deadline.set(TimePoint{}));
  ASSERT_TRUE(deadline.set(TimePoint{}));
  EXPECT_EQ(kernel.settings, 1);
  EXPECT_TRUE(is_readable(deadline.fd()));
}

class LoopFd : public testing::Test {
 protected:
  bool has_something(Duration within = 0ns) { return is_readable(fd_, within); }
  void turn() { ASSERT_TRUE(loop_->run_once(0ns)); }
  Function note(std::string words) {
    return [this, words = std::move(words)] { log_.push_back(words); };
  }

  CountingKernel kernel_;
  std::unique_ptr<Loop> loop_ = Loop::create(kernel_).value();
  int fd_ = loop_->fd().value();
  Log log_;
};

TEST_F(LoopFd, IsTheSameEveryTimeAndQuietWhileThereIsNothing) {
  EXPECT_EQ(loop_->fd(), fd_);
  EXPECT_FALSE(has_something());
  turn();
  EXPECT_FALSE(has_something());
}

TEST_F(LoopFd, TellsOfEvents) {
  CallSource source(*loop_, [&](Ready) { log_.push_back("source"); });
  EXPECT_FALSE(has_something());
  source.ring();
  EXPECT_TRUE(has_something());
  turn();
  EXPECT_EQ(log_, Log{"source"});
  EXPECT_FALSE(has_something());
}

TEST_F(LoopFd, TellsOfDeadlinesWhenTheyAreDueAndNotBefore) {
  CallAlarm alarm(note("alarm"));
  CallAlarm far(note("far"));
  loop_->arm(far, loop_->now() + 1000s);
  EXPECT_FALSE(has_something());
  loop_->arm(alarm, loop_->now() + 1ms);
  EXPECT_TRUE(has_something(10s));
  turn();
  EXPECT_EQ(log_, Log{"alarm"});
  EXPECT_FALSE(has_something());
  loop_->arm(alarm, loop_->now());
  EXPECT_TRUE(has_something(10s));
  turn();
  EXPECT_EQ(log_.size(), 2u);
}

TEST_F(LoopFd, ADeadlineThatWasDisarmedCostsOneTurnAtMost) {
  CallAlarm alarm(note("alarm"));
  loop_->arm(alarm, loop_->now());
  alarm.unlink();
  ASSERT_TRUE(has_something(10s));
  turn();
  EXPECT_FALSE(has_something());
}

TEST_F(LoopFd, TellsOfWorkThatIsPostedOutsideATurnOrLeftBehindByOne) {
  CallWork work(note("work"));
  loop_->post(work);
  EXPECT_TRUE(has_something());
  turn();
  EXPECT_FALSE(has_something());

  CallSource again(*loop_, [&](Ready) {
    if (again.calls() == 1) loop_->serve_again(again);
  });
  loop_->serve_again(again);
  EXPECT_TRUE(has_something());
  turn();
  EXPECT_TRUE(has_something()) << "it has asked again";
  turn();
  EXPECT_FALSE(has_something());
  EXPECT_EQ(again.calls(), 2);
}

TEST_F(LoopFd, TellsOfWorkThatAnExceptionHasLeftBehind) {
  CallWork throws([] { throw std::runtime_error("a work"); });
  CallWork behind(note("behind"));
  loop_->post(throws);
  loop_->post(behind);
  EXPECT_THROW(static_cast<void>(loop_->run_once(0ns)), std::runtime_error);
  EXPECT_TRUE(has_something());
  turn();
  EXPECT_EQ(log_, Log{"behind"});
  EXPECT_FALSE(has_something());
}

// The foreign loop sleeps in this one's place, so a post has to ring although nobody sleeps here.
TEST_F(LoopFd, TellsOfPostsAndWakeUpsFromOtherThreads) {
  for (int i = 1; i <= 3; ++i) {
    std::jthread([&] { loop_->waker().post(note("posted")); }).join();
    EXPECT_TRUE(has_something());
    turn();
    EXPECT_EQ(log_.size(), static_cast<std::size_t>(i));
    EXPECT_FALSE(has_something());
    loop_->waker().wake();
    EXPECT_TRUE(has_something());
    turn();
    EXPECT_FALSE(has_something());
  }
  for (int i = 0; i < 1000; ++i) loop_->waker().post([] {});
  EXPECT_EQ(loop_->waker().wakeups(), 7u) << "a thousand posts are one";
}

TEST_F(LoopFd, TellsOfAPostThatCameWhileATurnRan) {
  CallWork work([&] { loop_->waker().post(note("posted")); });
  loop_->post(work);
  turn();
  EXPECT_TRUE(has_something());
  turn();
  EXPECT_EQ(log_, Log{"posted"});
  EXPECT_FALSE(has_something());
}

TEST_F(LoopFd, ATurnThatChangesNoDeadlineCostsNoSystemCall) {
  CallAlarm far(note("far"));
  loop_->arm(far, loop_->now() + 1000s);
  const int before = kernel_.settings;
  for (int i = 0; i < 10; ++i) turn();
  EXPECT_EQ(kernel_.settings, before);
}

TEST(LoopFdOfIoUring, IsRefused) {
  auto loop = Loop::create(kernel_under_test(), {.mechanism = Mechanism::io_uring});
  if (!loop) GTEST_SKIP() << "io_uring_setup(2): " << loop.error().name();
  EXPECT_EQ((*loop)->fd(), std::unexpected(Errno::unsupported));
}

}  // namespace
}  // namespace tocsin
