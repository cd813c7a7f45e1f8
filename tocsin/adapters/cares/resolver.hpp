// SPDX-License-Identifier: MIT
//
// Resolver: the addresses of a name, from the domain name system, by c-ares.
//
//     c-ares' sockets and time-outs ──> Loop ──> [ Resolver ] ──> co_await resolver.resolve("name")
//
// c-ares sends the questions and reads the answers; it says for which descriptors it waits, and
// until when, and the loop tells it. Nothing blocks, and no thread is involved, but for the files
// that c-ares reads when it looks at them (/etc/resolv.conf once, /etc/hosts for a name).
//
// Ownership: it owns its channel of c-ares, and the sockets that that opens: they exist while
// questions are open. Resolutions that wait when it ends give ECANCELED. The loop must outlive it.
// Thread rule: the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/loop/loop.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin {

namespace internal {
class CaresChannel;
class CaresQuestion;
}  // namespace internal

/// Which addresses are wanted.
enum class AddressFamily : std::uint8_t { any, ipv4, ipv6 };

struct ResolverOptions {
  /// "127.0.0.1:5353,[::1]", asked in this order; nothing of this machine's configuration counts
  /// then, neither /etc/hosts nor search domains. Empty: what /etc/resolv.conf says.
  std::string servers;
  /// For an answer, at the first try; later tries get longer.
  std::chrono::milliseconds timeout{2000};
  int tries = 3;  // Of each server.
};

/// See Resolver::resolve.
class [[nodiscard]] ResolveOperation final : public Operation {
 public:
  using Addresses = std::vector<Address>;

  ResolveOperation(internal::CaresChannel& channel, std::string name, std::uint16_t port,
                   AddressFamily family)
      : channel_(&channel), name_(std::move(name)), port_(port), family_(family) {}
  ResolveOperation(ResolveOperation&&) = default;

  bool await_ready() const { return false; }
  Result<Addresses> await_resume() { return std::move(result_); }

 private:
  friend class internal::CaresChannel;

  void start() override;
  void abandon() override;

  internal::CaresChannel* channel_;
  std::string name_;
  std::uint16_t port_;
  AddressFamily family_;
  internal::CaresQuestion* question_ = nullptr;  // While it waits; c-ares' until it is answered.
  Result<Addresses> result_;
};

/// What a failure of Resolver::resolve says about the name, for people: "there is no such name".
/// Static storage.
std::string_view explain_resolve_error(Errno error);

class Resolver {
 public:
  /// Fails with EINVAL if `servers` is no list of addresses; with ENOMEM, EIO (a file of the
  /// configuration cannot be read).
  static Result<Resolver> create(Loop& loop, const ResolverOptions& options = {});

  Resolver(Resolver&&) noexcept;
  Resolver& operator=(Resolver&&) = delete;
  ~Resolver();

  /// Waits for the addresses of `name`, each with `port`, best first (RFC 6724). A name that is an
  /// address is that. Any number may wait at the same time. Fails with ENOENT: there is no such
  /// name; ENODATA: it has no address of that family; ETIMEDOUT: no server answered; ECONNREFUSED:
  /// none is there; EREMOTEIO: they answered that they cannot tell (SERVFAIL, REFUSED), or
  /// something that is no answer; EINVAL: that cannot be a name; ECANCELED. A question that nobody
  /// waits for any more is taken back with the last of those that are open.
  ResolveOperation resolve(std::string name, std::uint16_t port = 0,
                           AddressFamily family = AddressFamily::any) {
    return {*channel_, std::move(name), port, family};
  }

 private:
  explicit Resolver(std::unique_ptr<internal::CaresChannel> channel);

  std::unique_ptr<internal::CaresChannel> channel_;
};

}  // namespace tocsin
