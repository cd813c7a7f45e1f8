// SPDX-License-Identifier: MIT
//
// Opening connections to the server, many of them, and saying what went wrong.
//
//     main --> [ open_connections ] --> fds --> Worker
//
// A connection is named by four numbers, and one source address has some 28,000 ports
// (ip_local_port_range), fewer while old ones are in TIME_WAIT. So the sources go round
// 127.0.0.2 to 127.0.0.17 when the server is on loopback. What is opened here is closed by
// whoever called, or by the end of the program.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace load {

/// Ends the program: `what`, errno in words, status 1. A load generator that goes on after an
/// error would measure the error.
[[noreturn]] void fail(const std::string& what);
[[noreturn]] void fail_with(const std::string& reason);  ///< The same without errno.

/// Nanoseconds of CLOCK_MONOTONIC.
std::uint64_t now();

/// Raises the soft limit of open files to the hard one, so that tens of thousands fit.
void raise_file_limit();

/// `count` connected, blocking sockets with TCP_NODELAY; each operation on them is limited to
/// 30 seconds, so that a server that hangs ends the program.
std::vector<int> open_connections(const sockaddr_in& server, std::size_t count);

/// One echo of `size` bytes on each, compared with what was sent. An idle connection that has never
/// been used would hide the buffers a server keeps after its first read.
void echo_once(const std::vector<int>& fds, std::size_t size);

}  // namespace load
