// SPDX-License-Identifier: MIT
#include "tocsin/source/clock_timer.hpp"

#include <algorithm>
#include <utility>

namespace tocsin {
namespace {

using internal::TimerSchedule;

timespec to_timespec(Duration time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}

// A zero would stop the timer; see timerfd_settime(2).
Duration not_zero(Duration time) { return std::max(time, Duration{1}); }

bool can_be_set(Clock clock) { return clock == Clock::realtime || clock == Clock::realtime_alarm; }

// clock_gettime(2) reads an alarm clock only where there is a clock that can wake the machine.
clockid_t readable(Clock clock) {
  if (clock == Clock::realtime_alarm) return CLOCK_REALTIME;
  if (clock == Clock::boottime_alarm) return CLOCK_BOOTTIME;
  return std::to_underlying(clock);
}

}  // namespace

Result<> TimerSchedule::set(int flags) {
  const itimerspec value{.it_interval = to_timespec(period), .it_value = to_timespec(due)};
  auto done = source->kernel().timerfd_settime(source->fd(), flags, value);
  // "the timer is armed nevertheless" is what the kernel does here and the manual does not say.
  if (done || done.error() != Errno::cancelled) return done;
  untold_step = true;
  source->try_again(Direction::read);
  return {};
}

void TimerSchedule::count(std::uint64_t expirations) {
  if (period == Duration::zero()) {
    follows_clock = false;
  } else if (follows_clock) {
    due += static_cast<Duration::rep>(expirations) * period;
  }
}

Result<ClockTimer> ClockTimer::create(Loop& loop, Clock clock, std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd =
      own(kernel, kernel.timerfd_create(std::to_underlying(clock), TFD_NONBLOCK | TFD_CLOEXEC));
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), "clock timer", where);
  if (!source) return std::unexpected(source.error());
  auto schedule = std::make_unique<TimerSchedule>();
  schedule->source = std::move(*source);
  schedule->clock = clock;
  return ClockTimer(std::move(schedule));
}

Result<> ClockTimer::set_after(Duration first, Duration period) {
  if (period < Duration::zero()) return std::unexpected(Errno::invalid);
  schedule_->due = not_zero(first);
  schedule_->period = period;
  schedule_->follows_clock = false;
  return schedule_->set(0);
}

Result<> ClockTimer::set_at(Duration instant, Duration period) {
  if (period < Duration::zero()) return std::unexpected(Errno::invalid);
  schedule_->due = not_zero(instant);
  schedule_->period = period;
  schedule_->follows_clock = can_be_set(schedule_->clock);
  return schedule_->set(TFD_TIMER_ABSTIME |
                        (schedule_->follows_clock ? TFD_TIMER_CANCEL_ON_SET : 0));
}

Result<> ClockTimer::stop() {
  schedule_->due = schedule_->period = Duration::zero();
  schedule_->follows_clock = false;
  schedule_->untold_step = false;
  return schedule_->set(0);
}

Result<Duration> ClockTimer::now() const {
  const auto time = schedule_->source->kernel().clock_gettime(readable(schedule_->clock));
  if (!time) return std::unexpected(time.error());
  return std::chrono::seconds{time->tv_sec} + Duration{time->tv_nsec};
}

bool NextExpiration::attempt() {
  if (!schedule_.untold_step) {
    if (!ReadValue::attempt()) return false;
    const auto count = value();
    if (count) schedule_.count(*count);
    if (count || count.error() != Errno::cancelled) return true;
    // What had expired is gone from the kernel, and with it a period that waited to be read.
    if (schedule_.follows_clock) {
      const auto done = schedule_.set(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
      CHECK(done.has_value(), "what a timer was set to once it can be set to again");
    }
  }
  schedule_.untold_step = false;
  clock_was_set_ = true;
  return true;
}

Result<Expirations> NextExpiration::await_resume() const {
  if (clock_was_set_) return Expirations{.clock_was_set = true};
  const auto count = value();
  if (!count) return std::unexpected(count.error());
  return Expirations{.count = *count};
}

}  // namespace tocsin
