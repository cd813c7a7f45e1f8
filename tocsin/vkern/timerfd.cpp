// SPDX-License-Identifier: MIT
#include "tocsin/vkern/timerfd.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};

bool is_valid(const timespec& time) {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < 1'000'000'000;
}

// What does not fit into 292 years is never, as in the kernel's ktime_t.
Duration to_duration(const timespec& time) {
  constexpr std::int64_t most_seconds = Duration::max().count() / 1'000'000'000;
  if (time.tv_sec >= most_seconds) return Duration::max();
  return std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec};
}

timespec to_timespec(Duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}

bool is_realtime(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM;
}

bool is_alarm(clockid_t clock) {
  return clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

}  // namespace

template <class P>
TimerFd<P>::TimerFd(System<P>& system, clockid_t clock) : system_(system), clock_(clock) {
  const std::lock_guard clocks(system_.clock_lock());
  steps_ = system_.realtime_steps();
  noted_steps_ = steps_;
}

// ---- the timer itself ---------------------------------------------------------------------------

// How far the timer's clock is ahead of CLOCK_MONOTONIC.
template <class P>
Duration TimerFd<P>::clock_offset() const {
  switch (clock_) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_ALARM:
      return system_.world().offsets().realtime;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
      return system_.world().offsets().boottime;
    default:
      return Duration::zero();
  }
}

template <class P>
void TimerFd<P>::start() {
  if (expires_ <= system_.world().now())
    expire();
  else
    alarm_ = system_.world().set_alarm(*this, expires_);
}

template <class P>
void TimerFd<P>::stop() {
  if (alarm_ == 0) return;
  system_.world().clear_alarm(alarm_);
  alarm_ = 0;
}

template <class P>
void TimerFd<P>::expire() {
  alarm_ = 0;
  expired_ = true;
  ++ticks_;
  queue_.wake(EPOLLIN);
}

template <class P>
void TimerFd<P>::alarm(std::uint64_t number) {
  const std::lock_guard lock(this->lock());
  if (number == alarm_) expire();  // Else it has been set anew meanwhile.
}

// Moves the expiry on by whole intervals until it lies ahead. Answers by how many: by none, if it
// lies ahead already because its clock was set back.
template <class P>
std::uint64_t TimerFd<P>::forward() {
  const TimePoint now = system_.world().now();
  if (now < expires_) return 0;
  const auto periods = (now - expires_) / interval_ + 1;
  expires_ = saturating_add(expires_ + interval_ * (periods - 1), interval_);
  return static_cast<std::uint64_t>(periods);
}

// A periodic timer that has expired goes on: the first of the periods was counted when it did.
template <class P>
void TimerFd<P>::rearm() {
  if (!expired_ || interval_ == Duration::zero()) return;
  expired_ = false;
  ticks_ += forward() - 1;
  start();
}

template <class P>
Duration TimerFd<P>::remaining() const {
  const TimePoint now = system_.world().now();
  return expires_ <= now ? Duration::zero() : expires_ - now;
}

template <class P>
itimerspec TimerFd<P>::current() const {
  return {.it_interval = to_timespec(interval_), .it_value = to_timespec(remaining())};
}

// ---- when CLOCK_REALTIME is set -----------------------------------------------------------------

