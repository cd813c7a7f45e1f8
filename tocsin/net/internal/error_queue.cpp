// SPDX-License-Identifier: MIT
#include "tocsin/net/internal/error_queue.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tocsin::internal {
namespace {

bool is_of_error_queue(const cmsghdr& header) {
  return (header.cmsg_level == IPPROTO_IP && header.cmsg_type == IP_RECVERR) ||
         (header.cmsg_level == IPPROTO_IPV6 && header.cmsg_type == IPV6_RECVERR);
}

// The address lies behind the structure: SO_EE_OFFENDER, without its alignment.
Address reporter_of(const std::byte* data, std::size_t size) {
  if (size <= sizeof(sock_extended_err)) return {};
  sockaddr_storage address{};
  const std::size_t length = std::min(size - sizeof(sock_extended_err), sizeof address);
  std::memcpy(&address, data + sizeof(sock_extended_err), length);
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return {};
  return Address::from(reinterpret_cast<const sockaddr*>(&address),
                       address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
}

}  // namespace

Result<ErrorEntry> read_error_queue(FdSource& source, MutableBytes payload) {
  iovec part{.iov_base = payload.data(), .iov_len = payload.size()};
  sockaddr_storage to{};
  alignas(cmsghdr) std::array<std::byte, 512> control;
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const Count count = source.kernel().recvmsg(source.fd(), message, MSG_ERRQUEUE);
  if (!count) return std::unexpected(count.error());

  ErrorEntry entry;
  entry.size = *count;
  if (message.msg_namelen > 0 && to.ss_family != AF_UNSPEC)
    entry.to = Address::from(reinterpret_cast<const sockaddr*>(&to), message.msg_namelen);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    const std::size_t size = header->cmsg_len - CMSG_LEN(0);
    if (!is_of_error_queue(*header) || size < sizeof entry.what) continue;
    const auto* const data = reinterpret_cast<const std::byte*>(CMSG_DATA(header));
    std::memcpy(&entry.what, data, sizeof entry.what);
    entry.reporter = reporter_of(data, size);
  }
  return entry;
}

}  // namespace tocsin::internal
