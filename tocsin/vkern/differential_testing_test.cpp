// SPDX-License-Identifier: MIT
//
// hold_against_linux itself: what it fails for, what it says then, and what it does not fail for.
#include "tocsin/vkern/differential_testing.hpp"

#include <gtest/gtest-spi.h>

namespace tocsin::vkern {
namespace {

std::vector<int> one_to_eight(std::uint64_t /*seed*/) { return {1, 2, 3, 4, 5, 6, 7, 8}; }
std::string tell(int op) { return "op " + std::to_string(op); }

// Op 5 is answered otherwise by Linux, `times` times.
class Disturbed {
 public:
  explicit Disturbed(int times) : times_(times) {}
  Answers operator()(const std::vector<int>& ops, bool on_linux) {
    Answers answers;
    for (const int op : ops)
      answers.emplace_back(op == 5 && on_linux && times_-- > 0 ? "EAGAIN" : "done");
    return answers;
  }

 private:
  int times_;
};

// The macro's function knows nothing of what is around it.
void hold_what_always_differs() { hold_against_linux(1, one_to_eight, Disturbed(1'000'000), tell); }

TEST(HoldAgainstLinux, ADifferenceIsShrunkAndBothAnswersAreSaid) {
  EXPECT_FATAL_FAILURE(hold_what_always_differs(), "shrunk to\nop 5: EAGAIN\n    vkern: done\n");
}

TEST(HoldAgainstLinux, WhatDiffersOnceIsTheDoingOfOthers) {
  hold_against_linux(1, one_to_eight, Disturbed(1), tell);
}

}  // namespace
}  // namespace tocsin::vkern
