// SPDX-License-Identifier: MIT
//
// echo HOST:PORT: sends everything back to whoever sent it, until SIGINT or SIGTERM.
//
//     ./dev build && build/release/bin/examples/echo 127.0.0.1:7000 &
//     echo hello | nc -N 127.0.0.1 7000
#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.read()) {         // Lent: held only while there are bytes.
    if (bytes->empty()) co_return;                    // The peer has finished.
    if (!co_await peer.write_all(*bytes)) co_return;  // The peer has gone.
  }
}

// Says where it listens: with port 0 nobody else can know.
void announce(TcpListener& listener) {
  if (const auto where = listener.local_address())
    std::printf("listening on %s\n", where->text().c_str());
  std::fflush(stdout);
}

Task<Result<>> serve(Loop& loop, Address where) {
  auto listener = TcpListener::bind(loop, where);
  if (!listener) co_return std::unexpected(listener.error());
  announce(*listener);
  Scope connections(loop);  // No connection outlives it.
  while (auto peer = co_await listener->accept()) connections.spawn(echo(std::move(*peer)));
  co_return co_await connections.join();  // Cancelled: so are they, and are waited for.
}

int complain(const char* about, Errno error) {
  std::fprintf(stderr, "echo: %s: %s\n", about, error.message().data());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: echo HOST:PORT, for instance echo 127.0.0.1:7000\n", stderr);
    return 2;
  }
  const auto where = Address::parse(argv[1]);
  if (!where) return complain(argv[1], where.error());
  const auto done = run([&](Loop& loop) { return serve(loop, *where); });
  return done ? 0 : complain(argv[1], done.error());
}
