// SPDX-License-Identifier: MIT
//
// Statistics: what a handful of samples says, and how sure that is.
//
//     samples of a row ──> [ Sample, median, median_interval ] ──> Row
//
// A median with its interval is what to believe on a machine that does other things, too: one
// sample that was interrupted moves a mean as far as it likes, and a median not at all. The mean
// with its standard deviation is there beside it because a total is made of means.
//
// Thread rule: values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace tocsin::bench {

/// Mean and variance of numbers as they come (B. P. Welford, "Note on a method for calculating
/// corrected sums of squares and products", 1962): one pass, and no difference of two large sums.
class Sample {
 public:
  void add(double value);

  std::size_t count() const { return count_; }
  /// 0 of none.
  double mean() const { return mean_; }
  /// Of what the numbers were drawn from, so divided by their count less one (Bessel's correction);
  /// 0 of fewer than two.
  double variance() const;
  double standard_deviation() const;
  /// Of none: the limits the wrong way round.
  double min() const { return min_; }
  double max() const { return max_; }

 private:
  std::size_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // Of the distances from the mean, summed.
  double min_ = std::numeric_limits<double>::infinity();
  double max_ = -std::numeric_limits<double>::infinity();
};

struct Interval {
  double low = 0;
  double high = 0;
};

/// The value below which the share `q` of the numbers lies, between the two nearest of them in
/// proportion (R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", 1996, type 7).
/// Requires: `values` is not empty, `q` in [0, 1].
double quantile(std::span<const double> values, double q);

/// Requires: `values` is not empty.
double median(std::span<const double> values);

/// Where the median of what the numbers were drawn from lies, nineteen times out of twenty: the
/// middle 95 % of the medians of 1,000 samples of the sample (bootstrap, by percentiles; B. Efron,
/// 1979). The same for the same `seed`. Requires: `values` is not empty.
Interval median_interval(std::span<const double> values, std::uint64_t seed);

}  // namespace tocsin::bench
