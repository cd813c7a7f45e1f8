// SPDX-License-Identifier: MIT
//
// page_faults FILE: counts the lines of FILE in memory that is empty to begin with. Whenever the
// thread that counts gets to a page that is not there, it sleeps until the loop has read that.
//
//     ./dev build && build/release/bin/examples/page_faults README.md
#include <fcntl.h>

#include <algorithm>
#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<> make_pages(PageRegion& region, const File& file) {
  while (true) {
    const auto fault = co_await region.next();
    if (!fault) co_return;
    auto bytes = co_await file.read_at(fault->page);
    // What cannot be read ends in a signal, and not in zeroes or a wait for ever.
    if (!bytes || bytes->empty() || !region.copy(fault->page, *bytes))
      static_cast<void>(region.poison(fault->page, 1));
  }
}

Task<Result<>> count_lines(Loop& loop, const char* path) {
  auto engine = FileEngine::create(loop);
  if (!engine) co_return std::unexpected(engine.error());
  auto file = co_await File::open(**engine, path, O_RDONLY);
  if (!file) co_return std::unexpected(file.error());
  const auto size = co_await file->size();
  if (!size) co_return std::unexpected(size.error());
  auto region = PageRegion::create(loop, *size);
  if (!region) co_return std::unexpected(region.error());
  auto pool = ThreadPool::create(loop, 1);
  if (!pool) co_return std::unexpected(pool.error());

  Scope pages(loop);
  pages.spawn(make_pages(*region, *file));
  const auto text = region->memory().first(*size);
  const auto lines =
      co_await offload(**pool, [&] { return std::ranges::count(text, std::byte{'\n'}); });
  if (!lines) co_return std::unexpected(lines.error());
  std::printf("%td lines\n", *lines);
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: page_faults FILE\n", stderr), 2;
  const auto done = run([&](Loop& loop) { return count_lines(loop, argv[1]); });
  if (done) return 0;
  std::fprintf(stderr, "page_faults: %s: %s\n", argv[1], done.error().message().data());
  return 1;
}
