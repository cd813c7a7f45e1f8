// SPDX-License-Identifier: MIT
//
// Patience: whether a thread that is about to sleep looks on for a while first, judged by how its
// last waits ended.
//
//     Loop, a thread of vkern: about to sleep ──> [ Patience ] ──> look on, or sleep at once
//
// Two threads that answer each other at once never sleep, until something holds one of them up:
// then the other one sleeps, the first has to wake it, and by the time it answers the first one is
// asleep, too. Being woken takes longer than a short look around, so they go on like that. A sleep
// that turns out short therefore buys the next waits a long look; the first long look in vain ends
// that, and each one that brought nothing since the last success doubles the number of short
// sleeps until the next try: where the waker needs this very processor, the price tends to nothing.
//
// Thread rule: one thread's own.
#pragma once

#include <algorithm>
#include <chrono>

#include "tocsin/base/time.hpp"

namespace tocsin {

class Patience {
 public:
  /// Longer than a wake-up takes, on both sides; what a thread waits for longer, it sleeps for.
  static constexpr Duration usual_look = std::chrono::microseconds{100};

  /// A look lasts for `long_look`, which is also what a sleep has to be shorter than to count as
  /// short. Zero: it never looks on.
  explicit constexpr Patience(Duration long_look = usual_look) : long_look_(long_look) {}

  Duration long_look() const { return long_look_; }

  /// Whether the next wait is worth a long look.
  bool looks_on() const { return looks_on_; }

  /// The long look saw the wake-up.
  void rewarded() { try_after_ = fewest; }

  /// The long look saw none: whatever else ended it.
  void in_vain() {
    looks_on_ = false;
    short_sleeps_left_ = try_after_;
    try_after_ = std::min(2 * try_after_, most);
  }

  /// There was no long look: a wake-up ended a sleep of `length`.
  void slept(Duration length) {
    if (looks_on_ || length >= long_look_) return;
    looks_on_ = --short_sleeps_left_ <= 0;
  }

 private:
  static constexpr int fewest = 4;
  static constexpr int most = 4096;

  Duration long_look_;
  bool looks_on_ = false;
  int short_sleeps_left_ = 1;
  int try_after_ = fewest;
};

}  // namespace tocsin
