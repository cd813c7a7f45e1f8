// SPDX-License-Identifier: MIT
#include "tocsin/source/byte_operations.hpp"

#include <limits>
#include <utility>

#include "tocsin/source/internal/without_signal.hpp"

namespace tocsin {

bool ReadBytes::attempt() {
  FdSource& from = source();
  Buffer buffer = from.loop().buffers().take();
  const auto count = from.kernel().read(from.fd(), buffer.room());
  if (!count) return refused(count.error());
  // A FIFO without writers: its next one's bytes are an edge, so nobody has to look before.
  if (*count == 0 && at_end_ == AtEnd::wait) return refused(Errno::again);
  from.spend(*count);
  from.received(*count, buffer.room().size());
  buffer.fill(*count);
  bytes_ = std::move(buffer);
  return true;
}

bool WriteBytes::attempt() {
  FdSource& to = source();
  while (to.may_spend()) {
    const auto count = write_without_signal(to.kernel(), to.fd(), left_);
    if (!count) return refused(count.error());
    to.spend(*count);
    left_ = left_.subspan(*count);
    if (left_.empty()) return true;
  }
  return false;
}

// ---- without SIGPIPE ----------------------------------------------------------------------------

namespace {

constexpr int no_signal = 0x100;  // RWF_NOSIGNAL, which the headers of Debian 12 do not have.
constexpr auto where_it_is = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Count write_without_signal(Kernel& kernel, int fd, ByteView bytes) {
  const iovec whole{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  const auto count = kernel.pwritev2(fd, {&whole, 1}, where_it_is, no_signal);
  const bool unknown =
      !count && (count.error() == Errno::unsupported || count.error() == Errno{ENOSYS});
  if (!unknown) return count;
  return internal::without_signal(kernel, [&] { return kernel.write(fd, bytes); });
}

}  // namespace tocsin
