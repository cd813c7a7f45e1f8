// SPDX-License-Identifier: MIT
//
// message_queue NAME                  prints what comes, the most urgent first, until ^C
// message_queue NAME PRIORITY TEXT    sends one message
//
//     ./dev build && build/release/bin/examples/message_queue /jobs
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> receive(Loop& loop, std::string name) {
  auto queue = MessageQueue::open(loop, name, {.access = O_RDONLY});
  if (!queue) co_return std::unexpected(queue.error());
  while (true) {
    const auto message = co_await queue->receive();
    if (!message) co_return std::unexpected(message.error());
    const auto text = as_text(message->bytes);
    std::printf("%u %.*s\n", message->priority, static_cast<int>(text.size()), text.data());
    std::fflush(stdout);
  }
}

Task<Result<>> send(Loop& loop, std::string name, unsigned priority, std::string text) {
  using namespace std::chrono_literals;
  auto queue = MessageQueue::open(loop, name, {.access = O_WRONLY});
  if (!queue) co_return std::unexpected(queue.error());
  co_return co_await timeout(10s, queue->send(as_bytes(text), priority));  // It may be full.
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) {
    std::fputs("usage: message_queue NAME [PRIORITY TEXT]\n", stderr);
    return 2;
  }
  const std::string name = argv[1];
  const auto done = run([&](Loop& loop) {
    if (argc == 2) return receive(loop, name);
    return send(loop, name, static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)), argv[3]);
  });
  if (done) return 0;
  const std::string why = explain_queue_error(name, done.error());
  std::fprintf(stderr, "message_queue: %s: %s\n", name.c_str(), why.c_str());
  return 1;
}
