// SPDX-License-Identifier: MIT
//
// Patience: whether a thread that is about to sleep looks on for a while first, judged by how its
// last waits ended.
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

namespace tocsin::vkern::internal {

class Patience {
 public:
  /// Longer than a wake-up takes, on both sides; what a thread waits for longer, it sleeps for.
  static constexpr Duration long_look = std::chrono::microseconds{100};

  /// Whether the next wait is worth a long look.
  bool looks_on() const { return looks_on_; }

  /// The long look saw the wake-up.
  void rewarded() { try_after_ = fewest; }

  /// The wait ended, or not, in a sleep of `length`.
  void slept(Duration length) {
    if (looks_on_) {
      looks_on_ = false;
      short_sleeps_left_ = try_after_;
      try_after_ = std::min(2 * try_after_, most);
    } else if (length < long_look && --short_sleeps_left_ <= 0) {
      looks_on_ = true;
    }
  }

 private:
  static constexpr int fewest = 4;
  static constexpr int most = 1024;

  bool looks_on_ = false;
  int short_sleeps_left_ = 1;
  int try_after_ = fewest;
};

}  // namespace tocsin::vkern::internal
