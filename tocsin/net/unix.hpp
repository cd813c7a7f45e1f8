// SPDX-License-Identifier: MIT
//
// UnixListener, UnixStream: stream sockets between processes of one machine (unix(7)).
//
//     UnixListener::bind ──> accept() ──┐
//     UnixStream::connect, pair ────────┴──> [ UnixStream ] ──> read(), write_all(), ...
//
// A listener at a path makes a file there, which outlives the process unless somebody removes it:
// UnixListener removes what it made, and takes the place of a predecessor that could not. A name in
// the abstract namespace ("unix:@name") has no file and none of these troubles.
//
// Ownership: each owns its fd and its registration, a listener its file, too; the loop must outlive
// them. Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/net/accept.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/net/stream.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// A connection. It is one pointer.
class UnixStream final : public Stream {
 public:
  static constexpr const char* name = "unix";

  /// For a socket that is connected and registered.
  explicit UnixStream(std::unique_ptr<FdSource> source) : Stream(std::move(source)) {}

  /// Awaiting it connects to `address`. While the listener's backlog is full it tries again every
  /// 10 ms: the kernel says EAGAIN, and nothing when there is room again. Fails as connect(2):
  /// ECONNREFUSED, ENOENT, EACCES, ...; with EAFNOSUPPORT for an address that is not UNIX; with
  /// ECANCELED. After a failure nothing is left.
  static Task<Result<UnixStream>> connect(
      Loop& loop, Address address, std::source_location where = std::source_location::current());

  /// Two streams that are connected to each other. Fails as socketpair(2): EMFILE, ENFILE.
  static Result<std::pair<UnixStream, UnixStream>> pair(
      Loop& loop, std::source_location where = std::source_location::current());
};

struct UnixListenOptions {
  int backlog = 4096;  // Connections that wait for accept; listen(2) caps it at somaxconn.
  /// Bind although there is a socket file at the path, if no process has that socket any more.
  bool replace_stale = true;
};

/// The file of a bound socket.
class SocketFile;

class UnixListener {
 public:
  /// Listens at `address`. Fails as bind(2): EADDRINUSE (a living socket, or no socket at all, is
  /// there), EACCES, ENOENT, ...; with EAFNOSUPPORT for an address that is not UNIX. After a
  /// failure nothing is left, a stale file possibly not either.
  static Result<UnixListener> bind(Loop& loop, const Address& address,
                                   const UnixListenOptions& options = {},
                                   std::source_location where = std::source_location::current());

  UnixListener(UnixListener&&) noexcept;
  UnixListener& operator=(UnixListener&&) = delete;
  /// Removes the file that `bind` made, unless something else has taken its place. A relative path
  /// is looked up where the process is by then.
  ~UnixListener();

  /// Waits for the next connection; see AcceptOperation. One at a time.
  AcceptOperation<UnixStream> accept(std::source_location where = std::source_location::current()) {
    return {*listening_, where};
  }

  Result<Address> local_address() {
    return local_address_of(listening_->source->kernel(), listening_->source->fd());
  }

  const AcceptCounters& counters() const { return listening_->counters; }

 private:
  UnixListener(std::unique_ptr<SocketFile> file, std::unique_ptr<Listening> listening);

  std::unique_ptr<SocketFile> file_;  // Null for an abstract name. Removed after the fd is closed.
  std::unique_ptr<Listening> listening_;
};

}  // namespace tocsin
