// SPDX-License-Identifier: MIT
//
// Time as the library counts it: nanoseconds of CLOCK_MONOTONIC.
//
// There is no clock here: a TimePoint comes from the kernel interface or from the executor that
// runs you, so that it can be virtual. The type has no now() for that reason.
//
// Thread rule: values; any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace tocsin {

using Duration = std::chrono::nanoseconds;

/// CLOCK_MONOTONIC of clock_gettime(2), as a std::chrono clock that nobody can read by accident.
struct Monotonic {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<Monotonic>;
  static constexpr bool is_steady = true;
};

/// An instant of CLOCK_MONOTONIC. Nanoseconds since an unspecified start (since boot, on Linux).
using TimePoint = Monotonic::time_point;

/// `start + length` that stops at the last TimePoint there is instead of wrapping to the past:
/// "in 300 years" means never, and must not mean now.
constexpr TimePoint saturating_add(TimePoint start, Duration length) {
  if (length > Duration::zero() && start > TimePoint::max() - length) return TimePoint::max();
  return start + length;
}
static_assert(saturating_add(TimePoint{Duration{5}}, Duration::max()) == TimePoint::max());
static_assert(saturating_add(TimePoint{Duration{-5}}, Duration::max()) < TimePoint::max());
static_assert(saturating_add(TimePoint{Duration{5}}, Duration{-7}) == TimePoint{Duration{-2}});

}  // namespace tocsin
