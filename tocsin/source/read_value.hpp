// SPDX-License-Identifier: MIT
//
// ReadValue: the operation that reads one structure from a descriptor that gives them whole.
//
//     FdSource ──> [ ReadValue<T>::attempt ] ──> read(2) ──> the operation that derives from it
//
// signalfd(2), timerfd_create(2), eventfd(2), userfaultfd(2): a read gives one structure at least,
// or none and EAGAIN.
//
// Ownership: as every IoOperation, it lies in the frame of the coroutine that awaits it. Thread
// rule: the loop's thread.
#pragma once

#include <span>
#include <type_traits>

#include "tocsin/base/check.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// Whoever derives from it writes `await_resume`, and says there what `value()` means.
template <class T>
class ReadValue : public FallibleOperation<Direction::read> {
  static_assert(std::is_trivially_copyable_v<T>, "the kernel writes its bytes");

 protected:
  explicit ReadValue(FdSource& source) : FallibleOperation<Direction::read>(source) {}
  ReadValue(ReadValue&&) = default;
  ~ReadValue() = default;

  /// What was read, or why nothing was: ECANCELED, or an error of read(2) other than EAGAIN.
  Result<T> value() const { return this->result(value_); }

  bool attempt() override {
    FdSource& from = this->source();
    const auto count = from.kernel().read(from.fd(), std::as_writable_bytes(std::span(&value_, 1)));
    if (!count) return this->refused(count.error());
    CHECK(*count == sizeof value_, "such a descriptor gives whole structures");
    from.spend(*count);
    return true;
  }

 private:
  T value_{};
};

}  // namespace tocsin
