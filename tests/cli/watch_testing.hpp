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

/// What every watcher has told once it watches: a tick of a timer that was named last.
inline const std::string first_tick = "timer:50ms tick count=1 missed=0";

/// The next line that begins with `beginning`; empty if the program ends before.
inline std::string next_of(const Program& program, const std::string& beginning) {
  std::string line;
  do {
    line = program.line();
  } while (!line.empty() && !line.starts_with(beginning));
  return line;
}

}  // namespace tocsin
