// SPDX-License-Identifier: MIT
#include "cli/bench/statistics.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace tocsin::bench {
namespace {

TEST(Sample, OfNumbersWhoseVarianceIsKnown) {
  Sample sample;
  for (const double value : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) sample.add(value);
  EXPECT_EQ(sample.count(), 8u);
  EXPECT_DOUBLE_EQ(sample.mean(), 5.0);
  EXPECT_DOUBLE_EQ(sample.variance(), 32.0 / 7.0);  // Not 32 / 8: Bessel's correction.
  EXPECT_DOUBLE_EQ(sample.min(), 2.0);
  EXPECT_DOUBLE_EQ(sample.max(), 9.0);
}

TEST(Sample, ASmallSpreadAroundALargeMeanIsNotLost) {
  Sample sample;
  for (const double value : {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}) sample.add(value);
  EXPECT_DOUBLE_EQ(sample.mean(), 1e9 + 10);
  EXPECT_DOUBLE_EQ(sample.variance(), 30.0);
}

TEST(Sample, OfOneNumberNothingIsKnownOfTheSpread) {
  Sample sample;
  sample.add(3);
  EXPECT_DOUBLE_EQ(sample.mean(), 3.0);
  EXPECT_DOUBLE_EQ(sample.standard_deviation(), 0.0);
}

TEST(Quantile, LiesBetweenTheNearestInProportion) {
  constexpr std::array values{4.0, 1.0, 3.0, 2.0};
  EXPECT_DOUBLE_EQ(median(values), 2.5);
  EXPECT_DOUBLE_EQ(quantile(values, 0), 1.0);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 4.0);
  EXPECT_DOUBLE_EQ(quantile(values, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(median(std::array{7.0}), 7.0);
}

TEST(MedianInterval, HoldsTheMedianAndIsTheSameForTheSameSeed) {
  std::vector<double> values;
  for (int i = 1; i <= 41; ++i) values.push_back(i);
  const Interval interval = median_interval(values, 1);
  EXPECT_LT(interval.low, 21);
  EXPECT_GT(interval.high, 21);
  // By the order statistics of 41 numbers: ranks 14 to 28 are 95 % of the binomial distribution.
  EXPECT_NEAR(interval.low, 14, 2);
  EXPECT_NEAR(interval.high, 28, 2);
  const Interval again = median_interval(values, 1);
  EXPECT_EQ(interval.low, again.low);
  EXPECT_EQ(interval.high, again.high);
}

TEST(MedianInterval, OneNumberThatWasInterruptedDoesNotWidenIt) {
  std::vector<double> values(20, 5.0);
  values.push_back(1e9);
  const Interval interval = median_interval(values, 7);
  EXPECT_DOUBLE_EQ(interval.low, 5.0);
  EXPECT_DOUBLE_EQ(interval.high, 5.0);
}

}  // namespace
}  // namespace tocsin::bench
