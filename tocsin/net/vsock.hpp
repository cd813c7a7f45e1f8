// SPDX-License-Identifier: MIT
//
// VsockListener, VsockStream, VsockSocket: between a virtual machine and its host (vsock(7)).
//
//     VsockListener::bind ──> accept() ──┐
//     VsockStream::connect ──────────────┴──> [ VsockStream ] ──> read(), write_all(), ...
//     VsockSocket::bind, connect ───────────> [ VsockSocket ] ──> receive(), send()
//
// A socket can be made wherever the kernel knows of VSOCK; whether anybody can be reached depends
// on the transports there are. A guest has one to its host (virtio, VMCI, Hyper-V), a host one to
// its guests (vhost). Within one machine it takes the loopback (Linux 5.6, `modprobe
// vsock_loopback`): that it is missing shows when a listener is bound to VMADDR_CID_LOCAL,
// EADDRNOTAVAIL. Without it a connection to VMADDR_CID_LOCAL goes to the host, if there is one.
//
// Ownership: each owns its descriptor and its registration; the loop must outlive them. Thread
// rule: the loop's thread.
#pragma once

#include <memory>
#include <source_location>

#include "tocsin/net/accept.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/net/stream.hpp"
#include "tocsin/net/udp.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// A connection. It is one pointer.
class VsockStream final : public Stream {
 public:
  static constexpr const char* name = "vsock";
  static constexpr auto registering = &FdSource::create_writable;

  /// For a socket that is connected and registered.
  explicit VsockStream(std::unique_ptr<FdSource> source) : Stream(std::move(source)) {}

  /// Awaiting it connects to `address`. Fails as connect(2): ENODEV or ENETUNREACH if no transport
  /// leads there, ECONNRESET if nobody listens, ETIMEDOUT (after two seconds); with EAFNOSUPPORT
  /// for an address that is not VSOCK, and where the kernel has none; with ECANCELED. After a
  /// failure nothing is left.
  static Task<Result<VsockStream>> connect(
      Loop& loop, Address address, std::source_location where = std::source_location::current());
};

class VsockListener {
 public:
  /// Listens at `address`. Fails as bind(2): EADDRINUSE; EADDRNOTAVAIL for a context that is not
  /// this machine's (see above: VMADDR_CID_LOCAL); EACCES for a port below 1024 without
  /// CAP_NET_BIND_SERVICE; with EAFNOSUPPORT for an address that is not VSOCK, and where the
  /// kernel has none. After a failure nothing is left.
  static Result<VsockListener> bind(Loop& loop, const Address& address, int backlog = 4096,
                                    std::source_location where = std::source_location::current());

  /// Waits for the next connection; see AcceptOperation. One at a time.
  AcceptOperation<VsockStream> accept(
      std::source_location where = std::source_location::current()) {
    return {*listening_, where};
  }

  /// Where it listens: tells the port if VMADDR_PORT_ANY was asked for.
  Result<Address> local_address() {
    return local_address_of(listening_->source->kernel(), listening_->source->fd());
  }

  const AcceptCounters& counters() const { return listening_->counters; }

 private:
  explicit VsockListener(std::unique_ptr<Listening> listening) : listening_(std::move(listening)) {}

  std::unique_ptr<Listening> listening_;
};

/// Datagrams, of which VMCI alone has transports: nearly everywhere its factories fail with ENODEV.
class VsockSocket {
 public:
  /// At `address`; receives from and sends to everybody. Fails as socket(2), bind(2): ENODEV,
  /// EADDRNOTAVAIL, ...; EAFNOSUPPORT as above. After a failure nothing is left.
  static Result<VsockSocket> bind(Loop& loop, const Address& address,
                                  std::source_location where = std::source_location::current());

  /// At an address the kernel chooses; talks with `peer` only. Fails likewise.
  static Result<VsockSocket> connect(Loop& loop, const Address& peer,
                                     std::source_location where = std::source_location::current());

  /// As UdpSocket's of these names.
  ReceiveOperation receive() { return ReceiveOperation(*source_); }
  SendOperation send_to(ByteView bytes, const Address& to) { return {*source_, bytes, to}; }
  SendOperation send(ByteView bytes) { return {*source_, bytes, Address()}; }
  Result<Address> local_address() { return local_address_of(source_->kernel(), source_->fd()); }

 private:
  explicit VsockSocket(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

  std::unique_ptr<FdSource> source_;
};

}  // namespace tocsin
