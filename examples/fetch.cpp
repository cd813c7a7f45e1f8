// SPDX-License-Identifier: MIT
//
// fetch URL...: gets all of them at once, and prints for each, as it comes, its status, how many
// bytes it is, and how long it took; what takes longer than 30 seconds is given up.
//
//     ./dev build && build/release/bin/examples/fetch https://example.org https://example.net
#include <chrono>
#include <cstdio>
#include <span>

#include "tocsin/adapters/curl/multi.hpp"
#include "tocsin/tocsin.hpp"

using namespace tocsin;
using namespace std::chrono_literals;

namespace {

Task<> fetch(Loop& loop, curl::Multi& multi, const char* url, int& failures) {
  const TimePoint start = loop.now();
  const auto page = co_await timeout(30s, multi.get(url));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(loop.now() - start);
  if (page) {
    std::printf("%s: %ld, %zu bytes, %lld ms\n", url, page->status, page->body.size(),
                static_cast<long long>(took.count()));
  } else {
    ++failures;
    std::fprintf(stderr, "fetch: %s: %s\n", url, page.error().message().c_str());
  }
}

Task<Result<>> fetch_all(Loop& loop, std::span<char*> urls, int& failures) {
  auto multi = curl::Multi::create(loop);
  if (!multi) co_return std::unexpected(multi.error());
  Scope scope(loop);
  for (const char* url : urls) scope.spawn(fetch(loop, *multi, url, failures));
  co_return co_await scope.join();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: fetch URL...\n", stderr);
    return 2;
  }
  int failures = 0;
  const auto urls = std::span(argv, static_cast<std::size_t>(argc)).subspan(1);
  const auto done = run([&](Loop& loop) { return fetch_all(loop, urls, failures); });
  return done && failures == 0 ? 0 : 1;
}
