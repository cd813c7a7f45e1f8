// SPDX-License-Identifier: MIT
//
// signals: prints the signals it is sent, with their sender and their value; SIGTERM ends it.
//
//     ./dev build && build/release/bin/examples/signals &
//     kill -USR1 $!; kill --queue 42 -RTMIN $!; kill $!
#include <signal.h>

#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

void say(const SignalInfo& info) {
  std::printf("signal %d from process %d of user %u", info.number, info.pid, info.uid);
  if (info.code == SI_QUEUE) std::printf(", value %d", info.value);
  std::puts("");
  std::fflush(stdout);
}

Task<Result<>> print_signals(Loop& loop) {
  // Blocked before anybody knows the number to send them to: sent earlier, they would end it.
  auto signals = Signals::create(loop, {SIGHUP, SIGUSR1, SIGUSR2, SIGRTMIN});
  if (!signals) co_return std::unexpected(signals.error());
  std::printf("process %d\n", loop.kernel().getpid());
  std::fflush(stdout);
  Scope scope(loop);
  on_each(scope, *signals, say);  // Or: while (auto info = co_await signals->next()) say(*info);
  co_return co_await scope.join();
}

}  // namespace

int main() {
  const auto done = run(print_signals);
  if (done) return 0;
  std::fprintf(stderr, "signals: %s\n", done.error().message().data());
  return 1;
}
