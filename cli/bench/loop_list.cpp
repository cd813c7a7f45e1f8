// SPDX-License-Identifier: MIT
#include "cli/bench/lists.hpp"

namespace tocsin::bench {

Plan plan_loop(const Settings&) { return {}; }

}  // namespace tocsin::bench
