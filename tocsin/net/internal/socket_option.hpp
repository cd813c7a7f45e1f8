// SPDX-License-Identifier: MIT
//
// Socket options that more than one kind of socket sets.
//
//     TcpStream, UdpSocket, Ping, NetlinkInbox, ... ──> [ set_option, set_receive_buffer ] ──>
//     setsockopt(2)
//
// It owns nothing. Thread rule: as the socket's.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "tocsin/kern/kernel.hpp"

namespace tocsin::internal {

/// setsockopt(2), whose errors it has.
template <class T>
Result<> set_option(Kernel& kernel, int fd, int level, int name, const T& value) {
  return kernel.setsockopt(fd, level, name, &value, sizeof value);
}

/// Room for what has come and was not received yet. Who has CAP_NET_ADMIN gets `bytes`; the others
/// no more than net.core.rmem_max, without an error (socket(7), SO_RCVBUF, SO_RCVBUFFORCE).
inline Result<> set_receive_buffer(Kernel& kernel, int fd, std::uint32_t bytes) {
  if (set_option(kernel, fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes)) return {};
  return set_option(kernel, fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

}  // namespace tocsin::internal
