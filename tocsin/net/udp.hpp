// SPDX-License-Identifier: MIT
//
// UdpSocket: datagrams, each whole or not at all (udp(7)).
//
//     FdSource ──> [ ReceiveOperation, SendOperation ] ──> your line after co_await
//
// One receive and one send may wait at the same time, each in a task of its own, and one for what
// came back instead of an answer (udp_errors.hpp). Many at once: udp_batch.hpp.
//
// Ownership: it owns its fd and its registration; the loop must outlive it. Thread rule: the loop's
// thread.
#pragma once

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/net/address.hpp"
#include "tocsin/net/udp_batch.hpp"
#include "tocsin/net/udp_errors.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

struct UdpOptions {
  bool reuse_port = false;  // Share the port: the kernel spreads the datagrams (socket(7)).
  bool v6_only = false;     // Of an IPv6 address: no IPv4 (IPV6_V6ONLY, ipv6(7)).
  /// Report what came back for datagrams by `errors()`, whoever they were for, and by nothing else
  /// (IP_RECVERR, ip(7)). Without it a connected socket's next receive or send fails with it.
  bool errors = false;
  /// Have the kernel hand over several datagrams as one, if it can (UDP_GRO, Linux 5.0): then look
  /// at `segment_size`.
  bool coalesce = false;
};

/// One datagram, in memory that is lent until `bytes` is destroyed.
struct Datagram {
  Buffer bytes;            // Empty is a datagram, too.
  Address from;            // Who sent it.
  bool truncated = false;  // The loop's buffer_size was less than its length; the rest is lost.
  /// Not 0: there are several, each of that size but the last; see for_each_segment.
  std::uint16_t segment_size = 0;
};

/// See UdpSocket::receive.
class [[nodiscard]] ReceiveOperation final : public FallibleOperation<Direction::read> {
 public:
  explicit ReceiveOperation(FdSource& source, const UdpOptions& options = {})
      : FallibleOperation(source), skip_errors_(options.errors), coalesced_(options.coalesce) {}
  ReceiveOperation(ReceiveOperation&&) = default;

  Result<Datagram> await_resume() { return result(std::move(datagram_)); }

 private:
  bool attempt() override;
  Count receive(Buffer& buffer);

  bool skip_errors_;  // They are in the error queue.
  bool coalesced_;
  Datagram datagram_;
};

/// See UdpSocket::send.
class [[nodiscard]] SendOperation final : public FallibleOperation<Direction::write> {
 public:
  SendOperation(FdSource& source, ByteView bytes, const Address& to, const UdpOptions& options = {})
      : FallibleOperation(source), skip_error_(options.errors), bytes_(bytes), to_(to) {}
  SendOperation(SendOperation&&) = default;

  Result<> await_resume() const { return result(); }

 private:
  bool attempt() override;

  bool skip_error_;  // The first may be of a datagram that was sent before.
  ByteView bytes_;
  Address to_;  // None: whom the socket is connected to.
};

class UdpSocket {
 public:
  /// A socket at `address`, which receives from and sends to everybody. Fails as bind(2):
  /// EADDRINUSE, ...; with EAFNOSUPPORT for an address that is not UDP's. After a failure nothing
  /// is left.
  static Result<UdpSocket> bind(Loop& loop, const Address& address, const UdpOptions& options = {},
                                std::source_location where = std::source_location::current());

  /// A socket, at an address the kernel chooses, that talks with `peer` only. Nothing is sent for
  /// it, so nothing has to be waited for. Fails as connect(2): ENETUNREACH, ...
  static Result<UdpSocket> connect(Loop& loop, const Address& peer, const UdpOptions& options = {},
                                   std::source_location where = std::source_location::current());

  /// Waits for a datagram. Fails with ECANCELED; if it is connected, also with what came back for a
  /// datagram it has sent (ECONNREFUSED, EHOSTUNREACH, ...): the socket stays usable. No datagram
  /// is lost by a failure.
  ReceiveOperation receive() { return ReceiveOperation(*source_, options_); }

  /// Waits for a datagram, and takes as many as there are and `into` has room for. Fails as
  /// `receive`. `into` must outlive the operation, and is empty after a failure.
  ReceiveBatchOperation receive_batch(DatagramBatch& into) {
    return {*source_, into, options_.errors};
  }

  /// What came back instead of an answer. Nothing comes unless UdpOptions::errors was set.
  UdpErrors errors() { return UdpErrors(*source_); }

  /// Sends one datagram to `to`; `bytes` stay the caller's and unchanged until it has ended. Waits
  /// while the socket's send buffer is full. Fails as sendto(2): EMSGSIZE for more than 65,507
  /// bytes (IPv4), ENETUNREACH, ...; after a failure nothing was sent.
  SendOperation send_to(ByteView bytes, const Address& to) {
    return {*source_, bytes, to, options_};
  }

  /// As `send_to`, to the peer. EDESTADDRREQ if it is not connected.
  SendOperation send(ByteView bytes) { return {*source_, bytes, Address(), options_}; }

  /// Sends all of `batch`, in order, and gives how many: fewer than all if the next one failed or
  /// the line was cancelled; the error itself if that was the first. `batch` and its bytes stay the
  /// caller's and unchanged until it has ended. With a segment_size it fails with EINVAL if the
  /// kernel has no UDP_SEGMENT (`can_segment`) or they were more than 64, EMSGSIZE if a segment or
  /// the whole is too long, EIO if the network device cannot make their checksums.
  SendBatchOperation send_batch(std::span<const OutgoingDatagram> batch) {
    return {*source_, batch, options_.errors};
  }

  /// Whether the kernel cuts what is sent into datagrams (UDP_SEGMENT): Linux since 4.18 does.
  bool can_segment();

  Result<Address> local_address() { return local_address_of(source_->kernel(), fd()); }

  /// The descriptor, for what is not offered here. It stays the socket's, and non-blocking.
  int fd() const { return source_->fd(); }

 private:
  UdpSocket(std::unique_ptr<FdSource> source, const UdpOptions& options)
      : options_(options), source_(std::move(source)) {}

  UdpOptions options_;
  std::unique_ptr<FdSource> source_;
};

}  // namespace tocsin
