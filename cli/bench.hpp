// SPDX-License-Identifier: MIT
//
// tocsin bench: measurements on the reader's own machine, which say how sure they are.
//
//     arguments ──> [ bench ] ──> a list (bench/lists.hpp) ──> run (bench/run.hpp) ──> a report
//
// Thread rule: the main thread, before others are started: it blocks signals.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/bench/lists.hpp"

namespace CLI {
class App;
}

namespace tocsin::cli {

struct BenchArguments {
  enum class Which : std::uint8_t { multiplexers, loop };
  Which which = Which::multiplexers;
  bool quick = false;
  bool json = false;
  bool csv = false;
  std::string plot;                 // A file; empty: none.
  std::string only;                 // A part of the group or name of the rows that are wanted.
  std::vector<std::string> wanted;  // Several such parts; empty: all.
  std::uint64_t seed = 1;
  std::uint64_t samples = 20;
  double seconds = 0;  // For each row; 0: as fits.
  bench::MultiplexerOptions multiplexers;
};

/// Declares the subcommand and those below it; parsing fills `arguments`, which must last as long
/// as `app`.
CLI::App* add_bench(CLI::App& app, BenchArguments& arguments);

/// Measures, and prints what came of it to `out`. Answers the exit status: 128 and the signal's
/// number if it was interrupted, after it has told what it has; `not_started` if the arguments name
/// nothing to measure or the plot could not be drawn; `failed` if no row could be measured.
int bench(const BenchArguments& arguments, std::FILE* out, std::FILE* err);

}  // namespace tocsin::cli
