// SPDX-License-Identifier: MIT
//
// readable, writable: the wait alone, for whoever makes the system call himself.
//
//     co_await readable(source) ──> one system call ──> source.spend(bytes), or source.blocked(...)
//
// An operation with a source of its own makes its call in `attempt`. What needs two descriptors at
// a time (a splice) cannot: it waits for both, tries, and says which of them had nothing.
//
// Ownership: as every IoOperation, it lies in the frame of the coroutine that awaits it. Thread
// rule: the loop's thread.
#pragma once

#include "tocsin/source/fd_source.hpp"

namespace tocsin {

/// The awaitable of `readable` and `writable`.
template <Direction direction>
class [[nodiscard]] Readiness final : public IoOperation<direction> {
 public:
  explicit Readiness(FdSource& source) : IoOperation<direction>(source) {}
  Readiness(Readiness&&) = default;

  Result<> await_resume() const {
    if (cancelled_) return std::unexpected(Errno::cancelled);
    return {};
  }

 private:
  bool attempt() override { return this->source().may_try(direction); }
  void fail(Errno) override { cancelled_ = true; }

  bool cancelled_ = false;
};

/// Waits until a read of `source` is worth trying: it is not known to be blocked, and has not had
/// its share of this turn. Fails with ECANCELED only. Whoever awaits it tries, and then calls
/// FdSource::spend, or FdSource::blocked after EAGAIN: without either it passes at once the next
/// time.
inline Readiness<Direction::read> readable(FdSource& source) {
  return Readiness<Direction::read>(source);
}

/// The same for a write.
inline Readiness<Direction::write> writable(FdSource& source) {
  return Readiness<Direction::write>(source);
}

}  // namespace tocsin
