// SPDX-License-Identifier: MIT
//
// Timers: what can be told without waiting holds on the running Linux as well; what is a matter of
// time is told to the nanosecond, on clocks that only move when the test says so.
#include "tocsin/vkern/timerfd.hpp"

#include <sys/ioctl.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tocsin/kern/kernel_testing.hpp"
#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

using namespace std::chrono_literals;

constexpr timespec to_timespec(Duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}
constexpr itimerspec in(Duration first, Duration interval = 0ns) {
  return {.it_interval = to_timespec(interval), .it_value = to_timespec(first)};
}
constexpr Duration to_duration(const timespec& time) {
  return std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec};
}
constexpr itimerspec disarmed{};

// Ticks, or minus the errno; 0 bytes are 0.
std::int64_t read_ticks(Kernel& kernel, int fd) {
  std::array<std::byte, 8> bytes{};
  const Count count = kernel.read(fd, bytes);
  if (!count) return -count.error().value();
  std::int64_t ticks = 0;
  if (*count == sizeof ticks) std::memcpy(&ticks, bytes.data(), sizeof ticks);
  return ticks;
}

template <class K>
class TimerCalls : public KernelTest<K> {
 protected:
  int timer(clockid_t clock = CLOCK_MONOTONIC) {
    return this->keep(this->kernel_.timerfd_create(clock, TFD_NONBLOCK));
  }
  int settime(int fd, int flags, const itimerspec& value) {
    return errno_of(this->kernel_.timerfd_settime(fd, flags, value));
  }
  std::int64_t read(int fd) { return read_ticks(this->kernel_, fd); }
};
TYPED_TEST_SUITE(TimerCalls, AllKernels);

TYPED_TEST(TimerCalls, AreMadeForFiveClocks) {
  ONLY_AS_ROOT("the alarm clocks need CAP_WAKE_ALARM");
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
                                CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM}) {
    const int fd = this->timer(clock);
    EXPECT_EQ(this->mask_of(fd), 0u);
    EXPECT_EQ(this->settime(fd, 0, in(1h)), 0);
    EXPECT_EQ(this->kernel_.fcntl(fd, F_GETFL, 0), O_RDWR | O_NONBLOCK);
  }
  for (const clockid_t clock : {CLOCK_PROCESS_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_TAI, -1})
    EXPECT_EQ(errno_of(this->kernel_.timerfd_create(clock, 0)), EINVAL) << clock;
  EXPECT_EQ(errno_of(this->kernel_.timerfd_create(CLOCK_MONOTONIC, 1)), EINVAL);
}

TYPED_TEST(TimerCalls, FindFaultWithTheValueBeforeTheDescriptor) {
  const int other = this->keep(this->kernel_.eventfd(0, 0));
  const itimerspec too_long{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1'000'000'000}};
  const itimerspec negative{.it_interval = {.tv_sec = -1, .tv_nsec = 0}, .it_value = {}};
  EXPECT_EQ(this->settime(-1, 0, too_long), EINVAL);
  EXPECT_EQ(this->settime(-1, 0, negative), EINVAL);
  EXPECT_EQ(this->settime(-1, 4, disarmed), EINVAL);
  EXPECT_EQ(this->settime(-1, 0, disarmed), EBADF);
  EXPECT_EQ(this->settime(other, 0, disarmed), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.timerfd_gettime(-1)), EBADF);
  EXPECT_EQ(errno_of(this->kernel_.timerfd_gettime(other)), EINVAL);
}

TYPED_TEST(TimerCalls, ReadAndNothingElseIsDoneWithTheDescriptor) {
  const int fd = this->timer();
  std::array<std::byte, 8> bytes{};
  int queued = 0;
  EXPECT_EQ(errno_of(this->kernel_.read(fd, std::span(bytes).first(7))), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.read(fd, bytes)), EAGAIN);
  EXPECT_EQ(errno_of(this->kernel_.write(fd, bytes)), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.ioctl(fd, FIONREAD, &queued)), ENOTTY);
}

TYPED_TEST(TimerCalls, ATimeThatHasPassedIsReadyAtOnce) {
  const int fd = this->timer();
  ASSERT_EQ(this->settime(fd, TFD_TIMER_ABSTIME, in(1ns)), 0);
  EXPECT_EQ(this->mask_of(fd), unsigned{EPOLLIN});
  EXPECT_EQ(this->read(fd), 1);
  EXPECT_EQ(this->mask_of(fd), 0u);
  EXPECT_EQ(this->read(fd), -EAGAIN);
}

