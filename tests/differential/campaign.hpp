// SPDX-License-Identifier: MIT
//
// Campaign: many seeds, several processes, until the time is over or one of them fails.
//
//     seed, seed + 1, ... ──> workers ──> counts, or the first seed that fails
//
// Thread rule: one thread; it forks.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/differential/compare.hpp"

namespace tocsin::differential {

struct CampaignOptions {
  std::uint64_t seed = 1;
  std::chrono::milliseconds time{10'000};
  std::uint64_t most_sequences = UINT64_MAX;  // For each worker.
  int workers = 1;
  std::chrono::milliseconds patience{10'000};  // With one sequence.
  std::uint32_t only = ~0U;                    // Kinds.
  int tier = 1;                                // See only_in_tier.
};

struct Failure {
  std::uint64_t seed;
  Sequence sequence;
  Outcome outcome;  // As it was seen, which run_isolated may not see again.
};

struct Tally {
  std::uint64_t sequences = 0;
  std::uint64_t ops = 0;        // That were compared.
  std::uint64_t late = 0;       // Sequences of which the rest was left out, see Comparison,
  std::uint64_t asleep = 0;     // for either reason.
  std::uint64_t not_again = 0;  // Differences that the same sequence had once, and then not.
  std::array<std::uint64_t, kinds> ops_of_kind{};
  std::uint32_t kinds_compared = 0;
  std::uint32_t kinds_left_out = 0;  // For vkern has none.
  std::chrono::duration<double> time{};
  std::optional<Failure> failure;
};

/// The kinds that both kernels have, and the tier.
std::uint32_t kinds_to_compare(int tier);

Tally run_campaign(const CampaignOptions& options);

/// What was done and how fast, in a few lines.
std::string report(const Tally& tally);

}  // namespace tocsin::differential
