// SPDX-License-Identifier: MIT
//
// Endpoint: an address and a port of IPv4, as TCP and UDP sockets are found by.
//
//     sockaddr ──read_endpoint──> [ Endpoint ] ──store_endpoint──> sockaddr
//
// The network is one host and its loopback: what is local is 127.0.0.0/8, and INADDR_ANY, which
// means "all of these" to a socket that is bound, and 127.0.0.1 to one that sends.
//
// Thread rule: values; any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <compare>
#include <cstdint>

#include "tocsin/base/result.hpp"

namespace tocsin::vkern {

/// In host byte order.
struct Endpoint {
  std::uint32_t host = INADDR_ANY;
  std::uint16_t port = 0;

  constexpr bool is_any() const { return host == INADDR_ANY; }
  auto operator<=>(const Endpoint&) const = default;
};

/// Whether packets to `host` stay in this host and arrive.
constexpr bool is_loopback(std::uint32_t host) { return host >> 24 == IN_LOOPBACKNET; }
constexpr bool is_local(std::uint32_t host) { return host == INADDR_ANY || is_loopback(host); }

/// Where packets to `to` really go: those to INADDR_ANY back to where they come from, which is
/// 127.0.0.1 unless `from` says otherwise.
constexpr Endpoint routed(Endpoint to, Endpoint from) {
  const std::uint32_t own = from.is_any() ? INADDR_LOOPBACK : from.host;
  return {.host = to.is_any() ? own : to.host, .port = to.port};
}

/// What any call demands of an address before it looks at it: EFAULT for none where one is needed,
/// EINVAL for one that is longer than any or shorter than its family.
Result<> check_address(const sockaddr* address, socklen_t length);

/// Fails as `check_address`; EINVAL if it is too short for IPv4, EAFNOSUPPORT if it is another
/// family's.
Result<Endpoint> read_endpoint(const sockaddr* address, socklen_t length);

/// As bind(2) reads it, which takes AF_UNSPEC with INADDR_ANY for IPv4.
Result<Endpoint> read_bind_endpoint(const sockaddr* address, socklen_t length);

/// Stores as much of it as `*length` has room for, and in `*length` how long it is
/// (getsockname(2)). EFAULT if there is no `length`, EINVAL if it is negative. Does nothing if
/// there is no `address`.
Result<> store_endpoint(Endpoint endpoint, sockaddr* address, socklen_t* length);

}  // namespace tocsin::vkern
