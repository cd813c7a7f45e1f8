// SPDX-License-Identifier: MIT
#include "tocsin/vkern/inet_ports.hpp"

#include <algorithm>

#include "tocsin/base/check.hpp"

namespace tocsin::vkern {

auto PortTable::claim_of(const PortUser& user) -> Claim {
  return {.at = user.local,
          .v6_only = user.options.v6_only != 0,
          .shares_address = user.options.reuse_address != 0 && !user.listens,
          .shares_port = user.options.reuse_port != 0};
}

// Of the addresses of IPv6 only :: is one of IPv4 as well, unless it says that it is not.
bool PortTable::overlap(const Claim& one, const Claim& other) {
  if (one.at.is_v6 == other.at.is_v6)
    return one.at.is_any() || other.at.is_any() || one.at.host == other.at.host;
  const Claim& v6 = one.at.is_v6 ? one : other;
  return v6.at.is_any() && !v6.v6_only;
}

// socket(7), SO_REUSEADDR: "For AF_INET sockets this means that a socket may bind, except when
// there is an active listening socket bound to the address." Both have to have said so.
bool PortTable::may_be_beside(const Claim& newcomer, const Claim& other) {
  return !overlap(newcomer, other) || (newcomer.shares_address && other.shares_address) ||
         (newcomer.shares_port && other.shares_port);
}

Result<> PortTable::occupy(PortUser& user, std::uint16_t port, TimePoint now) {
  CHECK(user.occupied == 0, "a socket has one port");
  constexpr int range = last_ephemeral - first_ephemeral + 1;
  for (int tried = 0; tried < range && port == 0; ++tried) {
    const std::uint16_t candidate = next_ephemeral_;
    next_ephemeral_ =
        candidate == last_ephemeral ? first_ephemeral : static_cast<std::uint16_t>(candidate + 1);
    if (is_free(candidate, now)) port = candidate;
  }
  forget_past(port, now);
  if (port == 0 || conflicts(user, claim_of(user), port)) return std::unexpected(Errno{EADDRINUSE});
  ports_[port].users.push_back(&user);
  user.occupied = user.local.port = port;
  return {};
}

void PortTable::join(PortUser& user, std::uint16_t port) {
  CHECK(user.occupied == 0, "a socket has one port");
  ports_[port].joined.push_back(user);
  user.occupied = port;
}

void PortTable::leave(PortUser& user) {
  if (user.occupied == 0) return;
  const auto found = ports_.find(user.occupied);
  CHECK(found != ports_.end(), "a socket is where it was put");
  Port& port = found->second;
  if (user.is_linked())
    user.unlink();
  else
    std::erase(port.users, &user);
  if (port.users.empty() && port.joined.empty()) ports_.erase(found);
  user.occupied = 0;
}

bool PortTable::may_listen(const PortUser& user) const {
  Claim claim = claim_of(user);
  claim.shares_address = user.options.reuse_address != 0;  // It is about to, but has not yet.
  return !conflicts(user, claim, user.occupied);
}

void PortTable::remember(const PortUser& user, TimePoint until) {
  if (user.occupied == 0) return;
  past_.emplace(user.occupied,
                Past{.claim = claim_of(user), .remote = user.remote, .until = until});
}

bool PortTable::forget(Endpoint local, Endpoint remote, TimePoint now) {
  forget_past(local.port, now);
  const auto [first, last] = past_.equal_range(local.port);
  bool was_there = false;
  for (auto past = first; past != last;) {
    const bool is_it = past->second.claim.at == local && past->second.remote == remote;
    was_there = was_there || is_it;
    past = is_it ? past_.erase(past) : std::next(past);
  }
  return was_there;
}

PortUser* PortTable::find_connected(Endpoint local, Endpoint remote) {
  const auto port = ports_.find(local.port);
  if (port == ports_.end()) return nullptr;
  PortUser* found = nullptr;
  const auto look = [&](PortUser& user) {
    if (user.has_peer && user.local == local && user.remote == remote) found = &user;
    return found == nullptr;
  };
  for (PortUser* const user : port->second.users) look(*user);
  port->second.joined.visit_while(look);
  return found;
}

std::span<PortUser* const> PortTable::users(std::uint16_t port) const {
  const auto found = ports_.find(port);
  if (found == ports_.end()) return {};
  return found->second.users;
}

void PortTable::forget_past(std::uint16_t port, TimePoint now) {
  const auto [first, last] = past_.equal_range(port);
  for (auto past = first; past != last;)
    past = past->second.until <= now ? past_.erase(past) : std::next(past);
}

bool PortTable::is_free(std::uint16_t port, TimePoint now) {
  forget_past(port, now);
  return !ports_.contains(port) && !past_.contains(port);
}

bool PortTable::conflicts(const PortUser& user, const Claim& claim, std::uint16_t port) const {
  const auto [first, last] = past_.equal_range(port);
  for (auto past = first; past != last; ++past)
    if (!may_be_beside(claim, past->second.claim)) return true;
  const auto found = ports_.find(port);
  if (found == ports_.end()) return false;
  bool conflict = false;
  const auto look = [&](const PortUser& other) {
    conflict = conflict || (&other != &user && !may_be_beside(claim, claim_of(other)));
  };
  for (const PortUser* const other : found->second.users) look(*other);
  found->second.joined.visit_first(SIZE_MAX, look);
  return conflict;
}

}  // namespace tocsin::vkern
