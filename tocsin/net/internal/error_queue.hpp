// SPDX-License-Identifier: MIT
//
// Of a socket's error queue, one entry: what the kernel reports about something sent before.
//
//     recvmsg(2), MSG_ERRQUEUE ──> [ read_error_queue ] ──> UdpErrorOperation,
//                                                       ZeroCopyOperation, Ping
//
// Thread rule: the loop's thread.
#pragma once

#include <time.h>
// clang-format off: the kernel's header uses the timespec of time.h without including it.
#include <linux/errqueue.h>
// clang-format on

#include <cstddef>

#include "tocsin/base/bytes.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/source/fd_source.hpp"

namespace tocsin::internal {

struct ErrorEntry {
  sock_extended_err what{};  // ip(7), "IP_RECVERR".
  Address reporter;          // SO_EE_OFFENDER; none if it was this machine.
  Address to;                // Whom what was sent was for; none for a stream.
  std::size_t size = 0;      // Of the payload that came back.
};

/// Takes the first entry of the queue, with what it holds of the payload in `payload`. Fails with
/// EAGAIN if there is none.
Result<ErrorEntry> read_error_queue(FdSource& source, MutableBytes payload);

}  // namespace tocsin::internal
