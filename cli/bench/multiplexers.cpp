// SPDX-License-Identifier: MIT
#include <algorithm>
#include <iterator>

#include "cli/bench/lists.hpp"

namespace tocsin::bench {

Clock clock_of(const MultiplexerOptions& options, Clock otherwise) {
  if (options.clock.empty()) return otherwise;
  return options.clock == "cpu" ? Clock::worked : Clock::elapsed;
}

Plan plan_multiplexers(const MultiplexerOptions& options, const Settings& settings) {
  Plan plan;
  if (options.method != "udp")
    std::ranges::move(plan_classic_table(options, settings), std::back_inserter(plan));
  if (options.method != "classic")
    std::ranges::move(plan_udp_echo(options, settings), std::back_inserter(plan));
  return plan;
}

}  // namespace tocsin::bench
