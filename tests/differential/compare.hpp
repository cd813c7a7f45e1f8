// SPDX-License-Identifier: MIT
//
// compare, run_isolated: one sequence on two kernels, op by op, up to the first difference.
//
//     Sequence ──> [ LinuxSide | VkernSide ] ──> Outcome
//
// Both sides live in one process, which has given up its descriptors: so the numbers of new ones
// are the same on both, and are compared. As a sequence may hang or kill that process, it is never
// the one that reports.
//
// Thread rule: one thread; no other thread may run in the process, which forks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/differential/op.hpp"
#include "tests/differential/side.hpp"

namespace tocsin::differential {

struct Mismatch {
  std::size_t index;  // Of the op.
  Answer linux_answer;
  Answer vkern_answer;
};

/// How the ops of a sequence are performed: in threads if there are calls among them that block.
auto performance_of(const Sequence& sequence) -> void (Side::*)(const Op&, Answer&);

struct Comparison {
  std::optional<Mismatch> mismatch;
  /// How many were compared: fewer than there are if the machine was late, where time passes, or
  /// if all threads are asleep, where calls block. Late is also a difference after this thread has
  /// waited for a processor longer than from one timer to the next.
  std::size_t ops = 0;
  bool was_late = false;
};

/// Performs all of it, up to the first difference, and resets both sides. `at`, if not null, is
/// told the index of each op.
Comparison compare(LinuxSide& linux_side, VkernSide& vkern_side, const Sequence& sequence,
                   std::atomic<std::uint32_t>* at = nullptr);

struct Outcome {
  enum class End { same, mismatch, died, hung };
  End end = End::same;
  std::size_t index = 0;  // Of the op at which it ended so.
  std::string linux_answer;
  std::string vkern_answer;
  int status = 0;       // Of a process that died, as waitpid(2) has it.
  std::size_t ops = 0;  // See Comparison.
  bool was_late = false;
};

/// In a process of its own, which is given up after `limit`. Tried again a few times if the machine
/// is late, or if there is a difference where time passes: see run_campaign.
Outcome run_isolated(const Sequence& sequence, std::chrono::milliseconds limit);

/// vkern alone, in a process of its own that keeps its standard error: what a CHECK or a sanitizer
/// has to say about a sequence is said there.
void run_vkern_aloud(const Sequence& sequence, std::chrono::milliseconds limit);

/// Why `outcome` is a failure, with both answers; empty if it is none.
std::string explain(const Sequence& sequence, const Outcome& outcome);

}  // namespace tocsin::differential
