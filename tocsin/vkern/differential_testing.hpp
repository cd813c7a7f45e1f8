// SPDX-License-Identifier: MIT
//
// hold_against_linux: random sequences of calls on two kernels, whose answers have to be the same.
//
//     seed ──generate──> ops ──run──> Linux's answers
//                          └───run──> vkern's answers: the first line that differs is a failure
//
// An op names what it works on by symbols, so a part of a sequence is a sequence too: a failure is
// shrunk by leaving out ops as long as something differs still. TOCSIN_SEED=n begins with the n-th
// sequence, TOCSIN_SEQUENCES=n runs so many.
//
// Linux's answers are not always ours alone. Whoever reads /proc/PID/fd (lsof, `tocsin top`) holds
// the files there for that moment, and the events of their last close come later. So a difference
// is one only if each of `most_tries` runs has it; vkern's own are there every time.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tocsin::vkern {

/// What each op answered, in words.
using Answers = std::vector<std::string>;

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// `generate(seed)` gives a vector of ops; `run(ops, on_linux)` gives their Answers; `tell(op)`
/// says what an op is. Runs `sequences` of them, unless the environment says otherwise.
template <class Generate, class Run, class Tell>
void hold_against_linux(std::uint64_t sequences, Generate generate, Run run, Tell tell) {
  const std::uint64_t first = number_from_environment("TOCSIN_SEED", 1);
  const std::uint64_t count = number_from_environment("TOCSIN_SEQUENCES", sequences);
  constexpr int most_tries = 4;
  Answers linux_says, vkern_says;  // To the shortest that differs.
  const auto differs = [&](const auto& ops) {
    Answers on_linux, on_vkern;
    for (int tries = 0; tries < most_tries; ++tries) {
      on_linux = run(ops, true);
      on_vkern = run(ops, false);
      if (on_linux == on_vkern) return false;
    }
    linux_says = std::move(on_linux);
    vkern_says = std::move(on_vkern);
    return true;
  };
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    auto ops = generate(seed);
    if (!differs(ops)) continue;
    for (std::size_t length = ops.size() / 2; length > 0; length /= 2) {
      for (std::size_t at = 0; at + length <= ops.size();) {
        auto shorter = ops;
        const auto begin = shorter.begin() + static_cast<std::ptrdiff_t>(at);
        shorter.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
        if (differs(shorter))
          ops = std::move(shorter);
        else
          at += length;
      }
    }
    std::string story;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      story += tell(ops[i]) + ": " + linux_says[i];
      if (linux_says[i] != vkern_says[i]) story += "\n    vkern: " + vkern_says[i];
      story += '\n';
    }
    FAIL() << "TOCSIN_SEED=" << seed << ", shrunk to\n" << story;
  }
}

}  // namespace tocsin::vkern
