// SPDX-License-Identifier: MIT
#include "cli/bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tocsin/base/check.hpp"
#include "tocsin/base/prng.hpp"

namespace tocsin::bench {

void Sample::add(double value) {
  ++count_;
  const double distance = value - mean_;
  mean_ += distance / static_cast<double>(count_);
  squares_ += distance * (value - mean_);
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

double Sample::variance() const {
  return count_ < 2 ? 0 : squares_ / static_cast<double>(count_ - 1);
}

double Sample::standard_deviation() const { return std::sqrt(variance()); }

double quantile(std::span<const double> values, double q) {
  CHECK(!values.empty(), "there is no quantile of nothing");
  CHECK(q >= 0 && q <= 1, "a quantile is a share, from 0 to 1");
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double rest = place - static_cast<double>(below);
  return sorted[below] + rest * (sorted[above] - sorted[below]);
}

double median(std::span<const double> values) { return quantile(values, 0.5); }

Interval median_interval(std::span<const double> values, std::uint64_t seed) {
  constexpr std::size_t rounds = 1000;
  Prng prng(seed);
  std::vector<double> medians;
  std::vector<double> drawn(values.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    for (double& one : drawn) one = values[prng.below(values.size())];
    medians.push_back(median(drawn));
  }
  return {quantile(medians, 0.025), quantile(medians, 0.975)};
}

}  // namespace tocsin::bench
