// SPDX-License-Identifier: MIT
//
// The benchmarks of `tocsin bench loop`: what this library's own calls cost, used as its users use
// them.
//
//     [ plan_timers, plan_posts, ... ] ──> plan_loop (lists.hpp)
//
// What needs other threads takes a core for each, as far as there are any (`Settings::cpus`); what
// is measured in the main thread has the first.
//
// Thread rule: the main thread.
#pragma once

#include "cli/bench/benchmark.hpp"

namespace tocsin::bench {

Plan plan_timers(const Settings& settings);
Plan plan_posts(const Settings& settings);
Plan plan_tasks(const Settings& settings);
Plan plan_echo(const Settings& settings);
Plan plan_fairness(const Settings& settings);
Plan plan_accepts(const Settings& settings);
Plan plan_stale_events(const Settings& settings);

}  // namespace tocsin::bench
