// SPDX-License-Identifier: MIT
//
// TimerWheel: alarms in, the due ones out, in the order of their deadlines to the nanosecond.
//
//     Executor::arm ──> [ TimerWheel ] ──> the loop's run queue
//
// It is a hierarchical wheel whose finest tick is one nanosecond, so that precise and cheap are not
// at odds. A deadline is eleven digits of six bits. Level and slot of an alarm are the highest
// digit in which its deadline differs from the wheel's own time, and that digit's value. Arming is
// a few instructions and a link, disarming is an unlink; while time passes an alarm moves down, at
// most once a level, and mostly it is disarmed long before it moves at all, which is what timeouts
// are for. Slots keep their order, so equal deadlines come out in the order of arming.
//
// The road not taken: a heap. It costs O(log n) at every re-arm (63 ns among 100,000), and a
// connection's timeout is re-armed at every byte.
//
// Ownership: alarms are their owners', who may destroy them at any time. Thread rule: one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "tocsin/base/executor.hpp"
#include "tocsin/base/list.hpp"
#include "tocsin/base/time.hpp"

namespace tocsin {

class TimerWheel {
 public:
  /// `start`: no deadline before it is distinguished from it.
  explicit TimerWheel(TimePoint start) : time_(ticks_of(start)) {}

  /// See Executor::arm. Among deadlines that are past already, the order is that of arming.
  void arm(Alarm& alarm, TimePoint deadline, Duration slack);

  /// Moves every alarm that is due at `now` to the end of `due`: in the order of the deadlines, and
  /// of arming where those are equal. `now` never goes back.
  void expire(TimePoint now, List<Work>& due) {
    if (occupied_levels_ != 0) take_due(ticks_of(now), due);
    // What remains differs from `now` in the same digit as from the former time, so it stays.
    time_ = std::max(time_, ticks_of(now));
  }

  /// When to look again: nullopt if nothing is armed, else an instant not later than the first
  /// deadline. It is that deadline itself unless more than `few` alarms share its slot; then it may
  /// be the slot's beginning, and an `expire` at that time sorts the slot out.
  std::optional<TimePoint> next() { return is_surely_empty() ? std::nullopt : first_to_look_at(); }
  /// Whether nothing is armed, as far as is known without a look at the slots.
  bool is_surely_empty() const { return occupied_levels_ == 0; }

 private:
  static constexpr unsigned digit_bits = 6;
  static constexpr unsigned slots = 1U << digit_bits;
  static constexpr unsigned levels = 11;  // 66 bits: every deadline there is.
  static constexpr std::size_t few = 8;

  static constexpr std::uint64_t ticks_of(TimePoint time) {
    const auto ticks = time.time_since_epoch().count();
    return ticks < 0 ? 0 : static_cast<std::uint64_t>(ticks);
  }
  static constexpr TimePoint time_of(std::uint64_t ticks) {
    return TimePoint{Duration{static_cast<Duration::rep>(ticks)}};
  }

  struct Slot {
    unsigned level;
    unsigned index;
  };
  Slot slot_of(std::uint64_t deadline) const;
  std::uint64_t beginning_of(Slot slot) const;
  std::optional<Slot> first_slot();
  void take_due(std::uint64_t until, List<Work>& due);
  std::optional<TimePoint> first_to_look_at();
  void place(Alarm& alarm);

  std::uint64_t time_;  // No armed alarm is due before it.
  std::uint32_t occupied_levels_ = 0;
  std::array<std::uint64_t, levels> occupied_{};  // A bit a slot. May be set for an emptied one,
                                                  // never clear for one that holds an alarm.
  std::array<std::array<List<Work>, slots>, levels> alarms_;
};

}  // namespace tocsin
