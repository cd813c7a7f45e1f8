// SPDX-License-Identifier: MIT
//
// Two cores for the two threads of a program that measures what passes between threads.
//
// The runner gives such a program two cores (taskset, sched_setaffinity(2)); which of them is whose
// is decided here. Thread rule: any thread, for itself.
#pragma once

#include <sched.h>

#include <cstddef>

namespace bench {

/// Keeps the calling thread on the first or the last of the cores this program was given, so that
/// the two threads are never by chance on the same one. With a single core there is no choice.
class Cores {
 public:
  Cores() { sched_getaffinity(0, sizeof all_, &all_); }

  void take_first() const { take(+1); }
  void take_last() const { take(-1); }

 private:
  void take(int step) const {
    std::size_t cpu = step > 0 ? 0 : CPU_SETSIZE - 1;
    while (!CPU_ISSET(cpu, &all_)) cpu += static_cast<std::size_t>(step);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
  }

  cpu_set_t all_{};
};

}  // namespace bench
