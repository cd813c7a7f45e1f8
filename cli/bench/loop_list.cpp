// SPDX-License-Identifier: MIT
#include "cli/bench/loop_list.hpp"

#include <algorithm>
#include <iterator>

#include "cli/bench/lists.hpp"

namespace tocsin::bench {

Plan plan_loop(const Settings& settings) {
  Plan plan;
  for (const auto part : {plan_timers, plan_posts, plan_tasks, plan_echo, plan_fairness,
                          plan_accepts, plan_stale_events})
    std::ranges::move(part(settings), std::back_inserter(plan));
  return plan;
}

}  // namespace tocsin::bench
