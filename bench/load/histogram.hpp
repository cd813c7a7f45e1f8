// SPDX-License-Identifier: MIT
//
// Histogram: latencies in nanoseconds, counted in buckets no wider than 1/64 of their value.
//
//     Worker --> [ Histogram, one per thread ] --> main adds them up --> percentiles
//
// Constant time and no allocation per value, so that measuring costs the load generator little.
// The bucket of a value is its leading 6 bits after the highest one, beside its power of two: what
// a percentile answers is therefore up to 1.6 % too high, never too low.
//
// Thread rule: one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace load {

/// Which bucket a value is in, and the largest value that is in the same one.
namespace buckets {

constexpr unsigned sub_bits = 6;
constexpr std::uint64_t sub_count = std::uint64_t{1} << sub_bits;
constexpr std::size_t count = (64 - sub_bits + 1) * sub_count;

constexpr std::size_t of(std::uint64_t value) {
  if (value < sub_count) return static_cast<std::size_t>(value);
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits;
  return static_cast<std::size_t>(shift * sub_count + (value >> shift));
}

constexpr std::uint64_t upper_end(std::size_t index) {
  if (index < 2 * sub_count) return index;
  const std::uint64_t shift = index / sub_count - 1;
  return ((index % sub_count + sub_count + 1) << shift) - 1;
}

static_assert(upper_end(of(63)) == 63);
static_assert(upper_end(of(127)) == 127);
static_assert(upper_end(of(128)) == 129);
static_assert(upper_end(of(1'000'000)) >= 1'000'000);
static_assert(upper_end(of(1'000'000)) < 1'016'000);
static_assert(of(UINT64_MAX) < count);

}  // namespace buckets

class Histogram {
 public:
  void record(std::uint64_t nanoseconds) {
    ++counts_[buckets::of(nanoseconds)];
    ++total_;
    max_ = std::max(max_, nanoseconds);
  }

  /// Adds what another thread has recorded.
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t total() const { return total_; }
  std::uint64_t max() const { return max_; }

  /// The value that `share` (0 to 1) of the recorded ones do not exceed; 0 if there are none.
  std::uint64_t percentile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return std::min(buckets::upper_end(i), max_);
    }
    return max_;
  }

 private:
  std::array<std::uint64_t, buckets::count> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace load
