// SPDX-License-Identifier: MIT
//
// What the operations on TCP and UDP sockets have in common: addresses, and the network that they
// are performed in.
//
//     op ──host, port──> [ InetAddress ] ──> Kernel ──> Answer: host, port as first seen
//
// Linux draws ports at random, and vkern gives them out one by one: so a port is compared by the
// order in which ports appeared. Those that a sequence asks for by number are the same on both, and
// others in each sequence, for a connection that has ended keeps its port for a minute.
//
// The network is one host that has nothing but its loopback, made for the process; its packets are
// delivered within the call that sends them, as they are in vkern. Two things make that so: there
// is one processor, and the route says that everything is acknowledged at once (ip-route(8),
// "quickack"). Else Linux would wait some 40 ms for data that an acknowledgement could go with, and
// SIOCOUTQ, Nagle's algorithm and the states after a FIN would be a matter of time.
//
// Thread rule: as a Side.
#pragma once

#include <netinet/in.h>

#include <optional>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {

/// Where something may be: hosts, and which of the sequence's ports; the first is "any".
inline constexpr std::int64_t second_host = INADDR_LOOPBACK + 1;
inline constexpr std::int64_t other_host = 0xC0000201;  // 192.0.2.1, of no network (RFC 5737).
inline constexpr std::array<Name, 4> host_names{{{"INADDR_LOOPBACK", INADDR_LOOPBACK},
                                                 {"INADDR_ANY", INADDR_ANY},
                                                 {"SECOND_HOST", second_host},
                                                 {"OTHER_HOST", other_host}}};
inline constexpr std::array<std::int64_t, 9> host_pool{
    INADDR_LOOPBACK, INADDR_LOOPBACK, INADDR_LOOPBACK, INADDR_LOOPBACK, INADDR_ANY,
    INADDR_ANY,      second_host,     second_host,     other_host};
inline constexpr std::array<std::int64_t, 4> port_pool{1, 2, 0, 3};

class InetAddress {
 public:
  InetAddress() = default;
  InetAddress(std::int64_t host, std::int64_t which_port);
  /// Where the socket in a slot is; none if it is no socket of IPv4.
  static std::optional<InetAddress> of(Side& side, std::int64_t slot);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&address_); }
  socklen_t size() const { return sizeof address_; }
  /// Into the answer, as what the socket `fd` said it was; `length` is what the kernel made of it.
  void tell(Side& side, int fd, socklen_t length, Answer& answer) const;

 private:
  sockaddr_in address_{};
};

/// IPPROTO_TCP, IPPROTO_UDP; something else if it is no socket of theirs.
int protocol_of(Side& side, int fd);

/// How much of `count` bytes is written to what is in the slot: to TCP a few, for how many more it
/// takes is a matter of Linux' tuning. Others take what they are given.
std::int64_t sendable(Side& side, std::int64_t slot, std::int64_t count);

/// Has this process a network of its own, in which loopback delivers at once? If not, the
/// operations are not performed at all. Needs one descriptor, and gives it back.
bool make_own_network();

/// In C: what all of the operations' C functions use.
extern const char* const inet_prelude;

}  // namespace tocsin::differential
