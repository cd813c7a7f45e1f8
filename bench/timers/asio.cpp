// SPDX-License-Identifier: MIT
//
// Re-arming on Asio: expires_after cancels the wait that is under way, async_wait begins another;
// the cancelled handler is called, with operation_aborted, in the next turn.
#include <chrono>
#include <cstdlib>
#include <vector>

#include <asio.hpp>

#include "bench/timers/rearm.hpp"

int main() {
  asio::io_context context(1);
  std::vector<asio::steady_timer> timers;
  timers.reserve(rearm::timers);
  for (std::size_t i = 0; i < rearm::timers; ++i) timers.emplace_back(context);
  rearm::measure_rearm(
      [&](std::size_t index, std::uint64_t ms) {
        timers[index].expires_after(std::chrono::milliseconds(ms));
        timers[index].async_wait([](std::error_code error) {
          if (!error) std::abort();  // Nothing lasts 30 seconds.
        });
      },
      [&] { context.poll(); });
}
