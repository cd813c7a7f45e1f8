// SPDX-License-Identifier: MIT
//
// tocsin watch: waits for any mix of events and says each in a line.
//
//     WHAT... ──> [ watch ] ──> a watcher each (watch_kind.hpp) ──> WatchReport ──> stdout
//
// Thread rule: the main thread, before others are started: it takes signals over.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "cli/watch_report.hpp"

namespace CLI {
class App;
}

namespace tocsin::cli {

struct WatchArguments {
  std::vector<std::string> what;
  WatchStyle style;
  bool once = false;
  bool recursive = false;
  double timeout = 0;  // Seconds; 0: none.
};

/// Of `tocsin watch`, when the time was over before the count was reached.
inline constexpr int time_over = 3;

/// Declares the subcommand; parsing fills `arguments`, which must last as long as `app`.
CLI::App* add_watch(CLI::App& app, WatchArguments& arguments);

/// Watches until it is told to end, by a signal, by the arguments, or because nobody reads `out`
/// any more: all of these are success. Answers the exit status.
int watch(const WatchArguments& arguments, std::FILE* out, std::FILE* err);

}  // namespace tocsin::cli
