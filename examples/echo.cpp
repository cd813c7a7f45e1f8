// SPDX-License-Identifier: MIT
//
// echo HOST:PORT: sends everything back to whoever sent it, until SIGINT or SIGTERM.
//
//     ./dev build && build/release/bin/examples/echo 127.0.0.1:7000 &
//     echo hello | nc -N 127.0.0.1 7000
#include <cstdio>
#include <string>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<> echo(TcpStream peer) {
  while (auto bytes = co_await peer.read()) {         // Lent: held only while there are bytes.
    if (bytes->empty()) co_return;                    // The peer has finished.
    if (!co_await peer.write_all(*bytes)) co_return;  // The peer has gone.
  }
}

Task<Result<>> serve(Loop& loop, Address where) {
  auto listener = TcpListener::bind(loop, where);
  if (!listener) co_return std::unexpected(listener.error());
  Scope connections(loop);  // No connection outlives it.
  while (auto peer = co_await listener->accept()) connections.spawn(echo(std::move(*peer)));
  co_return co_await connections.join();  // Cancelled: so are they, and are waited for.
}

int complain(const std::string& what) {
  std::fprintf(stderr, "echo: %s\n", what.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const auto where = argc == 2 ? Address::parse(argv[1]) : std::unexpected(Errno::invalid);
  if (!where) return complain("usage: echo HOST:PORT, for instance echo 127.0.0.1:7000");

  const auto done = run([&](Loop& loop) { return serve(loop, *where); });
  if (!done) return complain(where->text() + ": " + std::string(done.error().message()));
  return 0;
}
