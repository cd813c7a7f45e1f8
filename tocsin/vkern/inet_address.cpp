// SPDX-License-Identifier: MIT
#include "tocsin/vkern/inet_address.hpp"

#include <algorithm>
#include <climits>
#include <cstring>

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected bad_address{Errno{EFAULT}};
constexpr std::unexpected other_family{Errno{EAFNOSUPPORT}};

Result<sockaddr_in> read(const sockaddr* address, socklen_t length) {
  if (auto done = check_address(address, length); !done) return std::unexpected(done.error());
  sockaddr_in read{};
  if (length < sizeof read) return invalid;
  std::memcpy(&read, address, sizeof read);
  return read;
}

Endpoint endpoint_of(const sockaddr_in& address) {
  return {.host = ntohl(address.sin_addr.s_addr), .port = ntohs(address.sin_port)};
}

}  // namespace

Result<> check_address(const sockaddr* address, socklen_t length) {
  if (length > sizeof(sockaddr_storage)) return invalid;
  if (length > 0 && address == nullptr) return bad_address;
  if (length < sizeof(sa_family_t)) return invalid;
  return {};
}

Result<Endpoint> read_endpoint(const sockaddr* address, socklen_t length) {
  const auto found = read(address, length);
  if (!found) return std::unexpected(found.error());
  if (found->sin_family != AF_INET) return other_family;
  return endpoint_of(*found);
}

Result<Endpoint> read_bind_endpoint(const sockaddr* address, socklen_t length) {
  const auto found = read(address, length);
  if (!found) return std::unexpected(found.error());
  const Endpoint endpoint = endpoint_of(*found);
  const bool is_any = found->sin_family == AF_UNSPEC && endpoint.is_any();
  if (found->sin_family != AF_INET && !is_any) return other_family;
  return endpoint;
}

Result<> store_endpoint(Endpoint endpoint, sockaddr* address, socklen_t* length) {
  if (address == nullptr) return {};
  if (length == nullptr) return bad_address;
  if (*length > INT_MAX) return invalid;
  sockaddr_in stored{};
  stored.sin_family = AF_INET;
  stored.sin_port = htons(endpoint.port);
  stored.sin_addr.s_addr = htonl(endpoint.host);
  std::memcpy(address, &stored, std::min<std::size_t>(*length, sizeof stored));
  *length = sizeof stored;
  return {};
}

}  // namespace tocsin::vkern
