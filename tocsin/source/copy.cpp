// SPDX-License-Identifier: MIT
#include "tocsin/source/copy.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "tocsin/base/check.hpp"
#include "tocsin/source/internal/without_signal.hpp"
#include "tocsin/source/offload.hpp"
#include "tocsin/source/readiness.hpp"
#include "tocsin/source/splice.hpp"

namespace tocsin {
namespace {

// "This cannot be done so", as opposed to "this cannot be done".
bool is_refusal(Errno error) {
  return error == Errno::invalid || error == Errno{ENOSYS} || error == Errno::unsupported ||
         error == Errno{EXDEV};
}

}  // namespace

std::string_view name_of(CopyMethod method) {
  switch (method) {
    case CopyMethod::sendfile:
      return "sendfile";
    case CopyMethod::splice:
      return "splice";
    case CopyMethod::splice_through_pipe:
      return "splice through a pipe";
    case CopyMethod::copy_file_range:
      return "copy_file_range";
    case CopyMethod::read_write:
      return "read and write";
  }
  std::unreachable();
}

// ---- Copy ---------------------------------------------------------------------------------------

Copy::Copy(FdSource& from, FdSource& to, std::uint64_t most)
    : Copy(from.loop(), {&from, from.fd(), 0}, {&to, to.fd(), 0}, CopyMethod::splice, most) {}

Copy::Copy(FilePart from, FdSource& to, std::uint64_t most)
    : Copy(to.loop(), {nullptr, from.fd, from.offset}, {&to, to.fd(), 0}, CopyMethod::sendfile,
           most) {}

Copy::Copy(FdSource& from, FilePart to, std::uint64_t most)
    : Copy(from.loop(), {&from, from.fd(), 0}, {nullptr, to.fd, to.offset}, CopyMethod::splice,
           most) {}

// A turn of the loop: wait for the ends that the next system call needs, make it, see what it said.
Task<Result<Copied>> Copy::run() {
  while (left_ > 0 || held() > 0) {
    // In read and write, the pipe of the rung above is emptied before `from` is asked for more.
    const bool drains = method_ == CopyMethod::read_write && in_pipe_ > 0 && in_buffer() == 0;
    const bool takes = held() == 0;
    const bool gives = !drains && (held() > 0 || is_direct());
    if (takes && from_.source != nullptr) {
      const auto can_read = co_await readable(*from_.source);
      if (!can_read) co_return std::unexpected(can_read.error());
    }
    if (gives && to_.source != nullptr) {
      const auto can_write = co_await writable(*to_.source);
      if (!can_write) co_return std::unexpected(can_write.error());
    }
    const auto step = [&] { return takes || drains ? take() : give(); };
    const bool may_signal = gives && to_.source != nullptr;
    const Count moved = may_signal ? internal::without_signal(loop_.kernel(), step) : step();
    if (moved) {
      if (takes && *moved == 0) break;
      if (takes) took(*moved);
      if (gives) gave(*moved);
    } else if (moved.error() == Errno::again) {
      blocked(takes, gives);
    } else if (moved.error() != Errno::interrupted && !descend(moved.error())) {
      co_return std::unexpected(moved.error());
    }
  }
  co_return Copied{.bytes = copied_, .method = method_};
}

// One call that takes from `from` (or, to drain it, from the pipe).
Count Copy::take() {
  Kernel& kernel = loop_.kernel();
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left_, chunk));
  switch (method_) {
    case CopyMethod::sendfile:
      return kernel.sendfile(to_.fd, from_.fd, &from_.offset, most);
    case CopyMethod::splice:
      return kernel.splice(from_.fd, from_.position(), to_.fd, to_.position(), most,
                           SPLICE_F_NONBLOCK);
    case CopyMethod::splice_through_pipe: {
      const Count count = kernel.splice(from_.fd, from_.position(), pipe_in_.get(), nullptr, most,
                                        SPLICE_F_NONBLOCK);
      in_pipe_ += count.value_or(0);
      return count;
    }
    case CopyMethod::copy_file_range:
    case CopyMethod::read_write:
      return read_into_buffer();
  }
  std::unreachable();
}

Count Copy::read_into_buffer() {
  Kernel& kernel = loop_.kernel();
  const MutableBytes room = loop_.buffers().next();
  Count count;
  if (in_pipe_ > 0) {
    count = kernel.read(pipe_out_.get(), room.first(std::min(room.size(), in_pipe_)));
    in_pipe_ -= count.value_or(0);
  } else {
    const auto part =
        room.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, room.size())));
    count = from_.source != nullptr ? kernel.read(from_.fd, part)
                                    : kernel.pread(from_.fd, part, from_.offset);
    if (from_.source == nullptr) from_.offset += count.value_or(0);
  }
  if (count.value_or(0) > 0) {
    buffer_ = loop_.buffers().take(*count);
    given_ = 0;
  }
  return count;
}

