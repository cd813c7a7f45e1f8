// SPDX-License-Identifier: MIT
//
// proxy HOST:PORT TARGET:PORT: hands on whatever comes, both ways, without looking at it: by splice
// through a pipe, where the kernel allows it.
//
//     ./dev build && build/release/bin/examples/proxy 127.0.0.1:8080 127.0.0.1:80
#include <cstdio>
#include <utility>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

// One way. The end of what comes is handed on; the other way may have more to say.
Task<Result<>> hand_on(TcpStream& from, TcpStream& to, const char* way) {
  const auto copied = co_await copy(from.source(), to.source());
  if (!copied) co_return std::unexpected(copied.error());
  std::printf("%s: %llu bytes by %s\n", way, static_cast<unsigned long long>(copied->bytes),
              name_of(copied->method).data());
  std::fflush(stdout);
  co_return to.finish_writing();
}

Task<> connection(Loop& loop, TcpStream client, Address target) {
  auto server = co_await TcpStream::connect(loop, target);
  if (!server) co_return;  // The client sees its connection closed.
  Scope both(loop);        // One way that fails ends the other.
  both.spawn(hand_on(client, *server, "up"));
  both.spawn(hand_on(*server, client, "down"));
  (void)co_await both.join();
}

Task<Result<>> serve(Loop& loop, Address where, Address target) {
  auto listener = TcpListener::bind(loop, where);
  if (!listener) co_return std::unexpected(listener.error());
  if (const auto bound = listener->local_address())
    std::printf("listening on %s\n", bound->text().c_str());
  std::fflush(stdout);
  Scope connections(loop);
  while (auto client = co_await listener->accept())
    connections.spawn(connection(loop, std::move(*client), target));
  co_return co_await connections.join();
}

}  // namespace

int main(int argc, char** argv) {
  const auto where = Address::parse(argc == 3 ? argv[1] : "");
  const auto target = Address::parse(argc == 3 ? argv[2] : "");
  if (!where || !target) {
    std::fputs("usage: proxy HOST:PORT TARGET:PORT\n", stderr);
    return 2;
  }
  const auto done = run([&](Loop& loop) { return serve(loop, *where, *target); });
  return done ? 0 : 1;
}
