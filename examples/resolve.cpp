// SPDX-License-Identifier: MIT
//
// resolve NAME [SERVER]: the addresses of NAME, one a line, as this machine's DNS servers say, or
// SERVER (127.0.0.1:5353).
//
//     ./dev build && build/release/bin/examples/resolve localhost
#include <cstdio>

#include "tocsin/adapters/cares/resolver.hpp"
#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> resolve(Loop& loop, const char* name, const char* server) {
  auto resolver = Resolver::create(loop, {.servers = server});
  if (!resolver) co_return std::unexpected(resolver.error());
  const auto found = co_await resolver->resolve(name);
  if (!found) co_return std::unexpected(found.error());
  for (const Address& address : *found) {
    const std::string text = address.text();  // With a port, which is 0.
    std::printf("%s\n", text.substr(0, text.rfind(':')).c_str());
  }
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fputs("usage: resolve NAME [SERVER]\n", stderr);
    return 2;
  }
  const auto done =
      run([&](Loop& loop) { return resolve(loop, argv[1], argc == 3 ? argv[2] : ""); });
  if (done) return 0;
  std::fprintf(stderr, "resolve: %s: %s\n", argv[1], explain_resolve_error(done.error()).data());
  return 1;
}
