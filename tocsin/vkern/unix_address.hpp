// SPDX-License-Identifier: MIT
//
// UnixName: the address of a UNIX socket as a value, and the way between it and a sockaddr_un.
//
//     bind, connect, sendto ──> [ unix_name_of ] ──> registry of names
//     getsockname, accept, recvfrom <── [ store_address ] <── name of a socket
//
// A name is what stands in sun_path: a path with its final NUL, or an abstract name, which begins
// with NUL and has its length from the call (unix(7), "Address format"). A socket without a name
// has an empty one, and an address of two bytes.
//
// Thread rule: values; any thread.
#pragma once

#include <sys/socket.h>

#include <string>

#include "tocsin/base/result.hpp"

namespace tocsin::vkern {

using UnixName = std::string;

inline bool is_abstract(const UnixName& name) { return !name.empty() && name.front() == '\0'; }

/// What every call looks at before the family does: EINVAL for an impossible length, EFAULT for an
/// address that is not there.
Result<> check_unix_address(const sockaddr* address, socklen_t length);

/// The name that an address says. EINVAL for one that says none, or is of another family.
Result<UnixName> unix_name_of(const sockaddr* address, socklen_t length);

/// Stores the address of `name` in `*length` bytes at most and says in `*length` how many it has,
/// which may be more. EFAULT for null, EINVAL for a length below zero.
Result<> store_address(const UnixName& name, sockaddr* address, socklen_t* length);

}  // namespace tocsin::vkern
