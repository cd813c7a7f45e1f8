// SPDX-License-Identifier: MIT
//
// ICMP echoes as bytes: made, and read out of whatever came (RFC 792, RFC 4443).
//
//     Ping ──> [ write_echo, parse_echo ] <── what the network sent
//
// What comes was written by anybody: every length in it is held against what there is.
//
// It owns nothing: what is parsed points into what was given. Thread rule: functions; any thread.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "tocsin/base/bytes.hpp"

namespace tocsin {

/// An echo request or its reply.
struct IcmpEcho {
  static constexpr std::size_t header_size = 8;

  bool is_reply = false;
  std::uint16_t identifier = 0;  // Tells the sender's requests from those of others.
  std::uint16_t sequence = 0;
  ByteView payload;
};

/// Reads an ICMP (`family` AF_INET) or ICMPv6 (AF_INET6) message. nullopt if it is no echo, or cut
/// short in its header. Its checksum is not looked at.
std::optional<IcmpEcho> parse_echo(sa_family_t family, ByteView message);

/// Writes `echo` to the first `header_size` and payload's many bytes of `into`. The checksum of
/// ICMPv6, which is of the addresses, too, is left 0: the kernel makes it. Requires: room enough,
/// and that the payload does not overlap `into` unless it is in its place there already.
void write_echo(sa_family_t family, const IcmpEcho& echo, MutableBytes into);

/// What follows the header of an IPv4 packet, up to its end as the header says it; nullopt if that
/// is no header, or there is less than it says.
std::optional<ByteView> payload_of_ipv4(ByteView packet);

/// Of RFC 1071, in host byte order; over bytes that hold their checksum it is 0.
std::uint16_t internet_checksum(ByteView bytes);

}  // namespace tocsin
