// SPDX-License-Identifier: MIT
//
// ConnectOperation: waits until a connect(2) that is in progress has ended.
//
//     connect(2): EINPROGRESS ──> FdSource ──> [ ConnectOperation ] ──> SO_ERROR
//
// Ownership: as every IoOperation. Thread rule: the loop's thread.
#pragma once

#include "tocsin/source/fd_source.hpp"

namespace tocsin::internal {

/// Gives what became of the connection. The source must have been registered after connect(2) had
/// been called: before, a socket counts as hung up (it is writable, and SO_ERROR is 0).
class [[nodiscard]] ConnectOperation final : public IoOperation<Direction::write> {
 public:
  explicit ConnectOperation(FdSource& source) : IoOperation(source) {
    // Nothing is known of it before the kernel has said so: that it is not is what EINPROGRESS
    // means. What the registration found is still to be harvested, so no edge is lost.
    source.blocked(Direction::write);
  }
  ConnectOperation(ConnectOperation&&) = default;

  Result<> await_resume() const {
    if (error_ != 0) return std::unexpected(Errno{error_});
    return {};
  }

 private:
  bool attempt() override;
  void fail(Errno error) override { error_ = error.value(); }

  int error_ = 0;
};

}  // namespace tocsin::internal
