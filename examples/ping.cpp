// SPDX-License-Identifier: MIT
//
// ping ADDRESS [COUNT]: an echo a second, until SIGINT or for COUNT of them.
//
//     ./dev build && build/release/bin/examples/ping 127.0.0.1 3
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "tocsin/tocsin.hpp"

using namespace tocsin;
using namespace std::chrono_literals;

namespace {

Result<Address> parse(const std::string& host) {
  const bool is_v6 = host.find(':') != host.npos;
  return Address::parse(is_v6 ? std::string("[").append(host).append("]:0") : host + ":0");
}

Task<Result<>> ping(Loop& loop, Address target, long count) {
  auto host = Ping::create(loop, target);
  if (!host) co_return std::unexpected(host.error());
  std::printf("ping %s, by a %s socket\n", target.host().c_str(),
              host->kind() == PingKind::raw ? "raw" : "datagram");
  for (long i = 0; i < count; ++i) {
    const auto pause = i == 0 ? 0s : 1s;
    const auto slept = co_await sleep_for(pause);
    if (!slept) co_return slept;
    const auto reply = co_await timeout(1s, host->echo());
    if (!reply && reply.error() == Errno::cancelled) co_return std::unexpected(reply.error());
    if (!reply)
      std::printf("%s\n", reply.error().message().data());
    else
      std::printf("%zu bytes, sequence %u, %.3f ms\n", reply->size, reply->sequence,
                  std::chrono::duration<double, std::milli>(reply->round_trip).count());
    static_cast<void>(std::fflush(stdout));
  }
  co_return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto target = parse(argc > 1 ? argv[1] : "");
  if (argc > 3 || !target) {
    std::fputs("usage: ping ADDRESS [COUNT]\n", stderr);
    return 2;
  }
  const long count =
      argc > 2 ? std::strtol(argv[2], nullptr, 10) : std::numeric_limits<long>::max();
  const auto done = run([&](Loop& loop) { return ping(loop, *target, count); });
  if (done) return 0;
  const bool forbidden = done.error() == Errno{EACCES};
  std::fprintf(stderr, "ping: %s%s\n", done.error().message().data(),
               forbidden ? " (see CAP_NET_RAW, net.ipv4.ping_group_range)" : "");
  return 1;
}
