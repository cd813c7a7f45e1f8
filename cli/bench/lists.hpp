// SPDX-License-Identifier: MIT
//
// The lists of benchmarks: what each subcommand of `tocsin bench` measures.
//
//     [ plan_multiplexers, plan_loop ] ──> cli/bench.cpp ──> run
//
// `settings` must outlive a Plan.
//
// A benchmark is a function in a file of its own that answers a Plan (benchmark.hpp), and a line in
// the function here that belongs to it: multiplexers.cpp, loop_list.cpp.
//
// Thread rule: the main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/bench/benchmark.hpp"

namespace tocsin::bench {

/// What `tocsin bench multiplexers` can be asked for. An empty list: the usual ones.
struct MultiplexerOptions {
  std::string method = "both";  // classic, udp or both.
  std::vector<std::uint64_t> n;
  std::vector<std::string> mechanisms;  // Names of rows: select, poll, "epoll level", ...
  std::uint64_t waits = 100'000;        // classic: of each row.
  std::uint64_t requests = 50'000;      // udp: of each row.
  std::uint64_t warm_ups = 1'000;       // udp: requests before those that count.
  std::string clock;                    // elapsed, cpu; empty: cpu for classic, elapsed for udp.
  std::vector<std::uint64_t> active;    // udp: the shares of sockets in use, in percent.
};

/// What `options` ask for, or `otherwise`.
Clock clock_of(const MultiplexerOptions& options, Clock otherwise);

Plan plan_multiplexers(const MultiplexerOptions& options, const Settings& settings);

Plan plan_loop(const Settings& settings);

// ---- one function for each benchmark
// --------------------------------------------------------------
Plan plan_classic_table(const MultiplexerOptions& options, const Settings& settings);
Plan plan_udp_echo(const MultiplexerOptions& options, const Settings& settings);

}  // namespace tocsin::bench
