// SPDX-License-Identifier: MIT
//
// What a loop does before a sleep that seems to be a short one: it looks on (LoopOptions::look_on).
//
// Thread rule: the loop's thread.
#include <algorithm>

#include "tocsin/base/cpu_relax.hpp"
#include "tocsin/loop/loop.hpp"

namespace tocsin {

// An embedded loop does not sleep: whoever embeds it does, and has to be woken by the kernel.
bool Loop::may_look_on(std::optional<Duration> longest) const {
  return !must_not_wait(longest) && !waker_->has_been_reached() && !deadline_fd_;
}

// Before a sleep that other threads' posts have made worth it (Patience): looks for the next one,
// and at the descriptors in between, so that no event waits for the end of the look. Meanwhile the
// loop does not count as asleep: whoever posts makes no system call. True if that was the harvest;
// else `longest` is what is left of it. To see a descriptor's event first is no reward: whoever
// waits for those is woken by the kernel, and a loop that has many would look on for ever.
Result<bool> Loop::look_on(std::optional<Duration>& longest) {
  if (!may_look_on(longest)) return false;
  const TimePoint begin = now_;
  const Duration most =
      std::min(until_deadline(longest).value_or(Duration::max()), patience_.long_look());
  TimePoint before;
  bool was_reached = false;
  do {
    before = now_;
    const auto events = poller_->wait({events_.get(), event_room_}, Duration::zero());
    if (!events) return std::unexpected(events.error());
    take_events(*events);
    was_reached = unserved_.empty() ? is_reached_soon() : waker_->has_been_reached();
    now_ = read_clock();
    // If the clock stands still, nobody else runs while we look (vkern, Single).
  } while (!was_reached && unserved_.empty() && now_ > before && now_ - begin < most);

  if (longest) *longest -= std::min(*longest, now_ - begin);
  if (was_reached) {
    waker_->woke();
    patience_.rewarded();
    ++counters_.looks_rewarded;
    return true;
  }
  patience_.in_vain();
  ++counters_.looks_in_vain;
  return !unserved_.empty();
}

// About as long as it takes to ask the kernel for events, and to read the clock.
bool Loop::is_reached_soon() const {
  constexpr int looks = 16;
  for (int i = 0; i < looks; ++i) {
    if (waker_->has_been_reached()) return true;
    cpu_relax();
  }
  return false;
}

}  // namespace tocsin
