// SPDX-License-Identifier: MIT
//
// tun: an interface behind which every address answers a ping, until SIGINT. Needs root.
//
//     ./dev build && sudo build/release/bin/examples/tun &
//     sudo ip address add 10.9.8.1/24 dev tun0 && sudo ip link set tun0 up && ping 10.9.8.7
#include <linux/if_ether.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "tocsin/net/icmp.hpp"
#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

constexpr std::ptrdiff_t addresses = 12;  // Where an IPv4 header has them, four bytes each.

// The reply to an echo request; empty if the packet is none.
std::vector<std::byte> reply_to(ByteView packet) {
  const auto message = payload_of_ipv4(packet);
  if (!message || std::to_integer<int>(packet[9]) != IPPROTO_ICMP) return {};
  auto echo = parse_echo(AF_INET, *message);
  if (!echo || echo->is_reply) return {};
  echo->is_reply = true;
  std::vector<std::byte> reply(packet.begin(), packet.end());
  // Source and destination change places; the header's checksum stays, it is a sum.
  const auto source = reply.begin() + addresses;
  std::swap_ranges(source, source + 4, source + 4);
  const auto header = static_cast<std::size_t>(message->data() - packet.data());
  write_echo(AF_INET, *echo, std::span(reply).subspan(header));
  return reply;
}

Task<Result<>> answer(Loop& loop) {
  auto device = TunDevice::create(loop);
  if (!device) co_return std::unexpected(device.error());
  std::printf("%s\n", device->name().c_str());
  static_cast<void>(std::fflush(stdout));
  while (true) {
    const auto packet = co_await device->read();
    if (!packet) co_return std::unexpected(packet.error());
    const auto reply = packet->protocol == ETH_P_IP ? reply_to(packet->bytes) : reply_to({});
    if (reply.empty()) continue;
    const auto written = co_await device->write(reply);
    if (!written && written.error() != Errno{EIO}) co_return written;  // EIO: it is down now.
  }
}

}  // namespace

int main() {
  const auto done = run(answer);
  if (!done) std::fprintf(stderr, "tun: %s\n", done.error().message().data());
  return done ? 0 : 1;
}
