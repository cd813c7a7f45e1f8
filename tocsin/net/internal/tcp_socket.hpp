// SPDX-License-Identifier: MIT
//
// Of tcp.cpp, what shared_listener.cpp needs as well: sockets that listen and have no loop yet.
//
// Thread rule: any thread.
#pragma once

#include "tocsin/kern/fd.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/net/tcp.hpp"

namespace tocsin::internal {

/// Whether it is an address of TCP's: IPv4, IPv6.
bool is_tcp(const Address& address);

/// A socket that listens at `address`. Fails as TcpListener::bind. Requires: is_tcp(address).
Result<Fd> tcp_listening_socket(Kernel& kernel, const Address& address,
                                const TcpListenOptions& options);

}  // namespace tocsin::internal
