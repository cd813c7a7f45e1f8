// SPDX-License-Identifier: MIT
//
// The shrinker against failures of our own making, of which the smallest is known.
#include "tests/differential/shrink.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/differential/generator.hpp"
#include "tests/differential/op_text.hpp"

namespace tocsin::differential {
namespace {

Sequence sequence_of(const char* text) { return parse(text).sequence; }

bool has(const Sequence& sequence, const char* name) {
  return std::ranges::any_of(sequence, [&](const Op& op) { return op.spec == find_op(name); });
}

TEST(Shrink, LeavesTheTwoOpsThatMatterOfHundreds) {
  Sequence sequence = generate(3, ~0U);
  while (sequence.size() < 300) {
    const Sequence more = generate(sequence.size(), ~0U);
    sequence.insert(sequence.end(), more.begin(), more.end());
  }
  sequence.push_back({.spec = find_op("poll_many"), .values = {64}});
  sequence.insert(sequence.begin(), {.spec = find_op("epoll_create"), .values = {3, 0}});
  const auto fails = [](const Sequence& candidate) {
    return has(candidate, "poll_many") && has(candidate, "epoll_create");
  };
  EXPECT_EQ(to_text(shrink(sequence, fails)), "epoll_create >f0 1\npoll_many 1\n");
}

TEST(Shrink, MakesValuesAsSimpleAsTheFailureAllows) {
  const Sequence sequence = sequence_of(
      "eventfd >f5 5 EFD_NONBLOCK|EFD_SEMAPHORE|EFD_CLOEXEC\n"
      "epoll_ctl f2 EPOLL_CTL_MOD f5 EPOLLIN|EPOLLOUT|EPOLLET|0x4000000 4\n");
  const auto fails = [](const Sequence& candidate) {
    return candidate.size() == 2 && (candidate[0].values[2] & 1) != 0 &&
           candidate[1].values[1] != 1 && (candidate[1].values[3] & 0x4000000) != 0;
  };
  EXPECT_EQ(to_text(shrink(sequence, fails)),
            "eventfd >f0 0 EFD_NONBLOCK|EFD_SEMAPHORE\n"
            "epoll_ctl f0 EPOLL_CTL_MOD f0 0x4000000 0\n");
}

TEST(Shrink, AsksNoMoreOftenThanItMay) {
  const Sequence sequence = generate(5, ~0U);
  int asked = 0;
  const auto fails = [&](const Sequence&) { return ++asked <= 10; };
  shrink(sequence, fails, 20);
  EXPECT_LE(asked, 20);
}

}  // namespace
}  // namespace tocsin::differential
