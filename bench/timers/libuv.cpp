// SPDX-License-Identifier: MIT
//
// Re-arming on libuv: uv_timer_start on a timer that is active, which moves it.
#include <cstdlib>
#include <vector>

#include <uv.h>

#include "bench/timers/rearm.hpp"

namespace {

void on_timeout(uv_timer_t*) { std::abort(); }  // Nothing lasts 30 seconds.

}  // namespace

int main() {
  uv_loop_t* loop = uv_default_loop();
  std::vector<uv_timer_t> timers(rearm::timers);
  for (uv_timer_t& timer : timers) uv_timer_init(loop, &timer);
  rearm::measure_rearm([&](std::size_t index,
                           std::uint64_t ms) { uv_timer_start(&timers[index], on_timeout, ms, 0); },
                       [&] { uv_run(loop, UV_RUN_NOWAIT); });
}
