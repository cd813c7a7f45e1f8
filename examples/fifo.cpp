// SPDX-License-Identifier: MIT
//
// fifo PATH: prints what anybody writes to the FIFO at PATH, which it makes if it is not there;
// writers come and go. `fifo PATH TEXT` is such a writer, who finds out when nobody reads.
//
//     ./dev build && build/release/bin/examples/fifo events &  echo hello > events
#include <sys/stat.h>

#include <cstdio>
#include <string>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> print(Loop& loop, std::string path) {
  if (::mkfifo(path.c_str(), 0600) != 0 && errno != EEXIST) co_return std::unexpected(Errno{errno});
  auto fifo = PipeReader::open_fifo(loop, path);
  if (!fifo) co_return std::unexpected(fifo.error());
  std::puts("ready");
  while (true) {
    std::fflush(stdout);
    const auto bytes = co_await fifo->read();
    if (!bytes) co_return std::unexpected(bytes.error());
    std::fwrite(bytes->data(), 1, bytes->size(), stdout);
  }
}

Task<Result<>> write(Loop& loop, std::string path, std::string text) {
  auto fifo = PipeWriter::open_fifo(loop, path);
  if (!fifo) co_return std::unexpected(fifo.error());
  co_return co_await fifo->write_all(as_bytes(text));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fputs("usage: fifo PATH [TEXT]\n", stderr);
    return 2;
  }
  const auto done = run([&](Loop& loop) {
    return argc == 2 ? print(loop, argv[1]) : write(loop, argv[1], std::string(argv[2]) + "\n");
  });
  if (done) return 0;
  const bool alone = done.error() == Errno{ENXIO};
  const std::string_view why = alone ? "nobody reads it" : done.error().message();
  std::fprintf(stderr, "fifo: %s: %s\n", argv[1], why.data());
  return 1;
}
