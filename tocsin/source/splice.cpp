// SPDX-License-Identifier: MIT
#include "tocsin/source/splice.hpp"

#include <fcntl.h>

#include <array>

#include "tocsin/source/internal/without_signal.hpp"
#include "tocsin/source/readiness.hpp"

namespace tocsin {

namespace internal {

// If both are ready by now the step is tried again, at the expense of their budgets.
void tell_who_is_blocked(FdSource& from, FdSource& to) {
  std::array both{pollfd{.fd = from.fd(), .events = POLLIN, .revents = 0},
                  pollfd{.fd = to.fd(), .events = POLLOUT, .revents = 0}};
  const timespec at_once{};
  from.spend(0);
  to.spend(0);
  if (!from.kernel().ppoll(both, &at_once)) return;
  if (both[0].revents == 0) from.blocked(Direction::read);
  if (both[1].revents == 0) to.blocked(Direction::write);
}

namespace {

// Waits for both, then makes `step`, until it gives something.
template <class Step>
Task<Result<std::size_t>> between(FdSource& from, FdSource& to, Step step) {
  while (true) {
    const auto can_read = co_await readable(from);
    if (!can_read) co_return std::unexpected(can_read.error());
    const auto can_write = co_await writable(to);
    if (!can_write) co_return std::unexpected(can_write.error());
    const Count moved = without_signal(to.kernel(), step);
    if (moved) {
      from.spend(*moved);
      to.spend(*moved);
      co_return *moved;
    }
    if (moved.error() == Errno::again)
      tell_who_is_blocked(from, to);
    else if (moved.error() != Errno::interrupted)
      co_return std::unexpected(moved.error());
  }
}

}  // namespace
}  // namespace internal

Task<Result<std::size_t>> splice(FdSource& from, FdSource& to, std::size_t most) {
  return internal::between(from, to, [&from, &to, most] {
    return from.kernel().splice(from.fd(), nullptr, to.fd(), nullptr, most, SPLICE_F_NONBLOCK);
  });
}

Task<Result<std::size_t>> tee(FdSource& from, FdSource& to, std::size_t most) {
  return internal::between(from, to, [&from, &to, most] {
    return from.kernel().tee(from.fd(), to.fd(), most, SPLICE_F_NONBLOCK);
  });
}

Task<Result<>> vmsplice(FdSource& to, ByteView bytes) {
  while (!bytes.empty()) {
    const auto can_write = co_await writable(to);
    if (!can_write) co_return can_write;
    // iovec knows no const; these pages are only read.
    const iovec pages{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
    const Count put = internal::without_signal(to.kernel(), [&] {
      return to.kernel().vmsplice(to.fd(), std::span(&pages, 1), SPLICE_F_NONBLOCK);
    });
    if (put) {
      to.spend(*put);
      bytes = bytes.subspan(*put);
    } else if (put.error() == Errno::again) {
      to.blocked(Direction::write);
    } else if (put.error() != Errno::interrupted) {
      co_return std::unexpected(put.error());
    }
  }
  co_return {};
}

}  // namespace tocsin