template <class P>
void TimerFd<P>::follow_clock(int flags) {
  ClockFollower::unlink();
  const bool absolute = (flags & TFD_TIMER_ABSTIME) != 0;
  cancel_on_set_ = is_realtime(clock_) && absolute && (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
  if (clock_ == CLOCK_REALTIME_ALARM || (clock_ == CLOCK_REALTIME && absolute)) {
    steps_ = system_.realtime_steps();
    system_.clock_followers().push_back(*this);
  }
}

template <class P>
void TimerFd<P>::clock_was_set(Duration by, Duration total) {
  const std::lock_guard lock(this->lock());
  steps_ = total;
  if (expires_ != TimePoint::min()) expires_ = saturating_add(expires_, -by);
  if (alarm_ != 0) {
    stop();
    start();
  }
  if (!cancel_on_set_ || noted_steps_ == total) return;
  noted_steps_.reset();
  ++ticks_;
  queue_.wake(EPOLLIN);
}

// Whether it has to be told that its clock was set; it is told once.
template <class P>
bool TimerFd<P>::take_cancel() {
  if (!cancel_on_set_ || noted_steps_) return false;
  noted_steps_ = steps_;
  return true;
}

// ---- the calls ----------------------------------------------------------------------------------

template <class P>
Result<> TimerFd<P>::settime(int flags, const itimerspec& value) {
  const std::lock_guard clocks(system_.clock_lock());
  const std::lock_guard lock(this->lock());
  follow_clock(flags);
  stop();
  interval_ = to_duration(value.it_interval);
  expired_ = false;
  ticks_ = 0;
  const Duration first = to_duration(value.it_value);
  if (first > Duration::zero()) {
    expires_ = (flags & TFD_TIMER_ABSTIME) != 0 ? saturating_add(TimePoint{first}, -clock_offset())
                                                : saturating_add(system_.world().now(), first);
    start();
    if (take_cancel()) return std::unexpected(Errno::cancelled);
  } else if (!is_alarm(clock_)) {
    expires_ = TimePoint::min();  // A disarmed ALARM timer goes on showing what would be left.
  }
  settime_flags_ = flags;
  return {};
}

template <class P>
itimerspec TimerFd<P>::gettime() {
  const std::lock_guard lock(this->lock());
  rearm();
  return current();
}

template <class P>
Mask TimerFd<P>::poll(Description<P>&, PollTable* table, Mask) {
  const std::lock_guard lock(this->lock());
  if (table != nullptr) table->enter(queue_);
  return ticks_ > 0 ? Mask{EPOLLIN} : Mask{0};
}

template <class P>
Count TimerFd<P>::read(Process<P>& process, Description<P>& description, MutableBytes into) {
  if (into.size() < sizeof ticks_) return invalid;
  if (into.data() == nullptr) return std::unexpected(Errno{EFAULT});
  const bool blocks = !description.is_nonblocking();
  std::unique_lock lock(this->lock());
  if (blocks)
    sleep_until<P>(process.world(), queue_, lock, Queued::shared_last, std::nullopt,
                   [this] { return ticks_ > 0; });
  if (take_cancel()) {
    ticks_ = 0;
    expired_ = false;
    return std::unexpected(Errno::cancelled);
  }
  if (ticks_ > 0) rearm();
  const std::uint64_t taken = std::exchange(ticks_, 0);
  if (taken == 0 && !blocks) return std::unexpected(Errno::again);
  if (taken == 0) return Count{0};
  lock.unlock();
  std::memcpy(into.data(), &taken, sizeof taken);
  return sizeof taken;
}

template <class P>
void TimerFd<P>::released(Description<P>&) {
  const std::lock_guard clocks(system_.clock_lock());
  const std::lock_guard lock(this->lock());
  ClockFollower::unlink();
  stop();
}

template <class P>
std::string TimerFd<P>::fdinfo() const {
  const std::lock_guard lock(this->lock());
  const itimerspec now = current();
  char lines[256];
  std::snprintf(lines, sizeof lines,
                "clockid: %d\nticks: %" PRIu64
                "\nsettime flags: 0%o\n"
                "it_value: (%lld, %lld)\nit_interval: (%lld, %lld)\n",
                clock_, ticks_, static_cast<unsigned>(settime_flags_),
                static_cast<long long>(now.it_value.tv_sec),
                static_cast<long long>(now.it_value.tv_nsec),
                static_cast<long long>(now.it_interval.tv_sec),
                static_cast<long long>(now.it_interval.tv_nsec));
  return lines;
}

template class TimerFd<Single>;
template class TimerFd<Threads>;

// ---- timerfd_create(2) --------------------------------------------------------------------------

template <class P>
Result<int> Process<P>::timerfd_create(clockid_t clock, int flags) {
  if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) != 0) return invalid;
  if (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME && !is_realtime(clock) &&
      !is_alarm(clock))
    return invalid;
  return install(open_new<P>(make_ref<TimerFd<P>>(system_, clock), O_RDWR | (flags & TFD_NONBLOCK)),
                 (flags & TFD_CLOEXEC) != 0);
}

template <class P>
Result<> Process<P>::timerfd_settime(int fd, int flags, const itimerspec& value) {
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0 || !is_valid(value.it_value) ||
      !is_valid(value.it_interval))
    return invalid;
  const auto open = get(fd);
  if (!open) return std::unexpected(open.error());
  auto* const timer = dynamic_cast<TimerFd<P>*>(&(*open)->object());
  if (timer == nullptr) return invalid;
  return timer->settime(flags, value);
}

template <class P>
Result<itimerspec> Process<P>::timerfd_gettime(int fd) {
  const auto open = get(fd);
  if (!open) return std::unexpected(open.error());
  auto* const timer = dynamic_cast<TimerFd<P>*>(&(*open)->object());
  if (timer == nullptr) return invalid;
  return timer->gettime();
}

template Result<int> Process<Single>::timerfd_create(clockid_t, int);
template Result<> Process<Single>::timerfd_settime(int, int, const itimerspec&);
template Result<itimerspec> Process<Single>::timerfd_gettime(int);
template Result<int> Process<Threads>::timerfd_create(clockid_t, int);
template Result<> Process<Threads>::timerfd_settime(int, int, const itimerspec&);
template Result<itimerspec> Process<Threads>::timerfd_gettime(int);

}  // namespace tocsin::vkern
