// SPDX-License-Identifier: MIT
//
// Re-arming on Tocsin: Loop::arm on an alarm that is armed, which moves it. The deadline is counted
// from the time of the turn, as the other libraries count it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bench/timers/rearm.hpp"
#include "tocsin/loop/loop.hpp"

namespace {

class IdleTimeout final : public tocsin::Alarm {
 public:
  void run() override { std::abort(); }  // Nothing lasts 30 seconds.
};

}  // namespace

int main() {
  auto created = tocsin::Loop::create();
  if (!created) {
    std::fprintf(stderr, "the loop cannot be made\n");
    return 1;
  }
  tocsin::Loop& loop = **created;
  std::vector<IdleTimeout> timers(rearm::timers);
  rearm::measure_rearm(
      [&](std::size_t index, std::uint64_t ms) {
        loop.arm(timers[index], loop.now() + std::chrono::milliseconds(ms));
      },
      [&] {
        if (!loop.run_once(tocsin::Duration::zero())) std::abort();
      });
}
