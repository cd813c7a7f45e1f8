// SPDX-License-Identifier: MIT
#include "tocsin/loop/metrics.hpp"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

TEST(Histogram, PutsEachLengthIntoTheBucketOfItsHighestBit) {
  Histogram histogram;
  for (const Duration::rep ticks : {-5LL, 0LL, 1LL, 2LL, 3LL, 4LL, 1023LL, 1024LL})
    histogram.record(Duration{ticks});
  histogram.record(Duration::max());
  EXPECT_EQ(histogram.count(0), 3u);
  EXPECT_EQ(histogram.count(1), 2u);
  EXPECT_EQ(histogram.count(2), 1u);
  EXPECT_EQ(histogram.count(9), 1u);
  EXPECT_EQ(histogram.count(10), 1u);
  EXPECT_EQ(histogram.count(62), 1u);
  EXPECT_EQ(histogram.total(), 9u);
}

TEST(Histogram, AQuantileIsAnUpperBoundWithinAFactorOfTwo) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), Duration::zero());
  for (int i = 0; i < 99; ++i) histogram.record(Duration{100});
  histogram.record(Duration{1'000'000});
  EXPECT_EQ(histogram.quantile(0.5), Duration{127});
  EXPECT_EQ(histogram.quantile(0.99), Duration{127});
  EXPECT_EQ(histogram.quantile(1), Duration{(1 << 20) - 1});
  EXPECT_EQ(histogram.quantile(0), Duration{127});
}

TEST(Histogram, TheLongestLengthHasAnUpperBoundToo) {
  Histogram histogram;
  histogram.record(Duration::max());
  EXPECT_EQ(histogram.quantile(1), Duration::max());
}

}  // namespace
}  // namespace tocsin
