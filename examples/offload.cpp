// SPDX-License-Identifier: MIT
//
// offload NAME...: looks names up with getaddrinfo(3), which blocks, on two threads, while the loop
// goes on and counts its milliseconds.
//
//     ./dev build && build/release/bin/examples/offload localhost ip6-localhost
#include <netdb.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

// Blocks for as long as the name servers take.
int look_up(const std::string& name) {
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(name.c_str(), nullptr, nullptr, &found);
  if (failed == 0) ::freeaddrinfo(found);
  return failed;
}

Task<Result<>> say(ThreadPool& pool, std::string name) {
  const auto failed = co_await offload(pool, [&] { return look_up(name); });
  if (!failed) co_return std::unexpected(failed.error());
  std::printf("%s: %s\n", name.c_str(), *failed == 0 ? "found" : ::gai_strerror(*failed));
  co_return {};
}

Task<Result<>> look_up_all(Loop& loop, char** names) {
  auto pool = ThreadPool::create(loop, 2);
  if (!pool) co_return std::unexpected(pool.error());
  Ticker milliseconds(loop, std::chrono::milliseconds(1));
  std::uint64_t counted = 0;
  Scope ticking(loop);
  on_each(ticking, milliseconds, [&](std::uint64_t ticks) { counted += ticks; });

  Scope lookups(loop);
  for (; *names != nullptr; ++names) lookups.spawn(say(**pool, *names));
  const auto done = co_await lookups.join();
  std::fprintf(stderr, "%llu ms\n", static_cast<unsigned long long>(counted));
  co_return done;
}

}  // namespace

int main(int, char** argv) {
  const auto done = run([&](Loop& loop) { return look_up_all(loop, argv + 1); });
  if (!done) std::fprintf(stderr, "offload: %s\n", done.error().message().data());
  return done ? 0 : 1;
}
