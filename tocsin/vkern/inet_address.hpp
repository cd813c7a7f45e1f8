// SPDX-License-Identifier: MIT
//
// Endpoint: an address and a port, as TCP and UDP sockets are found by.
//
//     sockaddr ──read_endpoint──> [ Endpoint ] ──store_endpoint──> sockaddr
//
// The network is one host and its loopback: what is local is 127.0.0.0/8 and ::1, and the two
// addresses that mean "all of these" to a socket that is bound, and the loopback's first to one
// that sends: INADDR_ANY and ::.
//
// Sockets of IPv6 reach IPv4, too, unless they are told not to (ipv6(7), IPV6_V6ONLY): under
// addresses that say so, ::ffff:127.0.0.1. Such a one is an Endpoint of IPv4 here, and only looks
// like one of IPv6 where a program sees it.
//
// Thread rule: values; any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <compare>
#include <cstdint>
#include <optional>

#include "tocsin/base/result.hpp"

namespace tocsin::vkern {

struct Endpoint {
  /// In host byte order. Of IPv6: what would be the same of IPv4 (INADDR_LOOPBACK: ::1), and
  /// `elsewhere` for all that are not of this host.
  std::uint32_t host = INADDR_ANY;
  std::uint16_t port = 0;
  bool is_v6 = false;

  static constexpr std::uint32_t elsewhere = INADDR_NONE;

  constexpr bool is_any() const { return host == INADDR_ANY; }
  auto operator<=>(const Endpoint&) const = default;
};

/// Whether packets to it stay in this host and arrive.
constexpr bool is_local(const Endpoint& endpoint) {
  if (endpoint.is_any()) return true;
  if (endpoint.is_v6) return endpoint.host == INADDR_LOOPBACK;
  return endpoint.host >> 24 == IN_LOOPBACKNET;
}

/// Where packets to `to` really go: those to INADDR_ANY back to where they come from, which is
/// 127.0.0.1 unless `from` says otherwise; those to :: to ::1, or to 127.0.0.1 if `from` is one of
/// IPv4.
constexpr Endpoint routed(Endpoint to, Endpoint from) {
  if (!to.is_any()) return to;
  if (to.is_v6) return {.host = INADDR_LOOPBACK, .port = to.port, .is_v6 = from.is_v6};
  const bool has_own = !from.is_any() && !from.is_v6;
  return {.host = has_own ? from.host : INADDR_LOOPBACK, .port = to.port};
}

/// Where packets from `local` to `to` say that they come from.
constexpr Endpoint source_of(Endpoint local, Endpoint to) {
  if (!local.is_any()) return local;
  return {.host = INADDR_LOOPBACK, .port = local.port, .is_v6 = to.is_v6};
}

/// What any call demands of an address before it looks at it: EFAULT for none where one is needed,
/// EINVAL for one that is longer than any or shorter than its family.
Result<> check_address(const sockaddr* address, socklen_t length);

/// As a socket of `domain` (AF_INET, AF_INET6) reads it. Fails as `check_address`; EINVAL if it is
/// too short for the domain, or one of a link that it does not name; EAFNOSUPPORT if it is another
/// domain's.
Result<Endpoint> read_endpoint(int domain, const sockaddr* address, socklen_t length);

/// As bind(2) reads it, which takes AF_UNSPEC with INADDR_ANY for IPv4.
Result<Endpoint> read_bind_endpoint(int domain, const sockaddr* address, socklen_t length);

/// As a datagram is sent to it. A socket of IPv6 takes IPv4's as well, and other families are
/// EINVAL to it; std::nullopt: AF_UNSPEC, which is none to it.
Result<std::optional<Endpoint>> read_destination(int domain, const sockaddr* address,
                                                 socklen_t length);

/// Stores as much of it as `*length` has room for, and in `*length` how long it is
/// (getsockname(2)). EFAULT if there is no `length`, EINVAL if it is negative. Does nothing if
/// there is no `address`.
Result<> store_endpoint(int domain, Endpoint endpoint, sockaddr* address, socklen_t* length);

}  // namespace tocsin::vkern
