// SPDX-License-Identifier: MIT
//
// http_hello HOST:PORT: greets over HTTP whoever asks, until SIGINT or SIGTERM.
//
//     ./dev build && build/release/bin/examples/http_hello 127.0.0.1:7001 &
//     curl http://127.0.0.1:7001/world
#include <cstdio>
#include <string>

#include "tocsin/http/server.hpp"
#include "tocsin/source/run.hpp"

using namespace tocsin;

namespace {

http::Response greet(const http::Request& request) {
  if (request.path == "/") return http::Response::text("Hello\n");
  return http::Response::text("Hello, " + std::string(request.path.substr(1)) + "\n");
}

Task<Result<>> serve(Loop& loop, Address where) {
  auto listener = TcpListener::bind(loop, where);
  if (!listener) co_return std::unexpected(listener.error());
  if (const auto bound = listener->local_address())
    std::printf("listening on http://%s\n", bound->text().c_str());
  std::fflush(stdout);
  co_return co_await http::serve(std::move(*listener), greet);
}

int complain(const char* about, Errno error) {
  std::fprintf(stderr, "http_hello: %s: %s\n", about, error.message().data());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: http_hello HOST:PORT, for instance http_hello 127.0.0.1:7001\n", stderr);
    return 2;
  }
  const auto where = Address::parse(argv[1]);
  if (!where) return complain(argv[1], where.error());
  const auto done = run([&](Loop& loop) { return serve(loop, *where); });
  return done ? 0 : complain(argv[1], done.error());
}
