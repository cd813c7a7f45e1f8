// SPDX-License-Identifier: MIT
//
// UnixStream: a stream socket between processes of one machine (unix(7)), and its listener.
//
//     UnixListener::bind ──> accept() ──┐
//     UnixStream::connect, pair ────────┴──> [ UnixStream ] ──> read(), write_all(), ...
//                                                           └─> receive(), send(): descriptors, too
//
// Ownership: it owns its fd and its registration; the loop must outlive it. Thread rule: the
// loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/net/address.hpp"
#include "tocsin/net/stream.hpp"
#include "tocsin/net/unix_listener.hpp"
#include "tocsin/net/unix_message.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// A connection. It is one pointer. `read` closes the descriptors that come with the bytes it
/// reads; `receive` gives them.
class UnixStream final : public Stream, public UnixMessaging<UnixStream> {
 public:
  static constexpr const char* name = "unix";
  static constexpr int type = SOCK_STREAM;
  static constexpr auto registering = &FdSource::create_level;

  /// For a socket that is connected and registered.
  explicit UnixStream(std::unique_ptr<FdSource> source);

  /// Awaiting it connects to `address`. While the listener's backlog is full it tries again every
  /// 10 ms: the kernel says EAGAIN, and nothing when there is room again. Fails as connect(2):
  /// ECONNREFUSED, ENOENT, EACCES, ...; with EPROTOTYPE for the path of a socket of another kind
  /// (an abstract name of one is ECONNREFUSED); with EAFNOSUPPORT for an address that is not UNIX;
  /// with ECANCELED. After a failure nothing is left.
  static Task<Result<UnixStream>> connect(
      Loop& loop, Address address, std::source_location where = std::source_location::current());

  /// Two streams that are connected to each other. Fails as socketpair(2): EMFILE, ENFILE.
  static Result<std::pair<UnixStream, UnixStream>> pair(
      Loop& loop, std::source_location where = std::source_location::current());
};

using UnixListener = UnixListenerOf<UnixStream>;

}  // namespace tocsin
