// SPDX-License-Identifier: MIT
#include "tocsin/base/patience.hpp"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

constexpr Duration short_sleep = Patience::usual_look / 2;
constexpr Duration long_sleep = Patience::usual_look * 2;

int short_sleeps_until_it_looks_on(Patience& patience) {
  int count = 0;
  while (!patience.looks_on() && count < 10'000) {
    patience.slept(short_sleep);
    ++count;
  }
  return count;
}

TEST(Patience, IsBoughtByAShortSleepOnly) {
  Patience patience;
  EXPECT_FALSE(patience.looks_on());
  patience.slept(long_sleep);
  EXPECT_FALSE(patience.looks_on());
  patience.slept(short_sleep);
  EXPECT_TRUE(patience.looks_on());
}

TEST(Patience, LastsAsLongAsItIsRewarded) {
  Patience patience;
  patience.slept(short_sleep);
  for (int i = 0; i < 100; ++i) {
    patience.rewarded();
    EXPECT_TRUE(patience.looks_on());
  }
  patience.in_vain();
  EXPECT_FALSE(patience.looks_on());
}

TEST(Patience, IsTriedHalfAsOftenWheneverItBroughtNothing) {
  Patience patience;
  EXPECT_EQ(short_sleeps_until_it_looks_on(patience), 1);
  for (const int expected : {4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4096}) {
    patience.in_vain();
    EXPECT_EQ(short_sleeps_until_it_looks_on(patience), expected);
  }
}

TEST(Patience, ASuccessForgetsTheFailures) {
  Patience patience;
  for (int i = 0; i < 5; ++i) {
    short_sleeps_until_it_looks_on(patience);
    patience.in_vain();
  }
  short_sleeps_until_it_looks_on(patience);
  patience.rewarded();
  patience.in_vain();
  EXPECT_EQ(short_sleeps_until_it_looks_on(patience), 4);
}

TEST(Patience, OfNoLengthNeverLooksOn) {
  Patience patience(Duration::zero());
  EXPECT_EQ(short_sleeps_until_it_looks_on(patience), 10'000);
  EXPECT_FALSE(patience.looks_on());
}

}  // namespace
}  // namespace tocsin
