// SPDX-License-Identifier: MIT
//
// perf_overflow THREAD MILLISECONDS: says so each time a thread (a process's id is its first
// thread's) has used so much processor time, until it ends.
//
//     ./dev build && build/release/bin/examples/perf_overflow $$ 100
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> print_use(Loop& loop, pid_t thread, std::uint64_t milliseconds) {
  auto event = PerfEvent::create(loop, {.period = milliseconds * 1'000'000, .thread = thread});
  if (!event) co_return std::unexpected(event.error());
  while (true) {
    const auto overflow = co_await event->next();
    if (!overflow && overflow.error() == Errno{ESRCH}) co_return {};  // It has ended.
    if (!overflow) co_return std::unexpected(overflow.error());
    for (const PerfSample& sample : overflow->samples)
      std::printf("%llu ms more, now at %#llx\n", static_cast<unsigned long long>(milliseconds),
                  static_cast<unsigned long long>(sample.address));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: perf_overflow THREAD MILLISECONDS\n", stderr);
    return 2;
  }
  const auto thread = static_cast<pid_t>(std::strtol(argv[1], nullptr, 10));
  const auto milliseconds = std::strtoull(argv[2], nullptr, 10);
  const auto done = run([&](Loop& loop) { return print_use(loop, thread, milliseconds); });
  if (done) return 0;
  std::fprintf(stderr, "perf_overflow: %s\n", done.error().message().data());
  return 1;
}
