// SPDX-License-Identifier: MIT
//
// Schedule: when the messages of an open loop are due, whatever the server does.
//
//     --rate R ──> [ Schedule, one per worker ] ──> Worker sends what is due, late or not
//
// A closed loop asks the next question when it has the answer: while the server stands still it
// asks nothing, and the questions that would have had to wait are missing from its latencies
// ("coordinated omission"). Here the time of a message is fixed before: if it could not be sent
// then because its connection still waited for an answer, it is sent as soon as that has come, and
// its latency is counted from when it was due.
//
// Thread rule: immutable.
#pragma once

#include <cstdint>

namespace load {

class Schedule {
 public:
  /// `rate` messages a second, the first at `start`, in nanoseconds of CLOCK_MONOTONIC.
  Schedule(std::uint64_t start, double rate) : start_(start), interval_(1e9 / rate) {}

  /// When the message number `turn`, from 0, is due.
  constexpr std::uint64_t due(std::uint64_t turn) const {
    return start_ + static_cast<std::uint64_t>(static_cast<double>(turn) * interval_);
  }

  /// How many are due before `end`.
  std::uint64_t turns_before(std::uint64_t end) const {
    if (end <= start_) return 0;
    return static_cast<std::uint64_t>(static_cast<double>(end - start_) / interval_);
  }

 private:
  std::uint64_t start_;
  double interval_;
};

}  // namespace load
