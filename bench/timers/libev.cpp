// SPDX-License-Identifier: MIT
//
// Re-arming on libev: ev_timer_again, which ev(3) recommends for timeouts that are moved often ("Be
// smart about timeouts", 2).
#include <ev.h>

#include <cstdlib>
#include <vector>

#include "bench/timers/rearm.hpp"

namespace {

void on_timeout(struct ev_loop*, ev_timer*, int) { std::abort(); }  // Nothing lasts 30 seconds.

}  // namespace

int main() {
  struct ev_loop* loop = ev_default_loop(EVBACKEND_EPOLL);
  std::vector<ev_timer> timers(rearm::timers);
  for (ev_timer& timer : timers) ev_init(&timer, on_timeout);
  rearm::measure_rearm(
      [&](std::size_t index, std::uint64_t ms) {
        timers[index].repeat = static_cast<double>(ms) * 1e-3;
        ev_timer_again(loop, &timers[index]);
      },
      [&] { ev_run(loop, EVRUN_NOWAIT); });
}
