// SPDX-License-Identifier: MIT
//
// SharedListener: one address whose connections several loops accept, each in a thread of its own.
//
//     address ──> [ SharedListener: a TcpListener for each loop ] ──> accept() in each thread
//
// Which way is best depends on the connections (docs/traps/workers.md): reuse_port costs least and
// divides many short ones well; exclusive gives each to a worker that has nothing to do; hand_over
// divides evenly whatever comes, and costs a wake-up for each.
//
// Ownership: a TcpListener that was taken lives on by itself, but with hand_over nobody deals to it
// once the SharedListener has ended. The loops must outlive both.
// Thread rule: made, and its listeners taken, before the loops run in other threads; `accepted`
// from any thread; it ends in the acceptor's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string_view>
#include <vector>

#include "tocsin/net/tcp.hpp"
#include "tocsin/task/scope.hpp"

namespace tocsin {

/// How several loops share the connections that come to one address.
enum class Sharing : std::uint8_t {
  reuse_port,  // A socket each: the kernel chooses by a hash of the addresses (SO_REUSEPORT).
  exclusive,   // One socket for all: the kernel wakes one of them, in turns (EPOLLEXCLUSIVE).
  hand_over,   // One thread accepts, and deals to all of them in turns.
};

/// "reuse_port", "exclusive", "hand_over".
std::string_view name_of(Sharing sharing);

class SharedListener {
 public:
  /// Listens at `address` for all of `loops`. `acceptor` runs in this thread, and is used by
  /// hand_over only. Fails as TcpListener::bind, EADDRINUSE for a port that others share included;
  /// exclusive with EOPNOTSUPP for loops on io_uring. After a failure nothing is left. Requires: at
  /// least one loop.
  static Result<SharedListener> bind(Loop& acceptor, std::span<Loop* const> loops,
                                     const Address& address, Sharing sharing,
                                     const TcpListenOptions& options = {},
                                     std::source_location where = std::source_location::current());
  SharedListener(SharedListener&&) noexcept;
  SharedListener& operator=(SharedListener&&) = delete;
  ~SharedListener();

  /// The listener of the loop that was given as `loops[worker]`. Once for each.
  TcpListener take(std::size_t worker);

  /// Where it listens: tells the port if 0 was asked for.
  const Address& local_address() const { return address_; }

  /// How many connections each worker has accepted so far. Any thread.
  std::vector<std::uint64_t> accepted() const;

 private:
  class Balance;
  class Dealer;

  SharedListener();
  Result<Address> deal_from(Loop& acceptor, std::span<Loop* const> loops, const Address& address,
                            const TcpListenOptions& options, std::source_location where);

  std::shared_ptr<Balance> balance_;
  std::vector<std::unique_ptr<Listening>> listeners_;  // Null once taken.
  std::unique_ptr<Dealer> dealer_;                     // With hand_over.
  Address address_;
};

/// How uneven the counts are (Gini's coefficient): 0 if all are equal, near 1 if one has all.
double imbalance_of(std::span<const std::uint64_t> counts);

}  // namespace tocsin
