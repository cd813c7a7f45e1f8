// SPDX-License-Identifier: MIT
//
// PortTable: which socket has which port, of TCP or of UDP.
//
//     bind(2), connect(2) ──occupy──> [ PortTable ] <──users── a packet that looks for its socket
//
// One table for each of the two protocols in a system. Ports that nobody asks for by number are
// given out one after the other, so that a run can be repeated; Linux draws them at random.
//
// A TCP connection that has ended stays for a minute as a name (TIME_WAIT, tcp(7)), to whoever
// wants to bind there without SO_REUSEADDR. No timer ends that: whoever asks looks at the time.
//
// Ownership: it refers to sockets, which leave before they end. Thread rule: under the system's
// inet_lock().
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "tocsin/base/list.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/vkern/inet_address.hpp"
#include "tocsin/vkern/inet_options.hpp"

namespace tocsin::vkern {

/// What a socket is known by.
struct PortUser : ListLink {
  int domain = AF_INET;   // Or AF_INET6, whose endpoints can be of either.
  Endpoint local;         // As getsockname(2) tells; INADDR_ANY, ::: it is at every address.
  Endpoint remote;        // Port 0: not connected.
  bool has_peer = false;  // TCP: there is a connection to `remote`, or will be one.
  InetOptions options;
  bool listens = false;
  std::uint16_t occupied = 0;  // Its port in the table; 0: in none.

  /// Whether it is at every address that packets to `to` can have.
  bool is_everywhere_of(const Endpoint& to) const {
    return local.is_any() && (local.is_v6 == to.is_v6 || (local.is_v6 && options.v6_only == 0));
  }
  /// Whether it is at this very address.
  bool is_right_at(const Endpoint& to) const {
    return local.host == to.host && local.is_v6 == to.is_v6;
  }
};

/// How long TIME_WAIT and an orphan's FIN_WAIT2 last.
inline constexpr Duration time_wait = std::chrono::seconds{60};

class PortTable {
 public:
  /// /proc/sys/net/ipv4/ip_local_port_range.
  static constexpr std::uint16_t first_ephemeral = 32768;
  static constexpr std::uint16_t last_ephemeral = 60999;

  /// `user` takes `port`, or one that is free if that is 0, at the address where it is. Fails with
  /// EADDRINUSE if one that does not share is there or none is free. Requires: it has none.
  Result<> occupy(PortUser& user, std::uint16_t port, TimePoint now);
  /// `user`, which listen(2) made a connection of, takes `port` beside whoever listens there.
  void join(PortUser& user, std::uint16_t port);
  /// Gives the port back, if it has one.
  void leave(PortUser& user);
  /// Whether `user` may listen where it is: all others there share with it, and do not listen.
  bool may_listen(const PortUser& user) const;

  /// The connection of `user` has ended, and stays as a name until `until`.
  void remember(const PortUser& user, TimePoint until);
  /// Not even as a name: its peer has reset what was left of it, or it begins anew. Answers whether
  /// there was one.
  bool forget(Endpoint local, Endpoint remote, TimePoint now);
  /// Whose connection that is, of those that have their port still: nullptr if there is none.
  PortUser* find_connected(Endpoint local, Endpoint remote);

  /// Whoever took `port` by itself, in the order of coming: nobody who joined.
  std::span<PortUser* const> users(std::uint16_t port) const;

 private:
  // What a newcomer has to get along with.
  struct Claim {
    Endpoint at;
    bool v6_only;
    bool shares_address;
    bool shares_port;
  };
  struct Past {
    Claim claim;
    Endpoint remote;
    TimePoint until;
  };
  struct Port {
    std::vector<PortUser*> users;
    List<PortUser> joined;  // As many as a server has connections: left in O(1).
  };

  static Claim claim_of(const PortUser& user);
  static bool overlap(const Claim& one, const Claim& other);
  static bool may_be_beside(const Claim& newcomer, const Claim& other);
  void forget_past(std::uint16_t port, TimePoint now);
  bool is_free(std::uint16_t port, TimePoint now);
  bool conflicts(const PortUser& user, const Claim& claim, std::uint16_t port) const;

  std::map<std::uint16_t, Port> ports_;
  std::multimap<std::uint16_t, Past> past_;
  std::uint16_t next_ephemeral_ = first_ephemeral;
};

/// One of a group that shares a port by SO_REUSEPORT: the same one for the same two ends.
inline std::size_t choose_in_group(std::size_t size, Endpoint local, Endpoint remote) {
  std::uint64_t mixed = (std::uint64_t{remote.host} << 32 | local.host) ^
                        (std::uint64_t{remote.port} << 16 | local.port);
  mixed *= 0x9E3779B97F4A7C15;  // 2^64 / the golden ratio: spreads what differs in a few bits.
  return static_cast<std::size_t>((mixed >> 32) * size >> 32);
}

}  // namespace tocsin::vkern
