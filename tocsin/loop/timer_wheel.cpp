// SPDX-License-Identifier: MIT
#include "tocsin/loop/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace tocsin {
namespace {

constexpr auto last = static_cast<std::uint64_t>(TimePoint::max().time_since_epoch().count());

// The roundest instant in [deadline, deadline + slack]: the one with the most zero bits at its end.
// Alarms with overlapping room meet there without knowing of each other.
constexpr std::uint64_t roundest(std::uint64_t deadline, std::uint64_t slack) {
  const std::uint64_t latest = std::min(deadline + slack, last);
  if (deadline == 0 || latest == deadline) return deadline;
  const int highest_difference = 63 - std::countl_zero((deadline - 1) ^ latest);
  return latest & (~std::uint64_t{0} << highest_difference);
}
static_assert(roundest(1000, 0) == 1000);
static_assert(roundest(1000, 24) == 1024);
static_assert(roundest(1001, 50) == 1024);
static_assert(roundest(1025, 10) == 1032);
static_assert(roundest(last, 10) == last);
static_assert(roundest(last - 4, last) == last - 3);

}  // namespace

TimerWheel::Slot TimerWheel::slot_of(std::uint64_t deadline) const {
  const std::uint64_t difference = deadline ^ time_;
  const unsigned level =
      difference == 0 ? 0 : static_cast<unsigned>(63 - std::countl_zero(difference)) / digit_bits;
  return {level, static_cast<unsigned>(deadline >> (level * digit_bits)) % slots};
}

std::uint64_t TimerWheel::beginning_of(Slot slot) const {
  const unsigned shift = slot.level * digit_bits;
  const unsigned above = shift + digit_bits;
  const std::uint64_t higher = above < 64 ? time_ >> above << above : 0;
  return higher | (std::uint64_t{slot.index} << shift);
}

void TimerWheel::place(Alarm& alarm) {
  const Slot slot = slot_of(std::max(ticks_of(alarm.deadline_), time_));
  alarms_[slot.level][slot.index].push_back(alarm);
  occupied_[slot.level] |= std::uint64_t{1} << slot.index;
  occupied_levels_ |= 1U << slot.level;
}

void TimerWheel::arm(Alarm& alarm, TimePoint deadline, Duration slack) {
  alarm.unlink();
  if (slack > Duration::zero())
    deadline = time_of(roundest(ticks_of(deadline), static_cast<std::uint64_t>(slack.count())));
  alarm.deadline_ = deadline;
  place(alarm);
}

// The slot that holds the first deadline: a lower level is always earlier than a higher one, since
// it agrees with the wheel's time in more digits. Bits of emptied slots are cleared on the way.
std::optional<TimerWheel::Slot> TimerWheel::first_slot() {
  while (occupied_levels_ != 0) {
    const auto level = static_cast<unsigned>(std::countr_zero(occupied_levels_));
    while (occupied_[level] != 0) {
      const auto index = static_cast<unsigned>(std::countr_zero(occupied_[level]));
      if (!alarms_[level][index].empty()) return Slot{level, index};
      occupied_[level] &= occupied_[level] - 1;
    }
    occupied_levels_ &= occupied_levels_ - 1;
  }
  return std::nullopt;
}

void TimerWheel::take_due(std::uint64_t until, List<Work>& due) {
  while (const auto slot = first_slot()) {
    const std::uint64_t beginning = beginning_of(*slot);
    if (beginning > until) break;
    time_ = std::max(time_, beginning);
    List<Work> opened;
    opened.splice_back(alarms_[slot->level][slot->index]);
    occupied_[slot->level] &= ~(std::uint64_t{1} << slot->index);
    if (slot->level == 0) {  // One nanosecond: all of them are due.
      due.splice_back(opened);
    } else {
      while (Work* work = opened.pop_front()) place(static_cast<Alarm&>(*work));
    }
  }
}

std::optional<TimePoint> TimerWheel::first_to_look_at() {
  const auto slot = first_slot();
  if (!slot) return std::nullopt;
  TimePoint first = TimePoint::max();
  const bool seen_all = alarms_[slot->level][slot->index].visit_first(few, [&](const Work& work) {
    first = std::min(first, static_cast<const Alarm&>(work).deadline());
  });
  return seen_all ? first : time_of(beginning_of(*slot));
}

}  // namespace tocsin
