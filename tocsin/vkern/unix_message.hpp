// SPDX-License-Identifier: MIT
//
// UnixMessage: one message in the queue of the socket that it was sent to: a datagram, a packet, or
// one piece of a stream.
//
//     sender ──charged──> [ UnixMessage ] in the receiver's queue ──read──> sender is given room
//
// It keeps its sender in memory: whose name recvfrom(2) shows, even if it is bound after sending or
// has been closed, and whose send buffer it fills until it is consumed.
//
// Ownership: its queue's. Thread rule: under System::unix_lock(), but for letting go of one, which
// may close files: that happens with no lock held (UnixLeftovers).
#pragma once

#include <cstddef>
#include <list>
#include <vector>

#include "tocsin/vkern/unix_address.hpp"
#include "tocsin/vkern/unix_ancillary.hpp"

namespace tocsin::vkern {

template <class P>
class UnixSocket;

template <class P>
struct UnixMessage {
  std::vector<std::byte> bytes;
  std::size_t consumed = 0;  // Of the bytes, from their front: only streams are read in parts.
  std::size_t cost = 0;      // What it takes of the sender's SO_SNDBUF.
  Ref<UnixSocket<P>> sender;
  UnixAncillary<P> ancillary;

  std::size_t left() const { return bytes.size() - consumed; }
};

template <class P>
using UnixMessages =
    std::list<UnixMessage<P>>;  // Each stays where it is: one may be the urgent one.

/// What a call collects under the lock to let go of after it.
template <class P>
struct UnixLeftovers {
  UnixMessages<P> messages;
  std::vector<Ref<UnixSocket<P>>> sockets;
};

/// What a receiving call brings from under the lock, beside the bytes.
template <class P>
struct UnixReceipt {
  UnixAncillary<P> ancillary;
  UnixName sender;
  bool shows_credentials = false;
  int flags = 0;  // For msg_flags.
};

}  // namespace tocsin::vkern
