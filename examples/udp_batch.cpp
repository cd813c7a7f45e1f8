// SPDX-License-Identifier: MIT
//
// udp_batch FROM TO [COUNT]: sends COUNT datagrams (64) from the address FROM to TO in one call,
// receives what comes back in batches, and says what did not arrive, and who says so.
//
//     ./dev build && build/release/bin/examples/udp_batch 127.0.0.1:0 127.0.0.1:9
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tocsin/tocsin.hpp"

using namespace tocsin;
using namespace std::chrono_literals;

namespace {
Task<> print_answers(UdpSocket& socket) {
  DatagramBatch batch;
  while (const auto done = co_await socket.receive_batch(batch))
    std::printf("%zu datagrams in a batch, the first from %s\n", batch.size(),
                batch[0].from.text().c_str());
}

Task<> print_errors(UdpSocket& socket) {
  while (auto error = co_await socket.errors().next())
    std::printf("%s: %s, says %s\n", error->to.text().c_str(), error->error.message().data(),
                error->reporter.text().c_str());
}

Task<Result<>> send_batch(Loop& loop, Address from, Address to, std::size_t count) {
  auto socket = UdpSocket::bind(loop, from, {.errors = true});
  if (!socket) co_return std::unexpected(socket.error());
  std::vector<std::string> texts(count);  // What the batch looks at.
  std::vector<OutgoingDatagram> batch(count);
  for (std::size_t i = 0; i < count; ++i) {
    texts[i] = std::to_string(i);
    batch[i] = {.bytes = as_bytes(texts[i]), .to = to};
  }

  const auto sent = co_await socket->send_batch(batch);
  if (!sent) co_return std::unexpected(sent.error());
  std::printf("sent %zu\n", *sent);
  Scope listeners(loop);
  listeners.spawn(print_answers(*socket));
  listeners.spawn(print_errors(*socket));
  co_return co_await sleep_for(500ms);  // Nobody has to answer: at some time it is enough.
}

}  // namespace

int main(int argc, char** argv) {
  const auto from = Address::parse(argc > 2 ? argv[1] : "");
  const auto to = Address::parse(argc > 2 ? argv[2] : "");
  const std::size_t count = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 64;
  if (from && to)
    return run([&](Loop& loop) { return send_batch(loop, *from, *to, count); }) ? 0 : 1;
  std::fputs("usage: udp_batch FROM TO [COUNT], each HOST:PORT\n", stderr);
  return 2;
}
