// SPDX-License-Identifier: MIT
//
// LoopCounters, Histogram: what a loop has done so far, to be read at any time.
//
// The library prints and logs nothing; whoever wants to see this reads it.
//
// Thread rule: the loop's thread.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "tocsin/base/time.hpp"

namespace tocsin {

/// Each grows for as long as the loop lives.
struct LoopCounters {
  std::uint64_t turns = 0;
  std::uint64_t events = 0;        // Harvested from the poller.
  std::uint64_t stale_events = 0;  // Of those: outlived their registration, and were dropped.
  std::uint64_t left_over = 0;     // Times that a source used its budget up and came again.
  std::uint64_t works = 0;         // Works run, alarms among them.

  // Of the times that the loop looked on before it slept (LoopOptions::look_on), those in which
  // another thread's post or wake-up came, and those in which none did.
  std::uint64_t looks_rewarded = 0;
  std::uint64_t looks_in_vain = 0;
};

/// How long something took, in buckets that double: [2^n, 2^(n+1)) nanoseconds.
class Histogram {
 public:
  static constexpr std::size_t buckets = 64;

  void record(Duration length) {
    const auto ticks = static_cast<std::uint64_t>(length.count() > 0 ? length.count() : 0);
    ++counts_[static_cast<std::size_t>(std::bit_width(ticks | 1) - 1)];
  }

  /// How many lay in [2^bucket, 2^(bucket + 1)) ns; bucket 0 holds 0 and 1 ns.
  std::uint64_t count(std::size_t bucket) const { return counts_.at(bucket); }

  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts_) sum += count;
    return sum;
  }

  /// An upper bound of the shortest `fraction` (0 to 1) of them: the last value of the bucket it
  /// lies in. Zero if nothing was recorded.
  Duration quantile(double fraction) const {
    const double wanted = fraction * static_cast<double>(total());
    double seen = 0;
    for (std::size_t bucket = 0; bucket < buckets - 1; ++bucket) {
      seen += static_cast<double>(counts_[bucket]);
      if (seen > 0 && seen >= wanted)
        return Duration{static_cast<Duration::rep>((std::uint64_t{2} << bucket) - 1)};
    }
    return Duration::zero();
  }

 private:
  std::array<std::uint64_t, buckets> counts_{};
};

}  // namespace tocsin
