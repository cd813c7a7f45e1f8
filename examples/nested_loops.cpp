// SPDX-License-Identifier: MIT
//
// nested_loops: two loops that run inside a third, each with timers and counters of its own; one
// thread, one wait in the kernel. The faster one is stopped after five ticks, which ends the other.
//
//     ./dev build && build/release/bin/examples/nested_loops
#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;
using namespace std::chrono_literals;

namespace {

Task<> tick(Loop& loop, const char* name, Duration period, int times) {
  Ticker ticker(loop, period);
  for (int i = 1; i <= times && co_await ticker.next(); ++i) std::printf("%s %d\n", name, i);
  loop.stop();  // Ends run_nested for this loop.
}

Task<Result<>> run_both(Loop& outer) {
  auto fast = Loop::create();
  if (!fast) co_return std::unexpected(fast.error());
  auto slow = Loop::create();
  if (!slow) co_return std::unexpected(slow.error());
  Scope in_fast(**fast);
  Scope in_slow(**slow);
  in_fast.spawn(tick(**fast, "fast", 20ms, 5));
  in_slow.spawn(tick(**slow, "slow", 50ms, 1'000));

  Scope scope(outer);
  scope.spawn(run_nested(outer, **slow));
  const auto done = co_await run_nested(outer, **fast);
  if (!done) {
    std::fprintf(stderr, "nested_loops: %s\n", why_not_nested(outer, **fast, done.error()).data());
    co_return done;
  }
  std::printf("turns: fast %llu, slow %llu\n",
              static_cast<unsigned long long>((*fast)->counters().turns),
              static_cast<unsigned long long>((*slow)->counters().turns));
  scope.cancel();
  static_cast<void>(co_await scope.join());  // ECANCELED: as it was told.
  co_return {};
}

}  // namespace

int main() { return run(run_both) ? 0 : 1; }
