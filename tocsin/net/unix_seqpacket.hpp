// SPDX-License-Identifier: MIT
//
// UnixSeqpacket: a connection that carries whole messages in order (unix(7), SOCK_SEQPACKET).
//
//     UnixSeqpacketListener::bind ──> accept() ──┐
//     UnixSeqpacket::connect, pair ──────────────┴──> [ UnixSeqpacket ] ──> receive(), send()
//
// As a stream it has a peer and an end; as a datagram socket it keeps messages apart. An empty
// message looks like the end to the receiver (UnixMessage::is_end): so send none.
//
// Ownership: it owns its fd and its registration; the loop must outlive it. Thread rule: the
// loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/net/address.hpp"
#include "tocsin/net/unix_listener.hpp"
#include "tocsin/net/unix_message.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// A connection. It is one pointer.
class UnixSeqpacket final : public UnixMessaging<UnixSeqpacket> {
 public:
  static constexpr const char* name = "unix seqpacket";
  static constexpr auto registering = &FdSource::create_writable;
  static constexpr int type = SOCK_SEQPACKET;

  /// For a socket that is connected and registered.
  explicit UnixSeqpacket(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

  /// As UnixStream::connect.
  static Task<Result<UnixSeqpacket>> connect(
      Loop& loop, Address address, std::source_location where = std::source_location::current());

  /// Two that are connected to each other. Fails as socketpair(2): EMFILE, ENFILE.
  static Result<std::pair<UnixSeqpacket, UnixSeqpacket>> pair(
      Loop& loop, std::source_location where = std::source_location::current());

  /// Says that nothing more will be sent: the peer receives what was sent, then the end.
  Result<> finish_sending() { return source_->kernel().shutdown(fd(), SHUT_WR); }

  /// Where this end is, and the other.
  Result<Address> local_address() { return local_address_of(source_->kernel(), fd()); }
  Result<Address> peer_address() { return peer_address_of(source_->kernel(), fd()); }

  /// The descriptor, for what is not offered here. It stays the socket's, and non-blocking.
  int fd() const { return source_->fd(); }
  FdSource& source() { return *source_; }

 private:
  std::unique_ptr<FdSource> source_;
};

using UnixSeqpacketListener = UnixListenerOf<UnixSeqpacket>;

}  // namespace tocsin
