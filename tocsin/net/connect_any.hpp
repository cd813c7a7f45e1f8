// SPDX-License-Identifier: MIT
//
// connect_any: one connection to a host that has several addresses (RFC 8305, "Happy Eyeballs").
//
//     addresses, as they become known ──> [ connect_any ] ──> attempts, staggered ──> TcpStream
//
// The addresses are tried in order, but for the families, which take turns, IPv6 first. Each gets a
// head start of `attempt_delay` before the next is tried as well, and none once it has failed. The
// first to be connected counts; the other attempts end then, and leave nothing. So an address that
// never answers costs a quarter of a second, and not minutes.
//
// There is no name resolution here: see adapters/cares.
//
// Thread rule: the loop's thread.
#pragma once

#include <chrono>
#include <source_location>
#include <vector>

#include "tocsin/net/tcp.hpp"
#include "tocsin/task/channel.hpp"

namespace tocsin {

struct ConnectAnyOptions {
  /// RFC 8305, section 5: 250 ms are recommended, never less than 100 over a real network.
  Duration attempt_delay = std::chrono::milliseconds(250);
};

/// Awaiting it connects to one of `addresses`. Fails as the attempt that failed last
/// (TcpStream::connect); with EDESTADDRREQ if there was no address; with ECANCELED.
Task<Result<TcpStream>> connect_any(Loop& loop, std::vector<Address> addresses,
                                    ConnectAnyOptions options = {},
                                    std::source_location where = std::source_location::current());

/// As above, while addresses are still being found: those of each item join the ones that wait. It
/// has failed when the Channel is closed and every attempt has. `batches` is read by nobody else,
/// and must outlive it.
Task<Result<TcpStream>> connect_any(Loop& loop, Channel<std::vector<Address>>& batches,
                                    ConnectAnyOptions options = {},
                                    std::source_location where = std::source_location::current());

}  // namespace tocsin
