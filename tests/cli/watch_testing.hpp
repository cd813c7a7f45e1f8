// SPDX-License-Identifier: MIT
//
// What tests of `tocsin watch` need: the program as its users start it, and its lines.
//
//     test ──> [ watch ] ──> tocsin watch WHAT... ──lines──> [ next_of ] ──> test
//
// Ownership: the Program is killed at its end. Thread rule: one thread.
#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/serve_testing.hpp"

namespace tocsin {

inline Program watch(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {TOCSIN_BIN_DIR "/tocsin", "watch"});
  return Program(std::move(arguments));
}

/// Whether `line` is the first tick of a timer, which every watcher tells once it watches, if one
/// was named. On a machine that is busy it may stand for several: then all but one were missed.
inline bool is_first_tick(const std::string& line, const std::string& timer = "timer:50ms") {
  int count = 0, missed = 0, length = 0;
  const std::string format = timer + " tick count=%d missed=%d%n";
  return std::sscanf(line.c_str(), format.c_str(), &count, &missed, &length) == 2 &&
         static_cast<std::size_t>(length) == line.size() && count == missed + 1;
}

/// The next line that begins with `beginning`; empty if the program ends before.
inline std::string next_of(const Program& program, const std::string& beginning) {
  std::string line;
  do {
    line = program.line();
  } while (!line.empty() && !line.starts_with(beginning));
  return line;
}

}  // namespace tocsin
