// SPDX-License-Identifier: MIT
#include "tocsin/kern/count.hpp"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

TEST(Count, HoldsACountOrAnErrno) {
  const Count seven{7};
  ASSERT_TRUE(seven);
  EXPECT_EQ(*seven, 7U);
  EXPECT_EQ(seven.value_or(1), 7U);
  const Count none = std::unexpected(Errno::again);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), Errno::again);
  EXPECT_EQ(none.value_or(1), 1U);
}

TEST(Count, ZeroIsACount) {
  EXPECT_TRUE(Count{0});
  EXPECT_NE(Count{0}, Count(std::unexpected(Errno::again)));
}

TEST(Count, IsWhatTheKernelAnswers) {
  EXPECT_EQ(Count::from_kernel(5), Count{5});
  EXPECT_EQ(Count::from_kernel(-EPIPE).error(), Errno{EPIPE});
  EXPECT_EQ(Count(std::unexpected(Errno{EPIPE})).as_kernel(), -EPIPE);
}

TEST(Count, BecomesAResultAndIsMadeOfOne) {
  const Result<std::size_t> three = Count{3};
  EXPECT_EQ(three, Result<std::size_t>(3));
  const Result<std::size_t> failed = Count(std::unexpected(Errno::cancelled));
  EXPECT_EQ(failed.error(), Errno::cancelled);
  EXPECT_EQ(Count(three), Count{3});
  EXPECT_EQ(Count(failed).error(), Errno::cancelled);
}

TEST(CountDeathTest, AFailureHasNoValue) {
  const Count failed = std::unexpected(Errno::again);
  EXPECT_DEATH(static_cast<void>(failed.value()), "the call failed");
}

}  // namespace
}  // namespace tocsin
