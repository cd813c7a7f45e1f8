// SPDX-License-Identifier: MIT
//
// ConnectOperation: waits until a connect(2) that is in progress has ended.
//
//     connect(2): EINPROGRESS ──> FdSource ──> [ ConnectOperation ] ──> SO_ERROR
//
// Ownership: as every IoOperation. Thread rule: the loop's thread.
#pragma once

#include "tocsin/source/fallible_operation.hpp"

namespace tocsin::internal {

/// Gives what became of the connection. The source must have been registered after connect(2) had
/// been called: before, a socket counts as hung up (it is writable, and SO_ERROR is 0).
class [[nodiscard]] ConnectOperation final : public FallibleOperation<Direction::write> {
 public:
  explicit ConnectOperation(FdSource& source) : FallibleOperation(source) {
    // Nothing is known of it before the kernel has said so: that it is not is what EINPROGRESS
    // means. What the registration found is still to be harvested, so no edge is lost.
    source.blocked(Direction::write);
  }
  ConnectOperation(ConnectOperation&&) = default;

  Result<> await_resume() const { return result(); }

 private:
  bool attempt() override;
};

}  // namespace tocsin::internal
