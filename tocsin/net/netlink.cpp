// SPDX-License-Identifier: MIT
#include "tocsin/net/netlink.hpp"

#include <linux/netlink.h>

#include <algorithm>

namespace tocsin {
namespace {

constexpr std::size_t alignment = 4;
static_assert(NLMSG_ALIGNTO == alignment);
static_assert(NLA_ALIGNTO == alignment);

// Takes a piece of `length` bytes, padded so that the next one is aligned; the last one need not
// be. Requires: there are as many.
ByteView take_padded(ByteView& bytes, std::size_t length) {
  const ByteView piece = bytes.first(length);
  const std::size_t padded = (length + alignment - 1) & ~(alignment - 1);
  bytes = bytes.subspan(std::min(padded, bytes.size()));
  return piece;
}

// The header at the front, if the length in it is one that the bytes allow.
template <class Header>
std::optional<Header> header_of(ByteView bytes, std::uint32_t (*length_of)(const Header&)) {
  const auto header = take_structure<Header>(bytes);
  if (!header) return std::nullopt;
  const std::size_t length = length_of(*header);
  const std::size_t all = bytes.size() + sizeof(Header);
  if (length < sizeof(Header) || length > all) return std::nullopt;
  return header;
}
static_assert(sizeof(nlmsghdr) == 16 && sizeof(nlattr) == 4, "neither is padded");

}  // namespace

std::optional<NetlinkMessage> take_message(ByteView& bytes) {
  const auto header =
      header_of<nlmsghdr>(bytes, [](const nlmsghdr& of) -> std::uint32_t { return of.nlmsg_len; });
  if (!header) return std::nullopt;
  return NetlinkMessage{.type = header->nlmsg_type,
                        .flags = header->nlmsg_flags,
                        .sequence = header->nlmsg_seq,
                        .payload = take_padded(bytes, header->nlmsg_len).subspan(sizeof(nlmsghdr))};
}

std::optional<NetlinkAttribute> take_attribute(ByteView& bytes) {
  const auto header =
      header_of<nlattr>(bytes, [](const nlattr& of) -> std::uint32_t { return of.nla_len; });
  if (!header) return std::nullopt;
  return NetlinkAttribute{.type = static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK),
                          .value = take_padded(bytes, header->nla_len).subspan(sizeof(nlattr))};
}

}  // namespace tocsin
