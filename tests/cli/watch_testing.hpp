// SPDX-License-Identifier: MIT
//
// What tests of `tocsin watch` need: the program as its users start it, and its lines.
//
//     test ──> [ watch ] ──> tocsin watch WHAT... ──lines──> [ next_of ] ──> test
//
// Ownership: the Program is killed at its end. Thread rule: one thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/cli/serve_testing.hpp"

namespace tocsin {

inline Program watch(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {TOCSIN_BIN_DIR "/tocsin", "watch"});
  return Program(std::move(arguments));
}

/// What every watcher tells once it watches, if a timer was named: a tick. On a machine that is
/// busy the first may stand for several.
inline bool is_tick(const std::string& line) { return line.starts_with("timer:50ms tick count="); }

/// The next line that begins with `beginning`; empty if the program ends before.
inline std::string next_of(const Program& program, const std::string& beginning) {
  std::string line;
  do {
    line = program.line();
  } while (!line.empty() && !line.starts_with(beginning));
  return line;
}

}  // namespace tocsin
