// SPDX-License-Identifier: MIT
#include "tocsin/vkern/inet_address.hpp"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstring>

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected bad_address{Errno{EFAULT}};
constexpr std::unexpected other_family{Errno{EAFNOSUPPORT}};

// Without the scope, as it was at first, it will do (RFC 2133).
constexpr socklen_t least_of_v6 = offsetof(sockaddr_in6, sin6_scope_id);

template <class T>
Result<T> read(const sockaddr* address, socklen_t length, socklen_t least) {
  if (auto done = check_address(address, length); !done) return std::unexpected(done.error());
  T read{};
  if (length < least) return invalid;
  std::memcpy(&read, address, std::min<std::size_t>(length, sizeof read));
  return read;
}

Endpoint endpoint_of(const sockaddr_in& address) {
  return {.host = ntohl(address.sin_addr.s_addr), .port = ntohs(address.sin_port)};
}

Endpoint endpoint_of(const sockaddr_in6& address) {
  Endpoint endpoint{.host = Endpoint::elsewhere, .port = ntohs(address.sin6_port), .is_v6 = true};
  if (IN6_IS_ADDR_UNSPECIFIED(&address.sin6_addr)) endpoint.host = INADDR_ANY;
  if (IN6_IS_ADDR_LOOPBACK(&address.sin6_addr)) endpoint.host = INADDR_LOOPBACK;
  if (!IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) return endpoint;
  std::uint32_t host = 0;
  std::memcpy(&host, &address.sin6_addr.s6_addr[12], sizeof host);
  return {.host = ntohl(host), .port = endpoint.port};
}

in6_addr address_of(Endpoint endpoint) {
  if (endpoint.is_v6) return endpoint.is_any() ? in6addr_any : in6addr_loopback;
  in6_addr mapped{};
  mapped.s6_addr[10] = mapped.s6_addr[11] = 0xFF;
  const std::uint32_t host = htonl(endpoint.host);
  std::memcpy(&mapped.s6_addr[12], &host, sizeof host);
  return mapped;
}

}  // namespace

Result<> check_address(const sockaddr* address, socklen_t length) {
  if (length > sizeof(sockaddr_storage)) return invalid;
  if (length > 0 && address == nullptr) return bad_address;
  if (length < sizeof(sa_family_t)) return invalid;
  return {};
}

Result<Endpoint> read_endpoint(int domain, const sockaddr* address, socklen_t length) {
  if (domain == AF_INET6) {
    const auto found = read<sockaddr_in6>(address, length, least_of_v6);
    if (!found) return std::unexpected(found.error());
    if (found->sin6_family != AF_INET6) return other_family;
    if (IN6_IS_ADDR_LINKLOCAL(&found->sin6_addr)) return invalid;  // It cannot say of which link.
    return endpoint_of(*found);
  }
  const auto found = read<sockaddr_in>(address, length, sizeof(sockaddr_in));
  if (!found) return std::unexpected(found.error());
  if (found->sin_family != AF_INET) return other_family;
  return endpoint_of(*found);
}

Result<Endpoint> read_bind_endpoint(int domain, const sockaddr* address, socklen_t length) {
  if (domain == AF_INET6) return read_endpoint(domain, address, length);
  const auto found = read<sockaddr_in>(address, length, sizeof(sockaddr_in));
  if (!found) return std::unexpected(found.error());
  const Endpoint endpoint = endpoint_of(*found);
  const bool is_any = found->sin_family == AF_UNSPEC && endpoint.is_any();
  if (found->sin_family != AF_INET && !is_any) return other_family;
  return endpoint;
}

Result<std::optional<Endpoint>> read_destination(int domain, const sockaddr* address,
                                                 socklen_t length) {
  if (auto done = check_address(address, length); !done) return std::unexpected(done.error());
  const int family = address->sa_family;
  if (domain == AF_INET6 && family == AF_UNSPEC) return std::nullopt;
  if (domain == AF_INET6 && family != AF_INET6 && family != AF_INET) return invalid;
  if (domain == AF_INET6 && family == AF_INET6) {
    const auto found = read<sockaddr_in6>(address, length, least_of_v6);
    if (!found) return std::unexpected(found.error());
    return endpoint_of(*found);
  }
  const auto found = read_endpoint(AF_INET, address, length);
  if (!found) return std::unexpected(found.error());
  return *found;
}

Result<> store_endpoint(int domain, Endpoint endpoint, sockaddr* address, socklen_t* length) {
  if (address == nullptr) return {};
  if (length == nullptr) return bad_address;
  if (*length > INT_MAX) return invalid;
  const auto store = [&](const auto& stored) {
    std::memcpy(address, &stored, std::min<std::size_t>(*length, sizeof stored));
    *length = sizeof stored;
  };
  if (domain == AF_INET6) {
    sockaddr_in6 stored{};
    stored.sin6_family = AF_INET6;
    stored.sin6_port = htons(endpoint.port);
    stored.sin6_addr = address_of(endpoint);
    store(stored);
  } else {
    sockaddr_in stored{};
    stored.sin_family = AF_INET;
    stored.sin_port = htons(endpoint.port);
    stored.sin_addr.s_addr = htonl(endpoint.host);
    store(stored);
  }
  return {};
}

}  // namespace tocsin::vkern
