// SPDX-License-Identifier: MIT
#include "tocsin/adapters/cares/connect.hpp"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "tocsin/task/channel.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin {
namespace {

// RFC 8305, section 3: how long the addresses of IPv4 wait for those of IPv6.
constexpr Duration resolution_delay = std::chrono::milliseconds(50);

/// Both families, asked for side by side.
class Search {
 public:
  Search(Resolver& resolver, std::string name, std::uint16_t port)
      : resolver_(resolver), name_(std::move(name)), port_(port) {}

  Task<> find(AddressFamily family) {
    auto found = co_await resolver_.resolve(name_, port_, family);
    if (family == AddressFamily::ipv6) ipv6_is_known_.close();
    if (family == AddressFamily::ipv4 && found)
      static_cast<void>(co_await timeout(resolution_delay, ipv6_is_known_.receive()));
    if (!found) {
      note(found.error());
    } else {
      found_any_ = true;
      // It fails if it is cancelled: there is a connection, or nobody wants one any more.
      static_cast<void>(co_await batches_.send(std::move(*found)));
    }
    if (++answers_ == 2) batches_.close();
  }

  Channel<std::vector<Address>>& batches() { return batches_; }
  /// Why there is no address; nothing if there is one.
  std::optional<Errno> failure() const { return found_any_ ? std::nullopt : failure_; }

 private:
  // That there is nothing in one family says less than what the other one says.
  void note(Errno error) {
    if (!failure_ || *failure_ == Errno{ENODATA}) failure_ = error;
  }

  Resolver& resolver_;
  const std::string name_;
  const std::uint16_t port_;
  Channel<std::vector<Address>> batches_{2};
  Channel<bool> ipv6_is_known_{1};  // Closed then.
  std::optional<Errno> failure_;
  bool found_any_ = false;
  int answers_ = 0;
};

}  // namespace

Task<Result<TcpStream>> connect_by_name(Loop& loop, Resolver& resolver, std::string name,
                                        std::uint16_t port, ConnectAnyOptions options,
                                        std::source_location where) {
  Search search(resolver, std::move(name), port);
  Scope lookups(loop);
  lookups.spawn(search.find(AddressFamily::ipv6));
  lookups.spawn(search.find(AddressFamily::ipv4));
  auto stream = co_await connect_any(loop, search.batches(), options, where);
  if (!stream && stream.error() == Errno{EDESTADDRREQ} && search.failure())
    co_return std::unexpected(*search.failure());
  co_return stream;
}

}  // namespace tocsin
