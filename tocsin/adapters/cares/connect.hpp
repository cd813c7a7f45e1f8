// SPDX-License-Identifier: MIT
//
// connect_by_name: a TCP connection to a host that has a name (RFC 8305, "Happy Eyeballs").
//
//     name ──> Resolver, both families ──> [ connect_by_name ] ──> connect_any ──> TcpStream
//
// Whichever family is known first need not wait for the other: IPv6 begins at once, IPv4 gives it
// 50 ms to turn up. What is known later joins the attempts that are under way.
//
// Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>

#include "tocsin/adapters/cares/resolver.hpp"
#include "tocsin/net/connect_any.hpp"

namespace tocsin {

/// Awaiting it connects to one of the addresses of `name`. Fails as the attempt that failed last
/// (TcpStream::connect), or, if no address was found, as Resolver::resolve; with ECANCELED.
/// `resolver` is the loop's, and must outlive it.
Task<Result<TcpStream>> connect_by_name(
    Loop& loop, Resolver& resolver, std::string name, std::uint16_t port,
    ConnectAnyOptions options = {}, std::source_location where = std::source_location::current());

}  // namespace tocsin
