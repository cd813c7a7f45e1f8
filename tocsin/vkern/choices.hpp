// SPDX-License-Identifier: MIT
//
// Choices: every decision that a world leaves to chance, drawn from a seed and written down.
//
//     who runs next? ──> [ Choices ] ──> the answer, and a record of it
//
// A run is its choices: made again with the same answers it is the same run. So a failure is
// repeated from its seed, and made smaller from its record: a prefix of the record, or one with
// smaller answers in it, is a valid run as well, because beyond its end every answer is 0.
//
// Ownership: it owns its record, which grows by 16 bytes a decision. Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "tocsin/base/prng.hpp"

namespace tocsin::vkern {

/// One decision, as it was made.
struct Choice {
  std::uint32_t answer;  // In [0, of).
  std::uint32_t of;      // How many answers there were: two at least.
  const char* site;      // What was decided; a literal.
};

class Choices {
 public:
  explicit Choices(std::uint64_t seed) : random_(Prng(seed)) {}
  /// Gives these answers first and 0 from then on. One that is too large stands for the largest.
  static Choices replay(std::vector<std::uint32_t> answers) { return Choices(std::move(answers)); }

  /// A number in [0, of). What has only one answer is no decision, and is not written down.
  /// Requires: `of` > 0, and `site` is a literal.
  std::size_t choose(std::size_t of, const char* site);

  /// The same where 0 means "go on as before", which a seed mostly answers: a run that is
  /// interrupted in a few places finds more than one that is interrupted everywhere.
  std::size_t choose_to_leave(std::size_t of, const char* site);

  /// What has been decided so far.
  const std::vector<Choice>& made() const { return made_; }

 private:
  explicit Choices(std::vector<std::uint32_t> answers) : given_(std::move(answers)) {}

  std::size_t write_down(std::size_t answer, std::size_t of, const char* site);
  std::size_t given(std::size_t of) const;

  std::optional<Prng> random_;  // None: it replays.
  std::vector<std::uint32_t> given_;
  std::vector<Choice> made_;
};

}  // namespace tocsin::vkern
