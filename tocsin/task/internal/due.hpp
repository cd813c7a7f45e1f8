// SPDX-License-Identifier: MIT
//
// Due: when an alarm is to be armed for, as the user said it.
//
// A length is counted from the turn in which it is awaited, which is not known when it is said.
//
// Thread rule: a value; any thread.
#pragma once

#include "tocsin/base/time.hpp"

namespace tocsin::internal {

class Due {
 public:
  static constexpr Due at(TimePoint when) { return {when.time_since_epoch(), false}; }
  static constexpr Due after(Duration length) { return {length, true}; }

  /// The instant that is meant, said in a turn whose time is `now`. No length is too long for it.
  constexpr TimePoint from(TimePoint now) const {
    return relative_ ? saturating_add(now, count_) : TimePoint{count_};
  }

 private:
  constexpr Due(Duration count, bool relative) : count_(count), relative_(relative) {}

  Duration count_;  // From now if `relative_`, else since the start of the clock.
  bool relative_;
};
static_assert(Due::at(TimePoint{Duration{7}}).from(TimePoint{Duration{5}}) ==
              TimePoint{Duration{7}});
static_assert(Due::after(Duration{7}).from(TimePoint{Duration{5}}) == TimePoint{Duration{12}});
static_assert(Due::after(Duration::max()).from(TimePoint{Duration{5}}) == TimePoint::max());

}  // namespace tocsin::internal
