// SPDX-License-Identifier: MIT
#include "tocsin/vkern/choices.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace tocsin::vkern {
namespace {

std::vector<std::uint32_t> answers_of(const Choices& choices) {
  std::vector<std::uint32_t> answers;
  for (const Choice& choice : choices.made()) answers.push_back(choice.answer);
  return answers;
}

TEST(Choices, AreTheSameForTheSameSeed) {
  Choices one(7), same(7), other(8);
  for (std::size_t i = 0; i < 100; ++i) {
    one.choose(5, "test");
    same.choose(5, "test");
    other.choose(5, "test");
  }
  EXPECT_EQ(answers_of(one), answers_of(same));
  EXPECT_NE(answers_of(one), answers_of(other));
}

TEST(Choices, AreMadeAgainFromTheirRecord) {
  Choices one(7);
  for (std::size_t i = 1; i < 100; ++i) one.choose(i, "test");
  Choices again = Choices::replay(answers_of(one));
  for (std::size_t i = 1; i < 100; ++i) again.choose(i, "test");
  EXPECT_EQ(answers_of(one), answers_of(again));
  EXPECT_EQ(one.made().size(), 98u) << "one answer out of one is no decision";
}

TEST(Choices, BeyondTheRecordAreZeroAndNeverTooLarge) {
  Choices some = Choices::replay({3, 9});
  EXPECT_EQ(some.choose(5, "test"), 3u);
  EXPECT_EQ(some.choose(5, "test"), 4u);
  EXPECT_EQ(some.choose(5, "test"), 0u);
}

TEST(Choices, MostlyStayWhereLeavingIsTheException) {
  Choices some(1);
  for (int i = 0; i < 800; ++i) some.choose_to_leave(3, "test");
  const auto stayed = std::ranges::count(answers_of(some), 0u);
  EXPECT_GT(stayed, 600);
  EXPECT_LT(stayed, 780);
}

}  // namespace
}  // namespace tocsin::vkern
