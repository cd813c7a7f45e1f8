// SPDX-License-Identifier: MIT
//
// alarm_clock SECONDS: rings at the time of day that is so many seconds from now, from a suspended
// machine too if it may, and says when somebody sets the clock meanwhile.
//
//     ./dev build && build/release/bin/examples/alarm_clock 10
#include <time.h>

#include <cstdio>
#include <cstdlib>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

void say(Duration time, const char* what) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::printf("%02d:%02d:%02d %s\n", local.tm_hour, local.tm_min, local.tm_sec, what);
  std::fflush(stdout);
}

Task<Result<>> ring_in(Loop& loop, std::chrono::seconds later) {
  auto timer = ClockTimer::create(loop, Clock::realtime_alarm);
  if (!timer && timer.error() == Errno::not_permitted) {  // Only CAP_WAKE_ALARM wakes a machine.
    std::fputs("alarm_clock: does not ring while the machine is suspended\n", stderr);
    timer = ClockTimer::create(loop, Clock::realtime);
  }
  if (!timer) co_return std::unexpected(timer.error());
  const Duration now = timer->now().value();
  if (auto set = timer->set_at(now + later); !set) co_return set;
  say(now + later, "is when it will ring");
  while (true) {
    const auto expired = co_await timer->next();
    if (!expired) co_return std::unexpected(expired.error());
    if (!expired->clock_was_set) break;
    say(timer->now().value(), "is what the clock was set to");
  }
  say(timer->now().value(), "it rings");
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: alarm_clock SECONDS\n", stderr);
    return 2;
  }
  const std::chrono::seconds later(std::strtol(argv[1], nullptr, 10));
  const auto done = run([&](Loop& loop) { return ring_in(loop, later); });
  if (done) return 0;
  std::fprintf(stderr, "alarm_clock: %s\n", done.error().message().data());
  return 1;
}
