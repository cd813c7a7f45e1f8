// SPDX-License-Identifier: MIT
//
// TimerFd: a timer that can be waited for (timerfd_create(2)).
//
//     World ──alarm──> [ expired, ticks ] ──> read: how often; re-arms what is periodic
//     System::step_realtime ──> clock_was_set
//
// It expires once and tells EPOLLIN. A periodic one does not expire again until read(2) or
// timerfd_gettime(2) re-arms it: only then the periods that have passed meanwhile are counted, from
// the first expiry on, so that it never drifts. So an unread periodic timer gives an edge-triggered
// epoll one edge and no more. What is set to a time that has passed expires within the call.
//
// All time in here is CLOCK_MONOTONIC's. A timer that goes by the time of day is moved when
// CLOCK_REALTIME is set; those are absolute ones, and of CLOCK_REALTIME_ALARM also relative ones,
// which Linux turns into absolute ones. A relative CLOCK_REALTIME one is a monotonic one (timer
// "not affected by clock modifications", clock_settime(2)).
//
// Ownership and thread rule: as Object. System::clock_lock is taken before the timer's own lock.
#pragma once

#include <sys/timerfd.h>
#include <time.h>

#include <cstdint>
#include <optional>

#include "tocsin/base/time.hpp"
#include "tocsin/vkern/description.hpp"
#include "tocsin/vkern/system.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

template <class P>
class TimerFd final : public Object<P>, private Alarmed, private ClockFollower {
 public:
  TimerFd(System<P>& system, clockid_t clock);
  ~TimerFd() override = default;

  /// timerfd_settime(2). ECANCELED if the clock was set since a timer that wants to know of that
  /// (TFD_TIMER_CANCEL_ON_SET) was last told: the timer is armed nevertheless.
  /// Requires: valid times and flags.
  Result<> settime(int flags, const itimerspec& value);

  /// timerfd_gettime(2): what is left, and the interval. Re-arms a periodic timer that has expired.
  itimerspec gettime();

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  /// EAGAIN, ECANCELED; a blocking one answers 0 bytes if the clock was set back behind the expiry
  /// of a periodic absolute timer (timerfd_create(2), "Operating on a timer file descriptor").
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  void released(Description<P>& description) override;
  bool can_write() const override { return false; }
  std::string fdinfo() const override;

 private:
  // Of the world, and of the system: no lock is held but, of the latter, the clocks'.
  void alarm(std::uint64_t number) override;
  void add_alarm_ref() override { this->add_ref(); }
  void drop_alarm_ref() override {
    if (this->drop_ref()) delete this;
  }
  void clock_was_set(Duration by, Duration total) override;

  // Under the lock.
  void follow_clock(int flags);
  void start();
  void stop();
  void expire();
  std::uint64_t forward();
  void rearm();
  bool take_cancel();
  Duration clock_offset() const;
  Duration remaining() const;
  itimerspec current() const;

  System<P>& system_;
  const clockid_t clock_;
  WaitQueue queue_;
  TimePoint expires_ = TimePoint::min();
  Duration interval_{};
  std::uint64_t alarm_ = 0;  // The world's number for it; 0: not armed.
  std::uint64_t ticks_ = 0;
  bool expired_ = false;  // Since it was last armed.
  int settime_flags_ = 0;

  // How far CLOCK_REALTIME has been set, by all steps together: now, and when this timer last took
  // note of it; none if it was set since then and a cancel is due.
  bool cancel_on_set_ = false;
  Duration steps_;
  std::optional<Duration> noted_steps_;
};

}  // namespace tocsin::vkern
