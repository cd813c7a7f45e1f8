// SPDX-License-Identifier: MIT
//
// Timeouts as the kernel's waiting calls take them: ppoll(2) and the like in nanoseconds,
// epoll_wait(2) in milliseconds. Internal to poll.
//
// What can go wrong when one unit becomes another (rounding down, running over) is decided here,
// once, and asserted where it is decided.
//
// Thread rule: values; any thread.
#pragma once

#include <time.h>

#include <algorithm>
#include <climits>
#include <optional>

#include "tocsin/base/check.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/kern/kernel.hpp"

namespace tocsin::internal {

/// A length of time for the calls that count nanoseconds. Less than nothing is nothing: the kernel
/// would refuse a negative one with EINVAL.
constexpr timespec to_timespec(Duration length) {
  const auto whole = std::max(length, Duration::zero()).count();
  return {.tv_sec = whole / 1'000'000'000, .tv_nsec = whole % 1'000'000'000};
}
static_assert(to_timespec(Duration{-1}).tv_sec == 0 && to_timespec(Duration{-1}).tv_nsec == 0);
static_assert(to_timespec(Duration::max()).tv_nsec < 1'000'000'000);

/// The same for epoll_wait(2), which takes whole milliseconds in an int, -1 for no limit. Rounded
/// down, the last 999 us before a timer would be a busy loop; cast without a bound, 25 days would
/// come out negative, which is "for ever".
constexpr int to_milliseconds(std::optional<Duration> timeout) {
  if (!timeout) return -1;
  if (*timeout <= Duration::zero()) return 0;
  const auto whole = (timeout->count() - 1) / 1'000'000 + 1;
  return static_cast<int>(std::min<Duration::rep>(whole, INT_MAX));
}
static_assert(to_milliseconds(std::nullopt) == -1);
static_assert(to_milliseconds(Duration{0}) == 0);
static_assert(to_milliseconds(Duration{1}) == 1);
static_assert(to_milliseconds(std::chrono::milliseconds{2}) == 2);
static_assert(to_milliseconds(std::chrono::milliseconds{2} + Duration{1}) == 3);
static_assert(to_milliseconds(std::chrono::days{26}) == INT_MAX);
static_assert(to_milliseconds(Duration::max()) == INT_MAX);

/// What is left of a timeout, for a wait that has to wait more than once: the instant is fixed when
/// the wait begins. Reads the clock only if the timeout is neither zero nor without limit.
class Deadline {
 public:
  /// `kernel` must outlive the Deadline. CLOCK_MONOTONIC is always there (clock_gettime(2)).
  Deadline(Kernel& kernel, std::optional<Duration> timeout) : kernel_(kernel), left_(timeout) {
    if (is_finite()) end_ = saturating_add(now(), *timeout);
  }

  /// For the next call to wait: null for no limit. Valid until the next call here.
  const timespec* left() {
    if (!left_) return nullptr;
    spec_ = to_timespec(*left_);
    return &spec_;
  }

  /// Whether there is time left, now that a call has come back with nothing.
  bool go_on() {
    if (is_finite()) left_ = end_ - now();
    return !left_ || *left_ > Duration::zero();
  }

 private:
  bool is_finite() const { return left_ && *left_ > Duration::zero(); }

  TimePoint now() {
    const auto time = kernel_.clock_gettime(CLOCK_MONOTONIC);
    CHECK(time.has_value(), "CLOCK_MONOTONIC can always be read");
    return TimePoint{std::chrono::seconds{time->tv_sec} + Duration{time->tv_nsec}};
  }

  Kernel& kernel_;
  std::optional<Duration> left_;
  TimePoint end_{};
  timespec spec_{};
};

}  // namespace tocsin::internal
