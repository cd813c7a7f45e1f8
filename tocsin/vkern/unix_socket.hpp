// SPDX-License-Identifier: MIT
//
// UNIX sockets (unix(7)): streams, datagrams, sequenced packets.
#pragma once

#include <array>

#include "tocsin/vkern/socket.hpp"
#include "tocsin/vkern/system.hpp"

namespace tocsin::vkern {

/// A socket of `type` (SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET). Fails as socket(2).
template <class P>
Result<Ref<Socket<P>>> make_unix_socket(System<P>& system, int type, int protocol);

/// Two that are connected. Fails as socketpair(2).
template <class P>
Result<std::array<Ref<Socket<P>>, 2>> make_unix_pair(System<P>& system, int type, int protocol);

}  // namespace tocsin::vkern
