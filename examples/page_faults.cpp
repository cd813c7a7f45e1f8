// SPDX-License-Identifier: MIT
//
// page_faults FILE: counts the lines of FILE in memory that is empty to begin with. Whenever the
// thread that counts gets to a page that is not there, it sleeps until the loop has read that.
//
//     ./dev build && build/release/bin/examples/page_faults README.md
#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<> make_pages(PageRegion& region, const File& file) {
  while (true) {
    const auto fault = co_await region.next();
    if (!fault) co_return;  // Cancelled: everything is counted.
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
  const std::uint64_t size = (co_await file->size()).value_or(0);
  auto region = PageRegion::create(loop, size);
  if (!region) co_return std::unexpected(region.error());
  const auto scope = std::make_shared<Scope>(loop);
  scope->spawn(make_pages(*region, *file));
  std::atomic<std::ptrdiff_t> lines = -1;
  std::jthread counter([&, text = region->memory().first(size)] {
    lines = std::ranges::count(text, std::byte{'\n'});
    loop.waker().post([scope] { scope->cancel(); });
  });
  static_cast<void>(co_await scope->join());
  if (lines >= 0) std::printf("%td lines\n", lines.load());
  if (lines < 0) static_cast<void>(region->zero(0, size));  // Ctrl-C: the thread must not sleep on.
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
