// SPDX-License-Identifier: MIT
//
// ClockTimer: a timer on one of Linux's clocks, as events (timerfd_create(2)).
//
//     the clock ──> timerfd ──> [ ClockTimer ] ──> co_await timer.next() ──> Expirations
//
// For deadlines within the program there are sleep_for, timeout and Ticker, which need no
// descriptor. This is for what they cannot do: to go by the time of day, to count the time that the
// machine was suspended, and to wake it up.
//
// An absolute timer of the time of day also hears when that clock is set (TFD_TIMER_CANCEL_ON_SET):
// an event of its own, never ECANCELED, which means here what it means everywhere: that whoever
// waits was cancelled. The kernel drops what had expired by then, and a periodic timer with it; so
// the timer is set again, to the first expiration that nobody has been told of. None is lost, and
// those in the past come at once. To hear of steps only, set it to `Duration::max()`.
//
// Ownership: it owns its descriptor; the loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <sys/timerfd.h>
#include <time.h>

#include <cstdint>
#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/base/time.hpp"
#include "tocsin/source/read_value.hpp"

namespace tocsin {

/// What a ClockTimer can go by; timerfd_create(2).
enum class Clock : clockid_t {
  monotonic = CLOCK_MONOTONIC,            // Since boot; stands still while suspended.
  boottime = CLOCK_BOOTTIME,              // Since boot, suspended or not.
  realtime = CLOCK_REALTIME,              // The time of day, in UTC; can be set.
  boottime_alarm = CLOCK_BOOTTIME_ALARM,  // These two wake a suspended machine.
  realtime_alarm = CLOCK_REALTIME_ALARM,
};

/// See ClockTimer::next. Either of the two, never both.
struct Expirations {
  std::uint64_t count = 0;     // How many since the last that was told: more than 1 if late.
  bool clock_was_set = false;  // The time of day was changed by a step (clock_settime(2)).
};

namespace internal {

// What a timer is set to, kept for the case that its clock is set.
struct TimerSchedule {
  std::unique_ptr<FdSource> source;
  Clock clock;
  Duration due{};              // The first expiration that nobody was told of; absolute.
  Duration period{};           // Zero: there is one only.
  bool follows_clock = false;  // Whether `due` has to be set again after a step.
  bool untold_step = false;    // timerfd_settime(2) has told of it, `next` not yet.

  Result<> set(int flags);
  void count(std::uint64_t expirations);
};

}  // namespace internal

/// See ClockTimer::next.
class [[nodiscard]] NextExpiration final : public ReadValue<std::uint64_t> {
 public:
  explicit NextExpiration(internal::TimerSchedule& schedule)
      : ReadValue(*schedule.source), schedule_(schedule) {}
  NextExpiration(NextExpiration&&) = default;

  Result<Expirations> await_resume() const;

 private:
  bool attempt() override;

  internal::TimerSchedule& schedule_;
  bool clock_was_set_ = false;
};

class ClockTimer {
 public:
  /// A timer that is not set. Fails with EPERM for an alarm clock without CAP_WAKE_ALARM (be root,
  /// or go by the clock of the same name that does not wake the machine), else as
  /// timerfd_create(2): EMFILE, ENFILE, ENOMEM; EINVAL for a clock that this kernel lacks.
  static Result<ClockTimer> create(Loop& loop, Clock clock,
                                   std::source_location where = std::source_location::current());

  /// Expires once `first` has passed, and every `period` after that unless it is zero; the grid is
  /// ideal. Not before; at once if `first` is not more than zero. What had expired and was not told
  /// is forgotten. Fails with EINVAL for a negative period, and leaves all as it was.
  Result<> set_after(Duration first, Duration period = Duration::zero());

  /// As set_after, first when the clock shows `instant`: nanoseconds since the Epoch for the time
  /// of day, since boot for the others. At once if it has passed. A clock that is set back later
  /// does not repeat what was told.
  Result<> set_at(Duration instant, Duration period = Duration::zero());

  /// Does not expire until it is set again; what had expired and was not told is forgotten, and
  /// steps of the clock are no longer told.
  Result<> stop();

  /// What the clock shows; for `set_at`.
  Result<Duration> now() const;

  /// Waits until it expires or, of a timer of the time of day that is set by `set_at`, the clock
  /// was set. Fails with ECANCELED only; nothing is lost then. One at a time.
  NextExpiration next() { return NextExpiration(*schedule_); }

 private:
  explicit ClockTimer(std::unique_ptr<internal::TimerSchedule> schedule)
      : schedule_(std::move(schedule)) {}

  std::unique_ptr<internal::TimerSchedule> schedule_;  // Operations point to it.
};

}  // namespace tocsin
