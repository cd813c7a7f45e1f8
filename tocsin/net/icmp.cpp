// SPDX-License-Identifier: MIT
#include "tocsin/net/icmp.hpp"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include <cstring>

#include "tocsin/base/check.hpp"

namespace tocsin {
namespace {

constexpr std::size_t smallest_ipv4_header = 20;

std::uint8_t byte_at(ByteView bytes, std::size_t at) {
  return std::to_integer<std::uint8_t>(bytes[at]);
}

std::uint16_t number_at(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

void write_number(MutableBytes bytes, std::size_t at, std::uint16_t number) {
  bytes[at] = static_cast<std::byte>(number >> 8);
  bytes[at + 1] = static_cast<std::byte>(number & 0xff);
}

}  // namespace

std::optional<IcmpEcho> parse_echo(sa_family_t family, ByteView message) {
  if (message.size() < IcmpEcho::header_size) return std::nullopt;
  const bool is_v4 = family == AF_INET;
  const std::uint8_t type = byte_at(message, 0);
  const bool is_reply = type == (is_v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY);
  const bool is_request = type == (is_v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
  if ((!is_reply && !is_request) || byte_at(message, 1) != 0) return std::nullopt;
  return IcmpEcho{.is_reply = is_reply,
                  .identifier = number_at(message, 4),
                  .sequence = number_at(message, 6),
                  .payload = message.subspan(IcmpEcho::header_size)};
}

void write_echo(sa_family_t family, const IcmpEcho& echo, MutableBytes into) {
  const std::size_t size = IcmpEcho::header_size + echo.payload.size();
  CHECK(into.size() >= size, "there is too little room for the echo");
  const bool is_v4 = family == AF_INET;
  const int type = echo.is_reply ? (is_v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY)
                                 : (is_v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
  into[0] = static_cast<std::byte>(type);
  into[1] = std::byte{0};
  write_number(into, 2, 0);
  write_number(into, 4, echo.identifier);
  write_number(into, 6, echo.sequence);
  if (!echo.payload.empty())
    std::memmove(&into[IcmpEcho::header_size], echo.payload.data(), echo.payload.size());
  if (is_v4) write_number(into, 2, internet_checksum(into.first(size)));
}

std::optional<ByteView> payload_of_ipv4(ByteView packet) {
  if (packet.size() < smallest_ipv4_header || byte_at(packet, 0) >> 4 != 4) return std::nullopt;
  const std::size_t header = std::size_t{4} * (byte_at(packet, 0) & 15u);
  const std::size_t total = number_at(packet, 2);
  if (header < smallest_ipv4_header || total < header || total > packet.size()) return std::nullopt;
  return packet.subspan(header, total - header);
}

std::uint16_t internet_checksum(ByteView bytes) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) sum += number_at(bytes, at);
  if (bytes.size() % 2 == 1)
    sum += static_cast<std::uint64_t>(byte_at(bytes, bytes.size() - 1)) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace tocsin
