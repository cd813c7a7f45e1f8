// SPDX-License-Identifier: MIT
//
// What the kernel says of the network (rtnetlink(7)): links, their addresses, routes, as values.
//
//     NetlinkMessage ──> [ parse_route_message ] ──> RouteEvent{changed, Link{...}}
//
// An attribute that is missing, or not as long as it has to be, leaves its member as it is at
// first; those that are not listed here are passed over.
//
// They own their text. Thread rule: values, and a function for any thread.
#pragma once

#include <net/if.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "tocsin/net/address.hpp"
#include "tocsin/net/interface.hpp"
#include "tocsin/net/netlink.hpp"

namespace tocsin {

/// A network interface.
struct Link {
  unsigned index = 0;  // The interface, for as long as it exists.
  std::string name;
  std::string kind;  // Of what is not hardware: "tun", "veth", "bridge", ...
  LinkAddress address;
  std::uint16_t hardware_type = 0;  // ARPHRD_ETHER, ...
  unsigned flags = 0;               // IFF_UP, ... (netdevice(7))
  std::uint32_t mtu = 0;
  unsigned master = 0;  // The bridge or bond it belongs to: its index, or 0.

  bool is_up() const { return (flags & IFF_UP) != 0; }            // Somebody wants it to run,
  bool is_running() const { return (flags & IFF_RUNNING) != 0; }  // and it does.
};

/// An address of an interface.
struct InterfaceAddress {
  unsigned interface = 0;  // The index.
  Address address;         // Its own; port 0.
  Address peer;            // At the other end of a point-to-point link, or none.
  std::uint8_t prefix_length = 0;
  std::uint8_t scope = 0;   // RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, ...
  std::uint32_t flags = 0;  // IFA_F_PERMANENT, IFA_F_TENTATIVE, ...
};

/// An entry of a routing table.
struct Route {
  sa_family_t family = AF_UNSPEC;  // AF_INET or AF_INET6.
  Address destination;             // None: the default route.
  std::uint8_t prefix_length = 0;
  Address gateway;             // None: the destination is on the link.
  Address source;              // Preferred, or none.
  unsigned interface = 0;      // The index; 0 of one with several, or none (unreachable, ...).
  std::uint32_t table = 0;     // RT_TABLE_MAIN, ...
  std::uint32_t priority = 0;  // The metric: lower is better.
  std::uint8_t type = 0;       // RTN_UNICAST, RTN_LOCAL, ...
  std::uint8_t protocol = 0;   // Who made it: RTPROT_KERNEL, RTPROT_BOOT, ...
};

/// One thing that RouteEvents has to tell.
struct RouteEvent {
  enum class Kind : std::uint8_t {
    present,  // `what` is there: part of a dump.
    changed,  // `what` is new, or not as it was: the kernel makes no difference.
    removed,  // `what` is gone.
    dumped,   // All that is there has been told.
    resync,   // Changes were lost here. What is there now only a dump tells.
  };
  Kind kind = Kind::resync;
  std::variant<std::monostate, Link, InterfaceAddress, Route> what;  // Nothing, of the last two.
};

/// `changed` or `removed`, or nullopt for messages of other types, of other families than those
/// above, and for what is too short. (A message of the family AF_BRIDGE that says RTM_DELLINK does
/// not mean the interface is gone, but that it has left its bridge.)
std::optional<RouteEvent> parse_route_message(const NetlinkMessage& message);

}  // namespace tocsin
