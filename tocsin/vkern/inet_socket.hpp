// SPDX-License-Identifier: MIT
//
// TCP and UDP over a loopback (tcp(7), udp(7), ip(7)).
#pragma once

#include "tocsin/vkern/socket.hpp"
#include "tocsin/vkern/system.hpp"

namespace tocsin::vkern {

/// A socket of `type` (SOCK_STREAM, SOCK_DGRAM). Fails as socket(2).
template <class P>
Result<Ref<Socket<P>>> make_inet_socket(System<P>& system, int type, int protocol);

}  // namespace tocsin::vkern
