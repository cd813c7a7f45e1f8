// SPDX-License-Identifier: MIT
//
// Progress: how far a run is, for whoever watches it.
//
//     run (run.hpp) ──> [ Progress ] ──> the last line of a terminal
//
// One line that is written over, and only if `err` is a terminal: a log has no use for it.
//
// Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string_view>

#include "tocsin/base/time.hpp"

namespace tocsin::bench {

class Progress {
 public:
  /// Of `total` steps, each of which is expected to take `each`. `err` stays the caller's.
  Progress(std::FILE* err, std::size_t total, Duration each);
  /// Takes the line away.
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// The step called `what` begins; those before it are done. The time that is left is told by what
  /// they took, once there are some.
  void step(std::string_view what);

  /// Takes the line away until the next step: somebody else writes.
  void clear();

 private:
  std::FILE* err_;
  bool is_shown_;
  std::size_t total_;
  std::size_t done_ = 0;
  Duration each_;
  TimePoint begin_;
};

}  // namespace tocsin::bench
