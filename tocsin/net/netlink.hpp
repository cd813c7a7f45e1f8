// SPDX-License-Identifier: MIT
//
// Netlink messages as bytes: taken apart, whatever they hold (netlink(7), netlink(3)).
//
//     datagram ──> [ take_message ] ──> NetlinkMessage ──> [ take_attribute ] ──> NetlinkAttribute
//
// Both take one piece off the front of the bytes they are given, and stop at the first one whose
// length is a lie: if bytes are left over then, the rest was no message.
//
// It owns nothing: what is taken points into what was given. Thread rule: functions; any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

#include "tocsin/base/bytes.hpp"

namespace tocsin {

/// See netlink(7), `struct nlmsghdr`.
struct NetlinkMessage {
  std::uint16_t type = 0;      // RTM_NEWLINK, NLMSG_DONE, ...
  std::uint16_t flags = 0;     // NLM_F_MULTI, ...
  std::uint32_t sequence = 0;  // Of the request that is answered; 0 for what nobody asked for.
  ByteView payload;
};

/// A type, and as many bytes as it has (rtnetlink(7), "Routing attributes").
struct NetlinkAttribute {
  std::uint16_t type = 0;  // Without the bits that say how it is encoded.
  ByteView value;
};

/// The first message, which `bytes` begins behind then. nullopt at the end, or before what is none.
std::optional<NetlinkMessage> take_message(ByteView& bytes);

/// The first attribute, likewise.
std::optional<NetlinkAttribute> take_attribute(ByteView& bytes);

/// A T at the front of `bytes`, which begins behind it, aligned, then; nullopt if there are fewer.
template <class T>
std::optional<T> take_structure(ByteView& bytes) {
  static_assert(std::is_trivially_copyable_v<T>, "its bytes are all there is of it");
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T taken;
  std::memcpy(&taken, bytes.data(), sizeof taken);
  constexpr std::size_t aligned = (sizeof(T) + 3) & ~std::size_t{3};  // NLMSG_ALIGN
  bytes = bytes.subspan(aligned < bytes.size() ? aligned : bytes.size());
  return taken;
}

/// The value of an attribute as a T; nullopt if it is too short for one.
template <class T>
std::optional<T> value_as(ByteView value) {
  return take_structure<T>(value);
}

/// The value of an attribute as text: up to its NUL, if it has one.
inline std::string_view value_as_text(ByteView value) {
  const std::string_view text = as_text(value);
  return text.substr(0, text.find('\0'));
}

}  // namespace tocsin
