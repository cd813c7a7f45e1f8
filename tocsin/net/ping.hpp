// SPDX-License-Identifier: MIT
//
// Ping: whether a host answers, and after how long (icmp(7)).
//
//     co_await ping.echo() ──> echo request ──> host ──> echo reply ──> [ Ping ] ──> EchoReply
//
// It takes a datagram socket of ICMP, for which a group in the sysctl ping_group_range needs no
// privilege, and where that is not allowed a raw one, which needs CAP_NET_RAW: `kind` tells. The
// kernel hands a raw socket everybody's ICMP, and whoever wants to can send a reply that nobody
// asked for: only what has the identifier, the sequence number and all the bytes of the request
// counts, and comes from whom it went to.
//
// Ownership: it owns its descriptor and its registration, and must outlive its tasks; the loop must
// outlive it. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>

#include "tocsin/base/time.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/source/fd_source.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

struct EchoReply {
  std::uint16_t sequence = 0;  // Of the request; the first one's is 1.
  std::size_t size = 0;        // Bytes of its payload.
  Duration round_trip{};       // Until the loop saw it: what the loop did meanwhile counts, too.
};

struct PingOptions {
  std::size_t payload_size = 56;
};

enum class PingKind : std::uint8_t { datagram, raw };

class Ping {
 public:
  /// For one host; the port of `target` is of no meaning. Nothing is sent for it. Fails with EACCES
  /// where neither socket is allowed: the group is not in net.ipv4.ping_group_range (for IPv6,
  /// too), and there is no CAP_NET_RAW; with EAFNOSUPPORT for an address that is neither IPv4 nor
  /// IPv6; and as connect(2): ENETUNREACH, ... After a failure nothing is left.
  static Result<Ping> create(Loop& loop, const Address& target, const PingOptions& options = {},
                             std::source_location where = std::source_location::current());

  /// Sends an echo request, and waits for its reply: for ever, if none comes (`timeout`). Fails as
  /// send(2): EMSGSIZE, ENETUNREACH, ...; with what a router or the host itself has reported of
  /// this request (EHOSTUNREACH, ECONNREFUSED, ...; "No route to host" also stands for a time to
  /// live that was used up); with ECANCELED. After a failure the next echo can be sent, and a late
  /// reply to this one is not mistaken for its. One at a time.
  Task<Result<EchoReply>> echo();

  PingKind kind() const;

  Ping(Ping&&) noexcept;
  Ping& operator=(Ping&&) = delete;
  ~Ping();

 private:
  struct State;
  class Receive;

  explicit Ping(std::unique_ptr<State> state);
  static Task<Result<EchoReply>> echo_once(State& state);

  std::unique_ptr<State> state_;  // Tasks refer to it: it does not move when this does.
};

}  // namespace tocsin
