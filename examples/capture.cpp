// SPDX-License-Identifier: MIT
//
// capture [INTERFACE]: a line for each frame that passes it, or any; SIGINT ends it. Needs root.
//
//     ./dev build && sudo build/release/bin/examples/capture lo
#include <cinttypes>
#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

constexpr std::array directions{"to us", "broadcast", "multicast", "to another", "outgoing"};

void print(const Frame& frame, const std::string& interface) {
  std::printf("%s %s: protocol 0x%04x, %zu bytes%s, from %s\n", interface.c_str(),
              directions[std::to_underlying(frame.direction)], frame.protocol, frame.length,
              frame.truncated ? " (truncated)" : "", frame.from.text().c_str());
  static_cast<void>(std::fflush(stdout));  // Somebody may read it at the end of a pipe.
}

Task<Result<>> capture(Loop& loop, const char* name) {
  PacketOptions options;
  if (name != nullptr) {
    const auto index = interface_index(loop.kernel(), name);
    if (!index) co_return std::unexpected(index.error());
    options.interface = *index;
  }
  auto frames = PacketSocket::create(loop, options);
  if (!frames) co_return std::unexpected(frames.error());
  std::fputs("capturing\n", stderr);

  Errno ended = Errno::cancelled;
  while (true) {
    const auto frame = co_await frames->receive();
    if (!frame && frame.error() == Errno{ENETDOWN}) continue;  // It may come up again.
    if (!frame) {
      ended = frame.error();
      break;
    }
    const auto interface = interface_name(loop.kernel(), frame->interface);
    print(*frame, interface.value_or("(gone)"));
  }
  if (const auto all = frames->statistics(); all && all->dropped > 0)
    std::fprintf(stderr, "%" PRIu64 " of %" PRIu64 " were dropped\n", all->dropped, all->seen);
  co_return std::unexpected(ended);
}

}  // namespace

int main(int argc, char** argv) {
  const auto done = run([&](Loop& loop) { return capture(loop, argc > 1 ? argv[1] : nullptr); });
  if (done) return 0;
  std::fprintf(stderr, "capture: %s\n", done.error().message().data());
  return 1;
}
