// SPDX-License-Identifier: MIT
//
// UrgentOperation, SendUrgentOperation: TCP's urgent byte (tcp(7), "Sockets API").
//
//     send(2), MSG_OOB ──> EPOLLPRI ──> [ UrgentOperation ] ──> recv(2), MSG_OOB
//
// There is one urgent byte at a time. It is taken out of the stream (SO_OOBINLINE is off) and
// overtakes what was sent before it and has not been read; the place it was taken from is the mark,
// which no read goes past (TcpStream::at_urgent_mark). When a second one comes before the first is
// taken, that becomes an ordinary byte of the stream, or is lost if it was the next to be read.
//
// Ownership: as every IoOperation. Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <optional>

#include "tocsin/source/exception_operation.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// See TcpStream::urgent.
class [[nodiscard]] UrgentOperation final : public ExceptionOperation {
 public:
  explicit UrgentOperation(FdSource& source) : ExceptionOperation(source, Direction::priority) {}
  UrgentOperation(UrgentOperation&&) = default;

  Result<std::optional<std::byte>> await_resume() const {
    if (error_ != 0) return std::unexpected(Errno{error_});
    return byte_;
  }

 private:
  bool attempt() override;
  void fail(Errno error) override { error_ = error.value(); }
  bool peer_has_finished();

  int error_ = 0;
  std::optional<std::byte> byte_;
};

/// See TcpStream::send_urgent.
class [[nodiscard]] SendUrgentOperation final : public FallibleOperation<Direction::write> {
 public:
  SendUrgentOperation(FdSource& source, std::byte urgent)
      : FallibleOperation(source), byte_(urgent) {}
  SendUrgentOperation(SendUrgentOperation&&) = default;

  Result<> await_resume() const { return result(); }

 private:
  bool attempt() override;

  std::byte byte_;
};

}  // namespace tocsin
