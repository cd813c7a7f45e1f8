// SPDX-License-Identifier: MIT
#include "tocsin/base/time.hpp"

#include <gtest/gtest.h>

namespace tocsin {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint at(Duration since_start) { return TimePoint{since_start}; }

TEST(Time, AddingIsAddingWhileThereIsRoom) {
  EXPECT_EQ(saturating_add(at(5ns), 7ns), at(12ns));
  EXPECT_EQ(saturating_add(at(5s), -7s), at(-2s));
  EXPECT_EQ(saturating_add(TimePoint::max() - 1ns, 1ns), TimePoint::max());
}

TEST(Time, WhatWouldRunOverStopsAtTheLastInstant) {
  EXPECT_EQ(saturating_add(at(1ns), Duration::max()), TimePoint::max());
  EXPECT_EQ(saturating_add(TimePoint::max(), 1ns), TimePoint::max());
  EXPECT_EQ(saturating_add(TimePoint::max(), Duration::max()), TimePoint::max());
}

TEST(Time, TheFirstInstantIsAStartLikeAnyOther) {
  EXPECT_EQ(saturating_add(at(0ns), Duration::max()), TimePoint::max());
  EXPECT_EQ(saturating_add(at(0ns), Duration::min()), TimePoint::min());
}

}  // namespace
}  // namespace tocsin
