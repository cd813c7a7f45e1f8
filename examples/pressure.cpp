// SPDX-License-Identifier: MIT
//
// pressure cpu|memory|io MILLISECONDS: says so whenever work was held up for so long within two
// seconds, until SIGTERM.
//
//     ./dev build && build/release/bin/examples/pressure memory 100
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

Task<Result<>> print_stalls(Loop& loop, Resource resource, std::chrono::milliseconds stall) {
  auto pressure = Pressure::create(loop, resource, {.stall = stall});
  if (!pressure) co_return std::unexpected(pressure.error());
  while (true) {
    const auto info = co_await pressure->next();
    if (!info) co_return std::unexpected(info.error());
    std::printf("stalled: %.2f%% of the last 10 s, of a minute %.2f%%; everybody: %.2f%%\n",
                info->some.average_10s, info->some.average_60s, info->full.average_10s);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc == 3 ? argv[1] : "";
  if (name != "cpu" && name != "memory" && name != "io") {
    std::fputs("usage: pressure cpu|memory|io MILLISECONDS\n", stderr);
    return 2;
  }
  const Resource resource = name == "cpu"  ? Resource::cpu
                            : name == "io" ? Resource::io
                                           : Resource::memory;
  const std::chrono::milliseconds stall(std::strtol(argv[2], nullptr, 10));
  const auto done = run([&](Loop& loop) { return print_stalls(loop, resource, stall); });
  if (done) return 0;
  const char* const reason = done.error() == Errno{ENOENT}        ? "the kernel has no CONFIG_PSI"
                             : done.error() == Errno::unsupported ? "boot with psi=1"
                                                                  : done.error().message().data();
  std::fprintf(stderr, "pressure: %s\n", reason);
  return 1;
}
