// SPDX-License-Identifier: MIT
//
// copy FROM TO: copies a regular file, by io_uring or, where that is refused, by threads.
//
//     ./dev build && build/release/bin/examples/copy README.md /tmp/README.md
#include <fcntl.h>

#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> copy(Loop& loop, const char* from, const char* to) {
  auto engine = FileEngine::create(loop);
  if (!engine) co_return std::unexpected(engine.error());
  auto source = co_await File::open(**engine, from, O_RDONLY);
  if (!source) co_return std::unexpected(source.error());
  auto target = co_await File::open(**engine, to, O_WRONLY | O_CREAT | O_TRUNC);
  if (!target) co_return std::unexpected(target.error());

  std::uint64_t copied = 0;
  while (true) {
    auto bytes = co_await source->read_at(copied);
    if (!bytes) co_return std::unexpected(bytes.error());
    if (bytes->empty()) break;  // The end of the file.
    auto written = co_await target->write_at(copied, *bytes);
    if (!written) co_return written;
    copied += bytes->size();
  }
  std::printf("%llu bytes, by %s\n", static_cast<unsigned long long>(copied),
              (*engine)->name().data());
  co_return co_await target->sync();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: copy FROM TO\n", stderr);
    return 2;
  }
  const auto done = run([&](Loop& loop) { return copy(loop, argv[1], argv[2]); });
  if (done) return 0;
  std::fprintf(stderr, "copy: %s to %s: %s\n", argv[1], argv[2], done.error().message().data());
  return 1;
}
