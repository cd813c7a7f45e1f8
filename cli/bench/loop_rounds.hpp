// SPDX-License-Identifier: MIT
//
// measure_rounds: a sample of something of which only a part counts.
//
//     prepare, measure, clear away, again and again ──> [ measure_rounds ] ──> nanoseconds of one
//
// Where everything counts, a Block (benchmark.hpp) is simpler, and looks at the clock less often.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>

#include "cli/bench/benchmark.hpp"

namespace tocsin::bench {

/// What a round has done: `operations`, in the `time` that counts.
struct Round {
  Duration time{};
  std::uint64_t operations = 0;
};

/// Has `round()` answer a Round until a sample is over, the parts that do not count included; one
/// at least. Answers the nanoseconds of an operation. Requires: a round does something.
template <class DoRound>
Measured measure_rounds(const Pace& pace, DoRound round) {
  const TimePoint end = now() + pace.sample;
  Round all;
  do {
    const Round one = round();
    all.time += one.time;
    all.operations += one.operations;
  } while (now() < end);
  return {{static_cast<double>(all.time.count()) / static_cast<double>(all.operations)},
          all.operations};
}

}  // namespace tocsin::bench
