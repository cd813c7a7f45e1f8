// SPDX-License-Identifier: MIT
//
// TcpListener, TcpStream: TCP (tcp(7)) over IPv4 and IPv6.
//
//     TcpListener::bind ──> accept() ──┐
//     TcpStream::connect ──────────────┴──> [ TcpStream ] ──> read(), write_all(), ...
//
// Small writes go out at once: TCP_NODELAY is set on both sides of what is made here. Nagle's
// algorithm delays the second of two small writes until the first is acknowledged, which an event
// loop that gathers its writes never wants. It costs nothing per connection: an accepted socket
// inherits the option from the listener on Linux.
//
// Ownership: each owns its fd and its registration; the loop must outlive it. Thread rule: the
// loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>

#include "tocsin/net/accept.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/net/stream.hpp"
#include "tocsin/net/urgent.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// Whether a connection may use several paths at once, each with addresses of its own (MPTCP, RFC
/// 8684; Linux 5.6). To a peer that has no MPTCP it is a TCP connection like any other.
enum class Multipath : std::uint8_t {
  off,
  if_possible,  // TCP where the kernel has none.
  required,  // EPROTONOSUPPORT (EINVAL before 5.6) where the kernel has none, ENOPROTOOPT where it
             // is turned off: sysctl net.mptcp.enabled=1.
};

struct TcpConnectOptions {
  Multipath multipath = Multipath::off;
};

/// A connection. It is one pointer: a million of them cost what their sources cost.
class TcpStream final : public Stream {
 public:
  static constexpr const char* name = "tcp";
  static constexpr auto registering = &FdSource::create_writable;

  /// For a socket that is connected and registered.
  explicit TcpStream(std::unique_ptr<FdSource> source) : Stream(std::move(source)) {}

  /// Awaiting it connects to `address`. Fails as connect(2): ECONNREFUSED, ETIMEDOUT (after
  /// minutes: put a `timeout` around it), ENETUNREACH, ...; with EAFNOSUPPORT for an address that
  /// is not TCP's; with ECANCELED; as Multipath says. After a failure nothing is left.
  static Task<Result<TcpStream>> connect(
      Loop& loop, Address address, TcpConnectOptions options = {},
      std::source_location where = std::source_location::current());

  /// Whether it is MPTCP by now: both ends want it, and nothing on the way has removed it.
  bool is_multipath();

  /// Whether small writes go out at once (TCP_NODELAY); they do unless told otherwise.
  Result<> set_nodelay(bool enabled);

  /// Has the kernel look after a silent peer: after `idle` without a byte, then every `interval`,
  /// and after `count` probes without an answer, operations fail with ETIMEDOUT. Whole seconds, as
  /// tcp(7) has them; EINVAL if they are out of its range. After a failure it may be on in part.
  Result<> set_keepalive(std::chrono::seconds idle, std::chrono::seconds interval, int count);

  /// Waits for the next urgent byte, beside whoever reads; nothing once the peer has finished.
  /// Fails with ECANCELED, after which none has been taken, and with EOPNOTSUPP for MPTCP, which
  /// has none. Requires: SO_OOBINLINE is off, as it is unless somebody sets it.
  UrgentOperation urgent() { return UrgentOperation(source()); }

  /// Sends `byte` as the urgent one, behind what was written before it. Fails as `write_all`, but
  /// after ECANCELED nothing was sent.
  SendUrgentOperation send_urgent(std::byte byte) { return {source(), byte}; }

  /// Whether the next byte to be read is the first one behind the urgent one (sockatmark(3)).
  Result<bool> at_urgent_mark();

  /// What closing does with bytes that have not been acknowledged (SO_LINGER, socket(7)). nullopt,
  /// as at first: they are still sent, in the background. Zero: they are dropped, and the peer gets
  /// ECONNRESET. Any other length makes close(2), and so the loop's thread, wait for that long.
  Result<> set_linger(std::optional<std::chrono::seconds> length);
};

struct TcpListenOptions {
  int backlog = 4096;         // Connections that wait for accept; listen(2) caps it at somaxconn.
  bool reuse_address = true;  // Bind although connections of a predecessor are in TIME_WAIT.
  bool reuse_port = false;    // Share the port with other listeners (SO_REUSEPORT, socket(7)).
  bool v6_only = false;       // Of an IPv6 address: no IPv4 (IPV6_V6ONLY, ipv6(7)).
  Multipath multipath = Multipath::off;
};

class TcpListener {
 public:
  /// Listens at `address`. Fails as bind(2) and listen(2): EADDRINUSE, EADDRNOTAVAIL, EACCES, ...;
  /// with EAFNOSUPPORT for an address that is not TCP's; as Multipath says. After a failure nothing
  /// is left.
  static Result<TcpListener> bind(Loop& loop, const Address& address,
                                  const TcpListenOptions& options = {},
                                  std::source_location where = std::source_location::current());

  /// Waits for the next connection; see AcceptOperation. One at a time.
  AcceptOperation<TcpStream> accept(std::source_location where = std::source_location::current()) {
    return {*listening_, where};
  }

  /// Where it listens: tells the port if 0 was asked for.
  Result<Address> local_address() {
    if (listening_->inbox) return listening_->address;
    return local_address_of(listening_->source->kernel(), listening_->source->fd());
  }

  const AcceptCounters& counters() const { return listening_->counters; }

 private:
  friend class SharedListener;
  explicit TcpListener(std::unique_ptr<Listening> listening) : listening_(std::move(listening)) {}

  std::unique_ptr<Listening> listening_;
};

}  // namespace tocsin
