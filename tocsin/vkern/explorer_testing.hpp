// SPDX-License-Identifier: MIT
//
// explore_all, explore_some: run a scenario in every schedule there is, up to a bound, or in many
// drawn at random.
//
//     [ explore_all ] ──Choices::replay(prefix)──> scenario ──> its record, and what went wrong
//            └───────────── the next prefix <─────────┘
//
// There is no state to save or restore: a schedule is the record of its choices, and the next one
// is found in it, as in a search in depth. An interruption of somebody who could have gone on is a
// preemption. All schedules with none are tried first, then those with one, and so on (iterative
// context bounding, Musuvathi and Qadeer 2007): most faults need two at most, and the first one
// found is the one with the fewest.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/vkern/choices.hpp"
#include "tocsin/vkern/scheduler.hpp"

namespace tocsin::vkern {

/// What became of one run: what went wrong (empty: nothing), and its record.
struct Outcome {
  std::string fault;
  std::vector<Choice> made;
};

/// What became of an exploration. If a fault was found, its run is the last one.
struct Explored {
  std::uint64_t schedules = 0;
  std::size_t longest = 0;  // Choices in one of them, at most.
  int preemptions = 0;      // In the last one.
  std::string fault;
  std::vector<std::uint32_t> answers;  // For Choices::replay: the faulty run.
};

namespace internal {

inline bool is_preemption(const Choice& choice) {
  return choice.answer != 0 && choice.site != std::string_view(Scheduler::who_runs_next);
}

inline std::vector<std::uint32_t> answers_of(const std::vector<Choice>& made) {
  std::vector<std::uint32_t> answers;
  for (const Choice& choice : made) answers.push_back(choice.answer);
  return answers;
}

inline int preemptions_of(const std::vector<Choice>& made) {
  int count = 0;
  for (const Choice& choice : made) count += is_preemption(choice) ? 1 : 0;
  return count;
}

/// The prefix of the next schedule with at most `most` preemptions; nullopt after the last one.
inline std::optional<std::vector<std::uint32_t>> next_prefix(std::vector<Choice> made, int most) {
  int preemptions = preemptions_of(made);
  while (!made.empty()) {
    Choice& last = made.back();
    preemptions -= is_preemption(last) ? 1 : 0;
    if (++last.answer < last.of && preemptions + (is_preemption(last) ? 1 : 0) <= most)
      return answers_of(made);
    made.pop_back();
  }
  return std::nullopt;
}

inline void note(Explored& explored, Outcome& outcome) {
  ++explored.schedules;
  explored.longest = std::max(explored.longest, outcome.made.size());
  explored.preemptions = preemptions_of(outcome.made);
  explored.fault = std::move(outcome.fault);
  if (!explored.fault.empty()) explored.answers = answers_of(outcome.made);
}

}  // namespace internal

/// Runs `scenario(Choices) -> Outcome` in all schedules with at most `most_preemptions`, each once,
/// until there is a fault. Schedules with fewer preemptions come first.
template <class Scenario>
Explored explore_all(Scenario scenario, int most_preemptions) {
  Explored explored;
  for (int bound = 0; bound <= most_preemptions; ++bound) {
    std::optional<std::vector<std::uint32_t>> prefix(std::in_place);
    while (prefix) {
      Outcome outcome = scenario(Choices::replay(*prefix));
      prefix = internal::next_prefix(outcome.made, bound);
      // The others have been there with a smaller bound.
      if (internal::preemptions_of(outcome.made) < bound) continue;
      internal::note(explored, outcome);
      if (!explored.fault.empty()) return explored;
    }
  }
  return explored;
}

/// Runs `scenario` in `count` schedules, drawn from `seed` on, until there is a fault.
template <class Scenario>
Explored explore_some(Scenario scenario, std::uint64_t seed, std::uint64_t count) {
  Explored explored;
  while (explored.schedules < count) {
    Outcome outcome = scenario(Choices(seed + explored.schedules));
    internal::note(explored, outcome);
    if (!explored.fault.empty()) return explored;
  }
  return explored;
}

}  // namespace tocsin::vkern
