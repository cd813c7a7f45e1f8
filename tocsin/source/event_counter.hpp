// SPDX-License-Identifier: MIT
//
// EventCounter: a number that threads, processes and the kernel add to, and that is waited for
// while it is zero (eventfd(2)).
//
//     add(n), KVM, vhost, io_uring, AIO ──> [ EventCounter ] ──> co_await counter.next()
//
// As a counter it gives all that has been added since the last time and begins at zero again; as a
// semaphore it gives one at a time. The number never wraps: whoever would make it exceed `most`
// waits until somebody has taken from it.
//
// Ownership: it owns its descriptor and its registration; the loop must outlive it. Thread rule:
// the loop's thread; other threads and processes write to a duplicate of `fd()`.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <source_location>

#include "tocsin/source/fallible_operation.hpp"
#include "tocsin/source/read_value.hpp"

namespace tocsin {

/// See EventCounter::next.
class [[nodiscard]] TakeCount final : public ReadValue<std::uint64_t> {
 public:
  explicit TakeCount(FdSource& source) : ReadValue(source) {}
  TakeCount(TakeCount&&) = default;

  Result<std::uint64_t> await_resume() const { return value(); }
};

/// See EventCounter::add.
class [[nodiscard]] AddCount final : public FallibleOperation<Direction::write> {
 public:
  AddCount(FdSource& source, std::uint64_t count) : FallibleOperation(source), count_(count) {}
  AddCount(AddCount&&) = default;

  Result<> await_resume() const { return result(); }

 private:
  bool attempt() override;

  std::uint64_t count_;
};

/// What one `next` takes: all there is, or one (EFD_SEMAPHORE).
enum class Take : std::uint8_t { all, one };

class EventCounter {
 public:
  /// The largest number it can hold (eventfd(2): "the largest unsigned 64-bit value minus 1").
  static constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() - 1;

  /// A counter that begins at zero. Fails as eventfd(2): EMFILE, ENFILE, ENOMEM.
  static Result<EventCounter> create(Loop& loop, Take take = Take::all,
                                     std::source_location where = std::source_location::current());

  /// Takes over an eventfd that somebody else has made, and makes its description non-blocking.
  /// What `next` takes is what it was made for. Fails as fcntl(2) and epoll_ctl(2); it is closed
  /// then.
  static Result<EventCounter> adopt(Loop& loop, Fd fd,
                                    std::source_location where = std::source_location::current());

  /// Waits until the number is not zero; gives what was taken from it. Fails with ECANCELED only;
  /// nothing has been taken then. One at a time.
  TakeCount next() { return TakeCount(*source_); }

  /// Adds `count`, and waits while the sum would exceed `most`. Fails with EINVAL for a count
  /// beyond `most`, and with ECANCELED; nothing has been added then. One at a time.
  AddCount add(std::uint64_t count) { return {*source_, count}; }

  /// The descriptor, to be duplicated for whoever adds to it. It stays the counter's, and
  /// non-blocking: a write(2) that does not fit is EAGAIN.
  int fd() const { return source_->fd(); }

 private:
  explicit EventCounter(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

  std::unique_ptr<FdSource> source_;
};

}  // namespace tocsin
