// SPDX-License-Identifier: MIT
//
// UnixAncillary: what travels beside the bytes: open files and credentials (unix(7), "Ancillary
// messages").
//
//     sendmsg ──> take_ancillary ──> [ UnixAncillary ] in flight ──> give_ancillary ──> recvmsg
//
// A file in flight is open: its description cannot end before the message is received or thrown
// away. So a message must never be let go of under a lock.
//
// Credentials are noted if one of the two sides asked for them (SO_PASSCRED) when the message was
// sent, or if the sender named them. Every process in a System is root's.
//
// Thread rule: values; no lock may be held where files are let go of or taken.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "tocsin/vkern/description.hpp"

namespace tocsin::vkern {

/// Nobody's: what recvmsg(2) shows as process 0 of the overflow user.
inline constexpr ucred no_credentials{
    .pid = 0, .uid = static_cast<uid_t>(-1), .gid = static_cast<gid_t>(-1)};

inline bool is_same(const ucred& a, const ucred& b) {
  return a.pid == b.pid && a.uid == b.uid && a.gid == b.gid;
}

template <class P>
struct UnixAncillary {
  std::vector<Open<P>> files;
  ucred credentials = no_credentials;
};

/// What the control messages of `message` say. EINVAL for one that is malformed or unknown, or for
/// more than 253 files; EBADF for a descriptor that is not open; ESRCH for credentials of a process
/// that is not the sender.
template <class P>
Result<UnixAncillary<P>> take_ancillary(Process<P>& process, const msghdr& message);

/// Hands `ancillary` to the receiver: descriptors are made, control messages written, and
/// `msg_controllen` and `msg_flags` set. What has no room is closed, and MSG_CTRUNC says so.
/// `flags` are recvmsg(2)'s, for MSG_CMSG_CLOEXEC.
template <class P>
void give_ancillary(Process<P>& process, UnixAncillary<P>& ancillary, bool wants_credentials,
                    msghdr& message, int flags);

}  // namespace tocsin::vkern
