// SPDX-License-Identifier: MIT
//
// UnixDatagram: messages between processes of one machine, each whole, in order, none lost
// (unix(7)): what syslog, sd_notify and the like are made of.
//
//     UnixDatagram::bind ──> [ UnixDatagram ] ──> receive(), send_to()
//     UnixDatagram::connect, pair ──> receive(), send()
//
// Unlike UDP it has back-pressure: who receives slowly, and has net.unix.max_dgram_qlen messages
// waiting (10, as a rule), lets the senders wait.
//
// Ownership: it owns its fd, its registration and, if it is bound to a path, its file; the loop
// must outlive it. Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/net/address.hpp"
#include "tocsin/net/internal/unix_socket.hpp"
#include "tocsin/net/unix_message.hpp"

namespace tocsin {

struct UnixDatagramOptions {
  /// As UnixListenOptions::replace_stale.
  bool replace_stale = true;
};

class UnixDatagram final : public UnixMessaging<UnixDatagram> {
 public:
  static constexpr int type = SOCK_DGRAM;

  /// A socket at `address`, which receives from everybody who may write to its file (from everybody
  /// in the network namespace, if the name is abstract). Fails as UnixListener::bind, which also
  /// says what becomes of the file.
  static Result<UnixDatagram> bind(Loop& loop, const Address& address,
                                   const UnixDatagramOptions& options = {},
                                   std::source_location where = std::source_location::current());

  /// A socket that talks with `peer` only, and has an abstract name of the kernel's choice, so that
  /// it can be answered. Fails as connect(2): ENOENT, ECONNREFUSED (nobody has that socket any
  /// more), EACCES, EPERM (it talks with somebody else only), EPROTOTYPE (it is of another kind).
  static Result<UnixDatagram> connect(Loop& loop, const Address& peer,
                                      std::source_location where = std::source_location::current());

  /// Two that are connected to each other. Fails as socketpair(2): EMFILE, ENFILE.
  static Result<std::pair<UnixDatagram, UnixDatagram>> pair(
      Loop& loop, std::source_location where = std::source_location::current());

  /// As `send`, to whoever is at `to`. While they have no room it tries again every 10 ms: the
  /// kernel tells only those who are connected to them. Fails also as `connect`, and with EISCONN
  /// or EPERM if one of the two is connected to somebody else.
  SendUnixMessage send_to(ByteView bytes, const Address& to, const UnixAttachments& attached = {}) {
    return {*source_, bytes, attached, to};
  }

  Result<Address> local_address() { return local_address_of(source_->kernel(), fd()); }
  Result<Address> peer_address() { return peer_address_of(source_->kernel(), fd()); }

  /// The descriptor, for what is not offered here. It stays the socket's, and non-blocking.
  int fd() const { return source_->fd(); }
  FdSource& source() { return *source_; }

 private:
  UnixDatagram(internal::SocketFile file, std::unique_ptr<FdSource> source)
      : file_(std::move(file)), source_(std::move(source)) {}

  internal::SocketFile file_;  // Removed after the fd is closed.
  std::unique_ptr<FdSource> source_;
};

}  // namespace tocsin
