// SPDX-License-Identifier: MIT
//
// UdpErrors: what came back instead of an answer to a datagram: who says that it did not arrive,
// and why (ip(7), ipv6(7), "IP_RECVERR").
//
//     ICMP ──> error queue, EPOLLERR ──> [ UdpErrorOperation ] ──> your line after co_await
//
// Ownership: a UdpErrors is a view of its socket, which must outlive it. Thread rule: the loop's
// thread.
#pragma once

#include <cstdint>

#include "tocsin/net/address.hpp"
#include "tocsin/source/exception_operation.hpp"

namespace tocsin {

/// A datagram that did not arrive, as far as somebody has said so: nobody has to.
struct UdpError {
  /// Who found out: this machine while it sent (a route, the size), or another one by ICMP.
  enum class Origin : std::uint8_t { local, icmp, icmp6 };

  Errno error{0};  // ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, EACCES, ...
  Origin origin = Origin::local;
  std::uint8_t type = 0;  // Of the ICMP message (icmp(7)), ...
  std::uint8_t code = 0;  // ... and its code.
  std::uint32_t mtu = 0;  // With EMSGSIZE: what would have fitted, headers included.
  Address reporter;       // Whose ICMP message it was; none if local. Its port is 0.
  Address to;             // Whom the datagram was for.
  Buffer bytes;           // What came back of it: at least its first bytes, if any.
};

/// See UdpErrors::next.
class [[nodiscard]] UdpErrorOperation final : public ExceptionOperation {
 public:
  explicit UdpErrorOperation(FdSource& source) : ExceptionOperation(source, Direction::error) {}
  UdpErrorOperation(UdpErrorOperation&&) = default;

  Result<UdpError> await_resume() {
    if (failure_ != 0) return std::unexpected(Errno{failure_});
    return std::move(found_);
  }

 private:
  bool attempt() override;
  void fail(Errno error) override { failure_ = error.value(); }

  int failure_ = 0;
  UdpError found_;
};

class UdpErrors {
 public:
  explicit UdpErrors(FdSource& source) : source_(&source) {}

  /// Waits for the next error. Fails with ECANCELED, after which none has been taken.
  UdpErrorOperation next() { return UdpErrorOperation(*source_); }

 private:
  FdSource* source_;
};

}  // namespace tocsin
