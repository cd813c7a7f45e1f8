// SPDX-License-Identifier: MIT
#include "tocsin/base/prng.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace tocsin {
namespace {

std::vector<std::uint64_t> first(Prng random, std::size_t count) {
  std::vector<std::uint64_t> numbers(count);
  for (std::uint64_t& number : numbers) number = random.next();
  return numbers;
}

// A seed that a failure printed must replay the same run in ten years: these numbers never change.
TEST(Prng, ASeedGivesTheseNumbersForEver) {
  EXPECT_EQ(first(Prng(0), 3), (std::vector<std::uint64_t>{0x99ec5f36cb75f2b4, 0xbf6e1f784956452a,
                                                           0x1a5f849d4933e6e0}));
}

TEST(Prng, SeedsGiveSequencesOfTheirOwn) {
  EXPECT_EQ(first(Prng(1), 100), first(Prng(1), 100));
  EXPECT_NE(first(Prng(1), 4), first(Prng(2), 4));
}

TEST(Prng, BelowStaysBelowAndReachesEverything) {
  Prng random(3);
  for (const std::uint64_t bound : {1U, 2U, 3U, 10U}) {
    std::vector<int> hits(bound, 0);
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t drawn = random.below(bound);
      ASSERT_LT(drawn, bound);
      ++hits[drawn];
    }
    EXPECT_GT(*std::min_element(hits.begin(), hits.end()), 0) << "bound " << bound;
  }
  const std::uint64_t huge = (1ULL << 63) + 1;  // Half of all draws must be drawn again.
  for (int i = 0; i < 1000; ++i) ASSERT_LT(random.below(huge), huge);
}

// 100,000 draws in 10 boxes: a box is off its 10,000 by 475 (five standard deviations) once in a
// million seeds, and this seed is fixed.
TEST(Prng, BelowIsEven) {
  Prng random(4);
  std::vector<int> hits(10, 0);
  for (int i = 0; i < 100'000; ++i) ++hits[random.below(hits.size())];
  for (const int count : hits) EXPECT_NEAR(count, 10'000, 475);
}

TEST(Prng, ChanceIsCertainAtBothEndsAndFairBetween) {
  Prng random(5);
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_FALSE(random.chance(0, 7));
    EXPECT_TRUE(random.chance(7, 7));
    hits += random.chance(1, 4) ? 1 : 0;
  }
  EXPECT_NEAR(hits, 2500, 220);
}

TEST(PrngDeathTest, ThereIsNothingBelowZero) {
  Prng random(6);
  EXPECT_DEATH(static_cast<void>(random.below(0)), "there is no number below zero");
}

}  // namespace
}  // namespace tocsin
