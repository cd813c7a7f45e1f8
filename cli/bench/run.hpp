// SPDX-License-Identifier: MIT
//
// run: measures a Plan, row by row.
//
//     Plan ──> [ run ] ──Row──> Report
//                │ ├──> Progress
//                └──── Interruption, deadline: looked at between samples
//
// A row that cannot be measured says why, and the others go on. A run that is interrupted has told
// what it has.
//
// Thread rule: the main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench/benchmark.hpp"
#include "cli/bench/interruption.hpp"
#include "cli/bench/progress.hpp"
#include "cli/bench/report.hpp"

namespace tocsin::bench {

struct RunOptions {
  Pace pace;                          // Of each of the plan's entries.
  std::optional<TimePoint> deadline;  // Nothing begins, and no sample is taken, after it.
  std::uint64_t seed = 1;
};

/// Measures each of `plan` and tells its rows to `report`, between its begin() and end(), which are
/// the caller's. Answers the rows told: fewer than planned if `interruption` came.
std::vector<Row> run(Plan& plan, const RunOptions& options, Report& report, Progress& progress,
                     Interruption& interruption);

}  // namespace tocsin::bench
