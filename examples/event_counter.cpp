// SPDX-License-Identifier: MIT
//
// event_counter N: another thread says N times that something has happened; the loop is woken, and
// told how often, never less and never more. The thread only needs a descriptor.
//
//     ./dev build && build/release/bin/examples/event_counter 1000
#include <sys/eventfd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

// In a thread of its own, which may be a C library's.
void happen(int counter, std::uint64_t times) {
  while (times-- > 0)
    if (::eventfd_write(counter, 1) != 0) return;
}

Task<Result<>> count(Loop& loop, std::uint64_t times) {
  auto counter = EventCounter::create(loop);
  if (!counter) co_return std::unexpected(counter.error());
  // Stops when this task ends, before the counter is closed.
  const std::jthread thread(happen, counter->fd(), times);
  std::uint64_t seen = 0;
  std::uint64_t woken = 0;
  while (seen < times) {
    const auto more = co_await counter->next();
    if (!more) co_return std::unexpected(more.error());
    seen += *more;
    ++woken;
  }
  std::printf("%llu events\n", static_cast<unsigned long long>(seen));
  std::fprintf(stderr, "woken %llu times\n", static_cast<unsigned long long>(woken));
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: event_counter N\n", stderr);
    return 2;
  }
  const auto done =
      run([&](Loop& loop) { return count(loop, std::strtoull(argv[1], nullptr, 10)); });
  if (done) return 0;
  std::fprintf(stderr, "event_counter: %s\n", done.error().message().data());
  return 1;
}