TYPED_TEST(TimerCalls, PeriodsThatHavePassedAreCountedFromTheFirstExpiry) {
  const int fd = this->timer();
  const auto now = [&] { return to_duration(*this->kernel_.clock_gettime(CLOCK_MONOTONIC)); };
  const std::int64_t least = now() / 1h + 1;
  ASSERT_EQ(this->settime(fd, TFD_TIMER_ABSTIME, in(1ns, 1h)), 0);
  const std::int64_t ticks = this->read(fd);
  EXPECT_GE(ticks, least);
  EXPECT_LE(ticks, now() / 1h + 1);
  EXPECT_EQ(this->read(fd), -EAGAIN);
  const auto left = this->kernel_.timerfd_gettime(fd);
  ASSERT_TRUE(left);
  EXPECT_EQ(to_duration(left->it_interval), 1h);
  EXPECT_GT(to_duration(left->it_value), 0ns);
  EXPECT_LE(to_duration(left->it_value), 1h);
}

TYPED_TEST(TimerCalls, AnExpiryIsOneEdgeAndSettingClearsWithoutOne) {
  const int fd = this->timer();
  this->watch(fd);
  EXPECT_EQ(this->edges(), std::vector<int>{});
  ASSERT_EQ(this->settime(fd, TFD_TIMER_ABSTIME, in(1ns, 1h)), 0);
  EXPECT_EQ(this->edges(), std::vector<int>{fd});
  EXPECT_EQ(this->edges(), std::vector<int>{});
  ASSERT_EQ(this->settime(fd, 0, in(1h)), 0);
  EXPECT_EQ(this->mask_of(fd), 0u);
  EXPECT_EQ(this->edges(), std::vector<int>{});
}

TYPED_TEST(TimerCalls, AskingWhatIsLeftKeepsTheTicks) {
  const int fd = this->timer();
  ASSERT_EQ(this->settime(fd, TFD_TIMER_ABSTIME, in(1ns, 1h)), 0);
  ASSERT_TRUE(this->kernel_.timerfd_gettime(fd));
  EXPECT_EQ(this->mask_of(fd), unsigned{EPOLLIN});
  EXPECT_GE(this->read(fd), 1);
}

TYPED_TEST(TimerCalls, WhatIsDisarmedHasNothingLeftButForAlarms) {
  ONLY_AS_ROOT("the alarm clocks need CAP_WAKE_ALARM");
  for (const clockid_t clock : {CLOCK_MONOTONIC, CLOCK_REALTIME_ALARM}) {
    const int fd = this->timer(clock);
    ASSERT_EQ(this->settime(fd, 0, in(1h)), 0);
    ASSERT_EQ(this->settime(fd, 0, disarmed), 0);
    const Duration left = to_duration(this->kernel_.timerfd_gettime(fd)->it_value);
    if (clock == CLOCK_MONOTONIC)
      EXPECT_EQ(left, 0ns);
    else
      EXPECT_GT(left, 59min);
  }
}

TYPED_TEST(TimerCalls, WhatIsTooLongIsNever) {
  const int fd = this->timer();
  const timespec longest{.tv_sec = INT64_MAX, .tv_nsec = 999'999'999};
  for (const int flags : {0, int{TFD_TIMER_ABSTIME}}) {
    ASSERT_EQ(this->settime(fd, flags, {.it_interval = longest, .it_value = longest}), 0);
    const auto left = this->kernel_.timerfd_gettime(fd);
    ASSERT_TRUE(left);
    EXPECT_EQ(to_duration(left->it_interval), Duration::max());
    EXPECT_GT(left->it_value.tv_sec, 9'000'000'000);
    EXPECT_EQ(this->mask_of(fd), 0u);
  }
}

TYPED_TEST(TimerCalls, FdinfoShowsTheSetting) {
  const int fd = this->timer(CLOCK_REALTIME);
  ASSERT_EQ(this->settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, in(1ns, 1ms)), 0);
  EXPECT_EQ(this->on_.fdinfo(fd),
            "clockid: 0\nticks: 1\nsettime flags: 03\nit_value: (0, 0)\n"
            "it_interval: (0, 1000000)\n");
  // Without TFD_TIMER_ABSTIME the other flag means nothing, and is shown all the same.
  ASSERT_EQ(this->settime(fd, TFD_TIMER_CANCEL_ON_SET, disarmed), 0);
  EXPECT_EQ(this->on_.fdinfo(fd),
            "clockid: 0\nticks: 0\nsettime flags: 02\nit_value: (0, 0)\nit_interval: (0, 0)\n");
}

// ---- in virtual time ----------------------------------------------------------------------------