// One call that gives to `to` of what is held.
Count Copy::give() {
  Kernel& kernel = loop_.kernel();
  if (in_buffer() == 0) {
    const Count count = kernel.splice(pipe_out_.get(), nullptr, to_.fd, to_.position(), in_pipe_,
                                      SPLICE_F_NONBLOCK);
    in_pipe_ -= count.value_or(0);
    return count;
  }
  const ByteView rest = ByteView(buffer_).subspan(given_);
  const Count count =
      to_.source != nullptr ? kernel.write(to_.fd, rest) : kernel.pwrite(to_.fd, rest, to_.offset);
  if (to_.source == nullptr) to_.offset += count.value_or(0);
  given_ += count.value_or(0);
  if (in_buffer() == 0) {
    buffer_.reset();
    given_ = 0;
  }
  return count;
}

void Copy::took(std::size_t count) {
  left_ -= count;
  if (from_.source != nullptr) from_.source->spend(count);
}

void Copy::gave(std::size_t count) {
  copied_ += count;
  if (to_.source != nullptr) to_.source->spend(count);
}

void Copy::blocked(bool takes, bool gives) const {
  takes = takes && from_.source != nullptr;
  gives = gives && to_.source != nullptr;
  if (takes && gives) return internal::tell_who_is_blocked(*from_.source, *to_.source);
  if (takes) from_.source->blocked(Direction::read);
  if (gives) to_.source->blocked(Direction::write);
}

// The pipe is skipped where there are no splices at all, or no descriptors left.
bool Copy::descend(Errno refused) {
  if (!is_refusal(refused) || method_ == CopyMethod::read_write) return false;
  const bool may_pipe = method_ == CopyMethod::splice && refused != Errno{ENOSYS};
  method_ = may_pipe && make_pipe() ? CopyMethod::splice_through_pipe : CopyMethod::read_write;
  return true;
}

bool Copy::make_pipe() {
  Kernel& kernel = loop_.kernel();
  const auto made = kernel.pipe2(O_CLOEXEC | O_NONBLOCK);
  if (!made) return false;
  pipe_out_ = Fd(kernel, (*made)[0]);
  pipe_in_ = Fd(kernel, (*made)[1]);
  // A larger one spares system calls; who may not have it (pipe(7), "Pipe capacity") does without.
  static_cast<void>(kernel.fcntl(pipe_in_.get(), F_SETPIPE_SZ, int{chunk}));
  return true;
}

Result<Buffer> Copy::take_held() {
  if (in_buffer() == 0 && in_pipe_ > 0) {
    if (const Count count = read_into_buffer(); !count) return std::unexpected(count.error());
  }
  if (in_buffer() == 0) return Buffer();
  const std::size_t size = in_buffer();
  std::ranges::copy(ByteView(buffer_).subspan(given_), buffer_.room().begin());
  buffer_.fill(size);
  given_ = 0;
  return std::exchange(buffer_, Buffer());
}

// ---- copy ---------------------------------------------------------------------------------------

Task<Result<Copied>> copy(FdSource& from, FdSource& to, std::uint64_t most) {
  Copy whole(from, to, most);
  co_return co_await whole.run();
}

Task<Result<Copied>> copy(FilePart from, FdSource& to, std::uint64_t most) {
  Copy whole(from, to, most);
  co_return co_await whole.run();
}

Task<Result<Copied>> copy(FdSource& from, FilePart to, std::uint64_t most) {
  Copy whole(from, to, most);
  co_return co_await whole.run();
}

namespace {

// What a thread does at a time: so long it cannot be called back. A reflink takes any length.
constexpr std::size_t step_of_ranges = 64 << 20;
constexpr std::size_t step_of_bytes = 1 << 20;

Count read_and_write(Kernel& kernel, FilePart& from, FilePart& to, std::size_t most) {
  std::vector<std::byte> room(most);
  const Count read = kernel.pread(from.fd, room, from.offset);
  if (!read) return read;
  for (ByteView rest = ByteView(room).first(*read); !rest.empty();) {
    const Count written = kernel.pwrite(to.fd, rest, to.offset);
    if (!written) return written;
    if (*written == 0) return std::unexpected(Errno{EIO});
    from.offset += *written;
    to.offset += *written;
    rest = rest.subspan(*written);
  }
  return read;
}

}  // namespace

Task<Result<Copied>> copy(ThreadPool& pool, FilePart from, FilePart to, std::uint64_t most) {
  Kernel& kernel = pool.loop().kernel();
  Copied copied{.bytes = 0, .method = CopyMethod::copy_file_range};
  while (copied.bytes < most) {
    const bool by_ranges = copied.method == CopyMethod::copy_file_range;
    const auto step = static_cast<std::size_t>(
        std::min<std::uint64_t>(most - copied.bytes, by_ranges ? step_of_ranges : step_of_bytes));
    const auto count = co_await offload(pool, [&]() -> Result<std::size_t> {
      if (!by_ranges) return read_and_write(kernel, from, to, step);
      return kernel.copy_file_range(from.fd, &from.offset, to.fd, &to.offset, step);
    });
    // A file of /proc has no length: copy_file_range(2) finds nothing where a read finds something.
    const bool looks_empty = count == 0u && by_ranges && copied.bytes == 0;
    if (looks_empty || (!count && by_ranges && is_refusal(count.error()))) {
      copied.method = CopyMethod::read_write;
      continue;
    }
    if (!count && count.error() == Errno::interrupted) continue;
    if (!count) co_return std::unexpected(count.error());
    if (*count == 0) break;
    copied.bytes += *count;
  }
  co_return copied;
}

}  // namespace tocsin
