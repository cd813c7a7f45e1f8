// SPDX-License-Identifier: MIT
#include "tocsin/vkern/world.hpp"

#include <algorithm>
#include <chrono>

#include "tocsin/base/check.hpp"
#include "tocsin/base/cpu_relax.hpp"
#include "tocsin/base/patience.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin::vkern {

// ---- alarms -------------------------------------------------------------------------------------

namespace internal {

std::uint64_t AlarmQueue::set(Alarmed& whom, TimePoint when) {
  whom.add_alarm_ref();
  const std::uint64_t number = ++last_number_;
  by_time_.emplace(Key{when, number}, &whom);
  by_number_.emplace(number, when);
  return number;
}

Alarmed* AlarmQueue::clear(std::uint64_t number) {
  const auto found = by_number_.find(number);
  if (found == by_number_.end()) return nullptr;
  const auto alarm = by_time_.find(Key{found->second, number});
  Alarmed* const whom = alarm->second;
  by_time_.erase(alarm);
  by_number_.erase(found);
  return whom;
}

std::optional<TimePoint> AlarmQueue::first() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first.first;
}

std::optional<AlarmQueue::Due> AlarmQueue::take_due(TimePoint now) {
  if (by_time_.empty() || by_time_.begin()->first.first > now) return std::nullopt;
  const auto [key, whom] = *by_time_.begin();
  by_time_.erase(by_time_.begin());
  by_number_.erase(key.second);
  return Due{.whom = whom, .number = key.second};
}

}  // namespace internal

// ---- single -------------------------------------------------------------------------------------

SingleWorld::SingleWorld(TimePoint start, Duration realtime, Choices choices)
    : Scheduler(std::move(choices)),
      now_(start),
      offsets_{.realtime = realtime, .boottime = Duration::zero()} {}

SingleWorld::~SingleWorld() {
  end_threads();
  while (const auto left = alarms_.take_due(TimePoint::max())) left->whom->drop_alarm_ref();
}

void SingleWorld::clear_alarm(std::uint64_t number) {
  if (Alarmed* const whom = alarms_.clear(number)) whom->drop_alarm_ref();
}

void SingleWorld::go_on_to(TimePoint time) {
  now_ = std::max(now_, time);
  while (const auto due = alarms_.take_due(now_)) {
    due->whom->alarm(due->number);
    due->whom->drop_alarm_ref();
  }
}

void SingleWorld::advance(Duration length) {
  const TimePoint end = saturating_add(now_, length);
  const auto next_event = [this] {
    return std::min(next_alarm().value_or(TimePoint::max()),
                    first_deadline().value_or(TimePoint::max()));
  };
  run_until_idle();
  for (TimePoint next = next_event(); next <= end && next < TimePoint::max(); next = next_event()) {
    go_on_to(next);
    wake_due(now_);
    run_until_idle();
  }
  go_on_to(end);
}

// With nobody else to run this comes back without a switch: the way of a program without fibers.
bool SingleParker::park(std::optional<TimePoint> deadline) {
  if (!woken_ && (!deadline || *deadline > world_.now())) {
    sleeper_ = &world_.current();
    world_.sleep(deadline);
    sleeper_ = nullptr;
  }
  return std::exchange(woken_, false);
}

// ---- threads ------------------------------------------------------------------------------------

namespace {

Duration clock_of(clockid_t clock) {
  const auto time = LinuxKernel::shared().clock_gettime(clock);
  CHECK(time.has_value(), "this clock cannot be missing (clock_gettime(2))");
  return std::chrono::seconds{time->tv_sec} + Duration{time->tv_nsec};
}

TimePoint monotonic_now() { return TimePoint{clock_of(CLOCK_MONOTONIC)}; }

}  // namespace

ThreadsWorld::~ThreadsWorld() {
  server_.request_stop();
  if (server_.joinable()) server_.join();
  while (const auto left = alarms_.take_due(TimePoint::max())) left->whom->drop_alarm_ref();
}

TimePoint ThreadsWorld::now() const { return monotonic_now(); }

ClockOffsets ThreadsWorld::offsets() const {
  const Duration now = clock_of(CLOCK_MONOTONIC);
  const Duration step{step_.load(std::memory_order_relaxed)};
  return {.realtime = clock_of(CLOCK_REALTIME) - now + step,
          .boottime = clock_of(CLOCK_BOOTTIME) - now};
}

std::uint64_t ThreadsWorld::set_alarm(Alarmed& whom, TimePoint when) {
  const std::lock_guard lock(mutex_);
  const auto first = alarms_.first();
  const std::uint64_t number = alarms_.set(whom, when);
  if (!server_.joinable())
    server_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  if (!first || when < *first) changed_.notify_one();
  return number;
}

void ThreadsWorld::clear_alarm(std::uint64_t number) {
  Alarmed* whom = nullptr;
  {
    const std::lock_guard lock(mutex_);
    whom = alarms_.clear(number);
  }
  if (whom != nullptr) whom->drop_alarm_ref();
}

void ThreadsWorld::serve(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (const auto due = alarms_.take_due(now())) {
      lock.unlock();
      due->whom->alarm(due->number);
      due->whom->drop_alarm_ref();
      lock.lock();
      continue;
    }
    const auto first = alarms_.first();
    const auto earlier = [&] { return alarms_.first() != first; };
    if (!first) {
      changed_.wait(lock, stop, earlier);
    } else {
      // One that is far away is looked for again meanwhile: the length must not overflow.
      const Duration length = std::min<Duration>(*first - now(), std::chrono::hours{1});
      changed_.wait_for(lock, stop, length, earlier);
    }
  }
}

// A wake-up that comes within a few microseconds is worth waiting for: to sleep and to be woken
// costs more than that. The standard library's semaphore is no help in it: its try_acquire yields
// the processor four times a call, and its release is a system call whether anybody sleeps or not.
bool ThreadsParker::look_around() const {
  constexpr int looks = 150;  // Some 4 us, with the pause of today's processors.
  for (int i = 0; i < looks; ++i) {
    if (state_.load(std::memory_order_acquire) == woken) return true;
    cpu_relax();
  }
  return false;
}

bool ThreadsParker::look_on(Duration longest, std::optional<TimePoint> deadline) const {
  TimePoint end = saturating_add(monotonic_now(), longest);
  if (deadline) end = std::min(end, *deadline);
  while (monotonic_now() < end)
    if (look_around()) return true;
  return false;
}

bool ThreadsParker::sleep(std::optional<TimePoint> deadline) {
  std::uint32_t before = looking;
  if (!state_.compare_exchange_strong(before, parked, std::memory_order_acq_rel)) return true;
  bool in_time = true;
  while (in_time && state_.load(std::memory_order_acquire) == parked)
    in_time = futex_wait(state_, parked, deadline);
  before = parked;
  return !state_.compare_exchange_strong(before, looking, std::memory_order_acq_rel);
}

bool ThreadsParker::wait(std::optional<TimePoint> deadline) {
  thread_local Patience patience;
  if (look_around()) return true;
  if (patience.looks_on()) {
    if (look_on(patience.long_look(), deadline)) {
      patience.rewarded();
      return true;
    }
    patience.in_vain();
    return sleep(deadline);
  }
  const TimePoint begin = monotonic_now();
  const bool woken_in_time = sleep(deadline);
  patience.slept(monotonic_now() - begin);
  return woken_in_time;
}

bool ThreadsParker::park(std::optional<TimePoint> deadline) {
  if (!wait(deadline)) return false;
  state_.store(looking, std::memory_order_relaxed);
  return true;
}

}  // namespace tocsin::vkern