class TimerInVirtualTime : public KernelTest<OnVkern<Single>> {
 protected:
  int timer(clockid_t clock = CLOCK_MONOTONIC) {
    return keep(kernel_.timerfd_create(clock, TFD_NONBLOCK));
  }
  int settime(int fd, int flags, const itimerspec& value) {
    return errno_of(kernel_.timerfd_settime(fd, flags, value));
  }
  std::int64_t read(int fd) { return read_ticks(kernel_, fd); }
  Duration now(clockid_t clock = CLOCK_MONOTONIC) {
    return to_duration(*kernel_.clock_gettime(clock));
  }
  Duration left(int fd) { return to_duration(kernel_.timerfd_gettime(fd)->it_value); }
  void advance(Duration length) { on_.system().world().advance(length); }
  void step(Duration by) { on_.system().step_realtime(by); }
  bool is_ready(int fd) { return mask_of(fd) == EPOLLIN; }
};

TEST_F(TimerInVirtualTime, ATimerIsNeverEarlyAndNeverLate) {
  const int fd = timer();
  ASSERT_EQ(settime(fd, 0, in(1s)), 0);
  advance(1s - 1ns);
  EXPECT_FALSE(is_ready(fd));
  EXPECT_EQ(left(fd), 1ns);
  advance(1ns);
  EXPECT_TRUE(is_ready(fd));
  EXPECT_EQ(left(fd), 0ns);
  advance(1h);
  EXPECT_EQ(read(fd), 1);
  EXPECT_EQ(read(fd), -EAGAIN);
}

TEST_F(TimerInVirtualTime, AnUnreadPeriodicTimerGivesOneEdgeAndCountsWhatItMissed) {
  const int fd = timer();
  watch(fd);
  ASSERT_EQ(settime(fd, 0, in(1s, 10s)), 0);
  advance(1s);
  EXPECT_EQ(edges(), std::vector<int>{fd});
  advance(35s);
  EXPECT_EQ(edges(), std::vector<int>{});
  EXPECT_EQ(read(fd), 4);  // At 1, 11, 21 and 31 s; it is 36 s now.
  EXPECT_EQ(left(fd), 5s);
  EXPECT_EQ(edges(), std::vector<int>{});
  advance(5s);
  EXPECT_EQ(edges(), std::vector<int>{fd});
  EXPECT_EQ(read(fd), 1);
}

TEST_F(TimerInVirtualTime, AskingWhatIsLeftArmsAPeriodicTimerAgain) {
  const int fd = timer();
  watch(fd);
  ASSERT_EQ(settime(fd, 0, in(1s, 10s)), 0);
  advance(12s);
  EXPECT_EQ(edges(), std::vector<int>{fd});
  EXPECT_EQ(left(fd), 9s);
  advance(9s);
  EXPECT_EQ(edges(), std::vector<int>{fd});
  EXPECT_EQ(read(fd), 3);
}

TEST_F(TimerInVirtualTime, SettingItAnewForgetsTheFormerSetting) {
  const int fd = timer();
  ASSERT_EQ(settime(fd, 0, in(1s, 1s)), 0);
  advance(500ms);
  ASSERT_EQ(settime(fd, 0, in(1s)), 0);
  advance(999ms);
  EXPECT_FALSE(is_ready(fd));
  ASSERT_EQ(settime(fd, 0, disarmed), 0);
  advance(1h);
  EXPECT_FALSE(is_ready(fd));
}

TEST_F(TimerInVirtualTime, ABlockingReadLastsUntilTheExpiry) {
  const int fd = keep(kernel_.timerfd_create(CLOCK_BOOTTIME, 0));
  ASSERT_EQ(settime(fd, 0, in(1h, 1s)), 0);
  const Duration before = now();
  EXPECT_EQ(read(fd), 1);
  EXPECT_EQ(now() - before, 1h);
  EXPECT_EQ(read(fd), 1);
  EXPECT_EQ(now() - before, 1h + 1s);
}

TEST_F(TimerInVirtualTime, AClosedTimerIsOver) {
  const int fd = *kernel_.timerfd_create(CLOCK_REALTIME, 0);
  ASSERT_EQ(settime(fd, TFD_TIMER_ABSTIME, in(now(CLOCK_REALTIME) + 1s)), 0);
  ASSERT_TRUE(kernel_.close(fd));
  step(1h);
  advance(1h);
}

TEST_F(TimerInVirtualTime, OnlyAnAbsoluteRealtimeTimerMovesWithTheClock) {
  const int absolute = timer(CLOCK_REALTIME), relative = timer(CLOCK_REALTIME);
  const int monotonic = timer(), alarm = timer(CLOCK_REALTIME_ALARM);
  ASSERT_EQ(settime(absolute, TFD_TIMER_ABSTIME, in(now(CLOCK_REALTIME) + 1h)), 0);
  ASSERT_EQ(settime(relative, 0, in(1h)), 0);
  ASSERT_EQ(settime(monotonic, TFD_TIMER_ABSTIME, in(now() + 1h)), 0);
  ASSERT_EQ(settime(alarm, 0, in(1h)), 0);  // Linux makes an absolute one of it.
  step(20min);
  EXPECT_EQ(left(absolute), 40min);
  EXPECT_EQ(left(relative), 1h);
  EXPECT_EQ(left(monotonic), 1h);
  EXPECT_EQ(left(alarm), 40min);
  step(-30min);
  EXPECT_EQ(left(absolute), 70min);
  advance(1h);
  EXPECT_FALSE(is_ready(absolute));
  EXPECT_TRUE(is_ready(relative));
  advance(10min);
  EXPECT_EQ(read(absolute), 1);
}

