// SPDX-License-Identifier: MIT
//
// Works that wait until the loop has nothing else to do.
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/loop/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace loop_testing;
using std::chrono_literals::operator""s;

class LoopIdle : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(All, LoopIdle, every_mechanism, name_of_mechanism);

TEST_P(LoopIdle, AWorkWaitsForATurnThatFindsNothingAndNoTurnSleepsMeanwhile) {
  CallWork work(note("idle"));
  CallWork other(note("work"));
  CallAlarm alarm(note("alarm"));
  CallSource source(loop(), note_ready("event"));
  ASSERT_TRUE(loop().post_when_idle(work));
  source.ring();
  turn();
  loop().post(other);
  turn();
  loop().arm(alarm, loop().now());
  turn();
  loop().waker().post(note("posted"));
  turn();
  EXPECT_EQ(log_, (Log{"event", "work", "alarm", "posted"})) << "none of these is idleness";
  ASSERT_TRUE(loop().run_once(std::nullopt)) << "it would sleep, and so it must not";
  EXPECT_EQ(log_.back(), "idle");
  turn();
  EXPECT_EQ(log_.size(), 5u) << "once";
}

TEST_P(LoopIdle, ASourceThatIsServedAgainIsNotIdleness) {
  CallSource source(loop(), [&](Ready) {
    log_.push_back("source");
    if (log_.size() < 3) loop().serve_again(source);
  });
  CallWork work(note("idle"));
  ASSERT_TRUE(loop().post_when_idle(work));
  loop().serve_again(source);
  for (int i = 0; i < 4; ++i) turn();
  EXPECT_EQ(log_, (Log{"source", "source", "source", "idle"}));
}

TEST_P(LoopIdle, AWorkCanBeCalledOff) {
  auto work = std::make_unique<CallWork>(note("idle"));
  ASSERT_TRUE(loop().post_when_idle(*work));
  work.reset();
  turn();
  EXPECT_EQ(log_, Log{});
}

TEST_P(LoopIdle, AnEmbeddedLoopIsNeverIdleAndSaysSo) {
  CallWork before(note("before"));
  CallWork after(note("after"));
  ASSERT_TRUE(loop().post_when_idle(before));
  if (!loop().fd()) GTEST_SKIP() << "a loop on io_uring has no descriptor";
  EXPECT_FALSE(loop().post_when_idle(after));
  EXPECT_FALSE(after.is_linked());
  turn();
  EXPECT_EQ(log_, Log{"before"}) << "what it had promised it keeps";
}

struct ClockKernel : ForwardingKernel {
  Result<timespec> clock_gettime(clockid_t clock) override {
    auto time = below_.clock_gettime(clock);
    if (time) time->tv_sec += ahead.count();
    return time;
  }
  std::chrono::seconds ahead{0};
};

TEST(LoopThatIsAlwaysBusy, RunsWhatWaitsForItToBeIdleAfterASecond) {
  ClockKernel kernel;
  const auto loop = Loop::create(kernel).value();
  int runs = 0;
  CallWork work([&] { ++runs; });
  CallWork busy([&] { loop->post(busy); });
  loop->post(busy);
  ASSERT_TRUE(loop->run_once(std::nullopt));
  ASSERT_TRUE(loop->post_when_idle(work));
  const TimePoint begin = loop->now();
  ASSERT_TRUE(loop->run_once(std::nullopt));
  EXPECT_TRUE(runs == 0 || loop->now() - begin >= 1s);
  kernel.ahead = 1s;
  ASSERT_TRUE(loop->run_once(std::nullopt));
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace tocsin
