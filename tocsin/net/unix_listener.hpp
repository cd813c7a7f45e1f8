// SPDX-License-Identifier: MIT
//
// UnixListenerOf: waits for connections at a name: of UNIX stream or seqpacket sockets (unix(7)).
//
//     UnixListenerOf<S>::bind ──> accept() ──> S: UnixStream, UnixSeqpacket
//
// A listener at a path makes a file there, which outlives the process unless somebody removes it:
// it removes what it made, and takes the place of a predecessor that could not. A name in the
// abstract namespace ("unix:@name") has no file and none of these troubles, but no permissions
// either: whoever is in the same network namespace may connect.
//
// Ownership: it owns its fd, its registration and its file; the loop must outlive it. Thread rule:
// the loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/net/accept.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/net/internal/unix_socket.hpp"

namespace tocsin {

struct UnixListenOptions {
  int backlog = 4096;  // Connections that wait for accept; listen(2) caps it at somaxconn.
  /// Bind although there is a socket file at the path, if no process has that socket any more.
  bool replace_stale = true;
};

namespace internal {

/// What a listener has to do with no kind of connection in particular.
struct UnixListening {
  SocketFile file;  // Removed after the fd is closed.
  std::unique_ptr<Listening> socket;

  static Result<UnixListening> bind(Loop& loop, const Address& address, int type,
                                    const UnixListenOptions& options, std::source_location where);
};

}  // namespace internal

template <class S>
class UnixListenerOf {
 public:
  /// Listens at `address`. Fails as bind(2): EADDRINUSE (a living socket, or no socket at all, is
  /// there), EACCES, ENOENT, ...; with EAFNOSUPPORT for an address that is not UNIX. After a
  /// failure nothing is left, a stale file possibly not either. Its file goes with it, unless
  /// something else has taken its place; a relative path is looked up where the process is by then.
  static Result<UnixListenerOf> bind(Loop& loop, const Address& address,
                                     const UnixListenOptions& options = {},
                                     std::source_location where = std::source_location::current()) {
    auto listening = internal::UnixListening::bind(loop, address, S::type, options, where);
    if (!listening) return std::unexpected(listening.error());
    return UnixListenerOf(std::move(*listening));
  }

  /// Waits for the next connection; see AcceptOperation. One at a time.
  AcceptOperation<S> accept(std::source_location where = std::source_location::current()) {
    return {*listening_.socket, where};
  }

  Result<Address> local_address() {
    FdSource& source = *listening_.socket->source;
    return local_address_of(source.kernel(), source.fd());
  }

  const AcceptCounters& counters() const { return listening_.socket->counters; }

 private:
  explicit UnixListenerOf(internal::UnixListening listening) : listening_(std::move(listening)) {}

  internal::UnixListening listening_;
};

}  // namespace tocsin