TEST_F(TimerInVirtualTime, AClockThatIsSetBeyondTheExpiryExpires) {
  const int fd = timer(CLOCK_REALTIME);
  watch(fd);
  ASSERT_EQ(settime(fd, TFD_TIMER_ABSTIME, in(now(CLOCK_REALTIME) + 1h, 1h)), 0);
  step(150min);
  EXPECT_EQ(edges(), std::vector<int>{fd});
  EXPECT_EQ(read(fd), 2);
  EXPECT_EQ(left(fd), 30min);
}

TEST_F(TimerInVirtualTime, AClockThatIsSetBackBehindTheExpiryLeavesNothingToRead) {
  for (const int flags : {0, int{TFD_NONBLOCK}}) {
    const int fd = keep(kernel_.timerfd_create(CLOCK_REALTIME, flags));
    ASSERT_EQ(settime(fd, TFD_TIMER_ABSTIME, in(now(CLOCK_REALTIME) + 1s, 1h)), 0);
    advance(1s);
    step(-1s);
    EXPECT_TRUE(is_ready(fd));
    EXPECT_EQ(read(fd), flags == 0 ? 0 : -EAGAIN);
    EXPECT_FALSE(is_ready(fd));
    advance(1s);
    EXPECT_EQ(read(fd), 1);
  }
}

TEST_F(TimerInVirtualTime, WhoWantsToKnowIsToldOnceThatTheClockWasSet) {
  constexpr int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
  const int fd = timer(CLOCK_REALTIME);
  watch(fd);
  ASSERT_EQ(settime(fd, flags, in(now(CLOCK_REALTIME) + 1h)), 0);
  step(1ns);
  EXPECT_EQ(edges(), std::vector<int>{fd});
  EXPECT_EQ(read(fd), -ECANCELED);
  EXPECT_EQ(read(fd), -EAGAIN);
  EXPECT_EQ(left(fd), 1h - 1ns) << "it stays armed";
  step(-1ns);
  EXPECT_EQ(settime(fd, flags, in(now(CLOCK_REALTIME) + 2h)), ECANCELED);
  EXPECT_EQ(left(fd), 2h) << "it is armed nevertheless";
  EXPECT_EQ(settime(fd, flags, in(now(CLOCK_REALTIME) + 3h)), 0);
  step(1s);
  EXPECT_TRUE(is_ready(fd));
  EXPECT_EQ(settime(fd, flags, disarmed), 0) << "who disarms it is not told";
}

TEST_F(TimerInVirtualTime, ADisarmedTimerTellsOfTheClockAsWell) {
  const int fd = timer(CLOCK_REALTIME);
  ASSERT_EQ(settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, disarmed), 0);
  step(-1s);
  EXPECT_EQ(read(fd), -ECANCELED);
}

TEST_F(TimerInVirtualTime, ACancelIsOnlyForAbsoluteTimersOfTheTimeOfDay) {
  const int monotonic = timer(), relative = timer(CLOCK_REALTIME), plain = timer(CLOCK_REALTIME);
  ASSERT_EQ(settime(monotonic, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, in(now() + 1h)), 0);
  ASSERT_EQ(settime(relative, TFD_TIMER_CANCEL_ON_SET, in(1h)), 0);
  ASSERT_EQ(settime(plain, TFD_TIMER_ABSTIME, in(now(CLOCK_REALTIME) + 1h)), 0);
  step(1min);
  for (const int fd : {monotonic, relative, plain}) EXPECT_EQ(read(fd), -EAGAIN);
}

TEST(TimerInThreads, ABlockedReadIsWokenByTheExpiry) {
  System<Threads> system;
  Process<Threads>& process = system.init();
  const int fd = *process.timerfd_create(CLOCK_MONOTONIC, 0);
  std::int64_t ticks = 0;
  std::jthread reader([&] { ticks = read_ticks(process, fd); });
  ASSERT_TRUE(process.timerfd_settime(fd, 0, in(1ms)));
  reader.join();
  EXPECT_EQ(ticks, 1);
}

}  // namespace
}  // namespace tocsin::vkern
