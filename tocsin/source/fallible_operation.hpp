// SPDX-License-Identifier: MIT
//
// FallibleOperation: the base of operations that keep why they failed beside what they give.
//
//     FdSource ──> IoOperation ──> [ FallibleOperation ] ──> WriteBytes, ReadPacket, SendQueued,
//     ...
//
// What a stream does for every message (ReadOperation, WriteOperation) is no such operation: it
// keeps its error where its count is.
//
// Ownership: as every IoOperation, it lies in the frame of the coroutine that awaits it. Thread
// rule: the loop's thread.
#pragma once

#include <type_traits>
#include <utility>

#include "tocsin/source/fd_source.hpp"

namespace tocsin {

/// An author writes `attempt` and `await_resume`: with `refused` and `result`.
template <Direction direction>
class FallibleOperation : public IoOperation<direction> {
 protected:
  using IoOperation<direction>::IoOperation;
  FallibleOperation(FallibleOperation&&) = default;
  ~FallibleOperation() = default;

  void fail(Errno error) override { error_ = error.value(); }

  /// What `attempt` answers when its system call has failed: after EAGAIN it waits.
  bool refused(Errno error) {
    if (error == Errno::again) {
      this->source().blocked(direction);
      return false;
    }
    this->fail(error);
    return true;
  }

  bool has_failed() const { return error_ != 0; }
  /// Requires: it has failed.
  std::unexpected<Errno> failure() const { return std::unexpected(Errno{error_}); }

  /// Nothing, or `value`, unless it has failed.
  Result<> result() const {
    if (has_failed()) return failure();
    return {};
  }
  template <class T>
  Result<std::remove_cvref_t<T>> result(T&& value) const {
    if (has_failed()) return failure();
    return std::forward<T>(value);
  }

 private:
  int error_ = 0;
};

}  // namespace tocsin
