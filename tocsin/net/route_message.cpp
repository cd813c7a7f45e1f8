// SPDX-License-Identifier: MIT
#include "tocsin/net/route_message.hpp"

#include <linux/rtnetlink.h>

namespace tocsin {
namespace {

bool is_ip(std::uint8_t family) { return family == AF_INET || family == AF_INET6; }

// None if there are not as many bytes as an address of that family has.
Address address_of(sa_family_t family, ByteView value) {
  const std::size_t size = family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
  return value.size() == size ? Address::ip(value, 0).value_or(Address()) : Address();
}

template <class T>
void assign(T& member, ByteView value) {
  if (const auto number = value_as<std::uint32_t>(value)) member = *number;
}

std::string kind_of(ByteView info) {
  while (const auto attribute = take_attribute(info))
    if (attribute->type == IFLA_INFO_KIND) return std::string(value_as_text(attribute->value));
  return {};
}

std::optional<Link> parse_link(ByteView payload) {
  const auto header = take_structure<ifinfomsg>(payload);
  if (!header || header->ifi_family != AF_UNSPEC) return std::nullopt;
  Link link{.index = static_cast<unsigned>(header->ifi_index),
            .name = {},
            .kind = {},
            .address = {},
            .hardware_type = header->ifi_type,
            .flags = header->ifi_flags};
  while (const auto attribute = take_attribute(payload)) {
    const ByteView value = attribute->value;
    if (attribute->type == IFLA_IFNAME) link.name = value_as_text(value);
    if (attribute->type == IFLA_ADDRESS) link.address = LinkAddress::from(value);
    if (attribute->type == IFLA_MTU) assign(link.mtu, value);
    if (attribute->type == IFLA_MASTER) assign(link.master, value);
    if (attribute->type == IFLA_LINKINFO) link.kind = kind_of(value);
  }
  return link;
}

// "For IPv4, IFA_ADDRESS is a prefix address rather than a local one: of a point-to-point link it
// is the peer's, and IFA_LOCAL is the interface's own" (linux/if_addr.h).
std::optional<InterfaceAddress> parse_address(ByteView payload) {
  const auto header = take_structure<ifaddrmsg>(payload);
  if (!header || !is_ip(header->ifa_family)) return std::nullopt;
  InterfaceAddress address{.interface = header->ifa_index,
                           .address = {},
                           .peer = {},
                           .prefix_length = header->ifa_prefixlen,
                           .scope = header->ifa_scope,
                           .flags = header->ifa_flags};
  while (const auto attribute = take_attribute(payload)) {
    const ByteView value = attribute->value;
    if (attribute->type == IFA_ADDRESS) address.peer = address_of(header->ifa_family, value);
    if (attribute->type == IFA_LOCAL) address.address = address_of(header->ifa_family, value);
    if (attribute->type == IFA_FLAGS) assign(address.flags, value);
  }
  if (address.address.size() == 0) address.address = address.peer;
  if (address.address == address.peer) address.peer = {};
  return address;
}

std::optional<Route> parse_route(ByteView payload) {
  const auto header = take_structure<rtmsg>(payload);
  if (!header || !is_ip(header->rtm_family)) return std::nullopt;
  if ((header->rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;  // Of a cache, not of a table.
  Route route{.family = header->rtm_family,
              .destination = {},
              .prefix_length = header->rtm_dst_len,
              .gateway = {},
              .source = {},
              .table = header->rtm_table,
              .type = header->rtm_type,
              .protocol = header->rtm_protocol};
  while (const auto attribute = take_attribute(payload)) {
    const ByteView value = attribute->value;
    if (attribute->type == RTA_DST) route.destination = address_of(route.family, value);
    if (attribute->type == RTA_GATEWAY) route.gateway = address_of(route.family, value);
    if (attribute->type == RTA_PREFSRC) route.source = address_of(route.family, value);
    if (attribute->type == RTA_OIF) assign(route.interface, value);
    if (attribute->type == RTA_TABLE) assign(route.table, value);
    if (attribute->type == RTA_PRIORITY) assign(route.priority, value);
  }
  return route;
}

template <class T>
std::optional<RouteEvent> event_of(bool removed, std::optional<T> what) {
  if (!what) return std::nullopt;
  return RouteEvent{removed ? RouteEvent::Kind::removed : RouteEvent::Kind::changed,
                    std::move(*what)};
}

}  // namespace

std::optional<RouteEvent> parse_route_message(const NetlinkMessage& message) {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return event_of(message.type == RTM_DELLINK, parse_link(message.payload));
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return event_of(message.type == RTM_DELADDR, parse_address(message.payload));
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return event_of(message.type == RTM_DELROUTE, parse_route(message.payload));
    default:
      return std::nullopt;
  }
}

}  // namespace tocsin
