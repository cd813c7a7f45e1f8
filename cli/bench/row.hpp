// SPDX-License-Identifier: MIT
//
// Row: one measured figure, or why there is none.
//
//     Plan ──> run (run.hpp) ──> [ Row ] ──> Report (report.hpp), plot (plot.hpp)
//
// Thread rule: a value; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/bench/statistics.hpp"

namespace tocsin::bench {

struct Row {
  // What it is: known before anything is measured.
  std::string group;               // Rows that belong beside each other: a heading, a plot.
  std::string name;                // Within the group: a line in the plot.
  std::optional<std::uint64_t> n;  // How many there were of what the group is about.
  std::string unit;                // Of mean, standard_deviation, median and interval.
  std::optional<double> most{};    // Its target: no more than this.

  // What came of it: of `samples` values, each of them over many operations.
  std::size_t samples = 0;  // 0: not measured, and why_not says why.
  std::uint64_t operations = 0;
  double mean = 0;
  double standard_deviation = 0;
  double min = 0;
  double median = 0;
  Interval interval{};  // Of the median: 95 %.

  std::string remark{};   // What must be known to read it: what was scaled, and from what.
  std::string why_not{};  // It cannot be done here, or was not: one line.
  std::string unsure{};   // The samples lie too far apart: "spread 40 %: a noisy machine".

  bool is_measured() const { return samples != 0; }
};

}  // namespace tocsin::bench
