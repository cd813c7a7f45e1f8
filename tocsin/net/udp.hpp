// SPDX-License-Identifier: MIT
//
// UdpSocket: datagrams, each whole or not at all (udp(7)).
//
//     FdSource ──> [ ReceiveOperation, SendOperation ] ──> your line after co_await
//
// One receive and one send may wait at the same time, each in a task of its own.
//
// Ownership: it owns its fd and its registration; the loop must outlive it. Thread rule: the loop's
// thread.
#pragma once

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/net/address.hpp"
#include "tocsin/source/fd_source.hpp"

namespace tocsin {

/// One datagram, in memory that is lent until `bytes` is destroyed.
struct Datagram {
  Buffer bytes;            // Empty is a datagram, too.
  Address from;            // Who sent it.
  bool truncated = false;  // The loop's buffer_size was less than its length; the rest is lost.
};

/// See UdpSocket::receive.
class [[nodiscard]] ReceiveOperation final : public IoOperation<Direction::read> {
 public:
  explicit ReceiveOperation(FdSource& source) : IoOperation(source) {}
  ReceiveOperation(ReceiveOperation&&) = default;

  Result<Datagram> await_resume() {
    if (error_ != 0) return std::unexpected(Errno{error_});
    return std::move(datagram_);
  }

 private:
  bool attempt() override;
  void fail(Errno error) override { error_ = error.value(); }

  int error_ = 0;
  Datagram datagram_;
};

/// See UdpSocket::send.
class [[nodiscard]] SendOperation final : public IoOperation<Direction::write> {
 public:
  SendOperation(FdSource& source, ByteView bytes, const Address& to)
      : IoOperation(source), bytes_(bytes), to_(to) {}
  SendOperation(SendOperation&&) = default;

  Result<> await_resume() const {
    if (error_ != 0) return std::unexpected(Errno{error_});
    return {};
  }

 private:
  bool attempt() override;
  void fail(Errno error) override { error_ = error.value(); }

  int error_ = 0;
  ByteView bytes_;
  Address to_;  // None: whom the socket is connected to.
};

struct UdpOptions {
  bool reuse_port = false;  // Share the port: the kernel spreads the datagrams (socket(7)).
  bool v6_only = false;     // Of an IPv6 address: no IPv4 (IPV6_V6ONLY, ipv6(7)).
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
  static Result<UdpSocket> connect(Loop& loop, const Address& peer,
                                   std::source_location where = std::source_location::current());

  /// Waits for a datagram. Fails with ECANCELED; if it is connected, also with what came back for a
  /// datagram it has sent (ECONNREFUSED, EHOSTUNREACH, ...): the socket stays usable. No datagram
  /// is lost by a failure.
  ReceiveOperation receive() { return ReceiveOperation(*source_); }

  /// Sends one datagram to `to`; `bytes` stay the caller's and unchanged until it has ended. Waits
  /// while the socket's send buffer is full. Fails as sendto(2): EMSGSIZE for more than 65,507
  /// bytes (IPv4), ENETUNREACH, ...; after a failure nothing was sent.
  SendOperation send_to(ByteView bytes, const Address& to) { return {*source_, bytes, to}; }

  /// As `send_to`, to the peer. EDESTADDRREQ if it is not connected.
  SendOperation send(ByteView bytes) { return {*source_, bytes, Address()}; }

  Result<Address> local_address() { return local_address_of(source_->kernel(), fd()); }

  /// The descriptor, for what is not offered here. It stays the socket's, and non-blocking.
  int fd() const { return source_->fd(); }

 private:
  explicit UdpSocket(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

  std::unique_ptr<FdSource> source_;
};

}  // namespace tocsin
