// SPDX-License-Identifier: MIT
#include "tocsin/source/internal/shared_fd.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include <algorithm>
#include <limits>
#include <string>

#include "tocsin/source/byte_operations.hpp"

namespace tocsin {
namespace internal {
namespace {

// What is written after a poll(2) that said POLLOUT. A pipe has room for so much then (pipe(7),
// PIPE_BUF); a terminal promises less, and takes its time only while somebody has stopped it.
constexpr std::size_t most_after_poll = 512;
// At once, to what is never waited for: a disk may be slow, and the loop waits for it.
constexpr std::size_t most_at_once = 64 * 1024;

// The master of a pseudoterminal is /dev/ptmx: opened again it is another one (pts(4)).
bool is_terminal(Kernel& kernel, int fd) {
  termios settings{};
  int number = 0;
  return kernel.tcgetattr(fd, settings) && !kernel.ioctl(fd, TIOCGPTN, &number);
}

// What may be opened once more, and is the same thing then.
bool can_reopen(Kernel& kernel, int fd, mode_t type) {
  return type == S_IFIFO || (type == S_IFCHR && is_terminal(kernel, fd));
}

Result<Fd> reopen(Kernel& kernel, int fd, Direction direction) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const int mode = direction == Direction::read ? O_RDONLY : O_WRONLY;
  const int flags = mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  return own(kernel, kernel.openat(AT_FDCWD, path.c_str(), flags, 0));
}

Result<Fd> duplicate(Kernel& kernel, int fd) {
  return own(kernel, kernel.fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

}  // namespace

Result<SharedFd> SharedFd::adopt(Loop& loop, Fd fd, const char* name, std::source_location where) {
  auto source = FdSource::create(loop, std::move(fd), name, where);
  if (!source) return std::unexpected(source.error());
  return SharedFd(std::move(*source), Fd(), Access::own);
}

Result<SharedFd> SharedFd::create(Loop& loop, int fd, Direction direction, const char* name,
                                  std::source_location where) {
  Kernel& kernel = loop.kernel();
  // Opened again, the end of a pipe that is written to would be one to read from.
  const auto flags = kernel.fcntl(fd, F_GETFL, 0);
  if (!flags) return std::unexpected(flags.error());
  if ((*flags & O_ACCMODE) == (direction == Direction::read ? O_WRONLY : O_RDONLY))
    return std::unexpected(Errno{EBADF});
  struct statx status{};
  if (auto done = kernel.statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, status); !done)
    return std::unexpected(done.error());
  const mode_t type = status.stx_mode & S_IFMT;
  // Refused where /proc is missing, or where the user has changed since it was opened (su(1)).
  if (can_reopen(kernel, fd, type))
    if (auto again = reopen(kernel, fd, direction))
      return adopt(loop, std::move(*again), name, where);

  auto copy = duplicate(kernel, fd);
  if (!copy) return std::unexpected(copy.error());
  auto source = FdSource::create(loop, std::move(*copy), name, where);
  if (source) {
    const Access access = type == S_IFSOCK               ? Access::socket
                          : direction == Direction::read ? Access::nowait
                                                         : Access::polled;
    return SharedFd(std::move(*source), Fd(), access);
  }
  if (source.error() != Errno::not_permitted) return std::unexpected(source.error());
  // So that it has its turn, its budget and its cancellation like any other: an eventfd that is
  // always ready stands in for it in the loop.
  auto file = duplicate(kernel, fd);
  if (!file) return std::unexpected(file.error());
  auto stand_in = own(kernel, kernel.eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!stand_in) return std::unexpected(stand_in.error());
  source = FdSource::create(loop, std::move(*stand_in), name, where);
  if (!source) return std::unexpected(source.error());
  return SharedFd(std::move(*source), std::move(*file), Access::always);
}

// EAGAIN unless it is ready for `events`, or at its end.
Result<> SharedFd::ask(short events) {
  pollfd look{.fd = fd(), .events = events, .revents = 0};
  constexpr timespec no_time{};
  const Count ready = kernel().ppoll({&look, 1}, &no_time);
  if (!ready) return std::unexpected(ready.error());
  if (*ready == 0) return std::unexpected(Errno::again);
  return {};
}

Count SharedFd::read(MutableBytes into) {
  Count count = 0;
  if (access_ == Access::nowait) {
    const iovec part{.iov_base = into.data(), .iov_len = into.size()};
    // At the description's own offset, if it has one (preadv2(2)).
    count =
        kernel().preadv2(fd(), {&part, 1}, std::numeric_limits<std::uint64_t>::max(), RWF_NOWAIT);
    if (!count && count.error() == Errno::unsupported) access_ = Access::polled;
  }
  if (access_ == Access::polled)
    if (auto ready = ask(POLLIN); !ready) return std::unexpected(ready.error());
  if (access_ == Access::socket)
    count = kernel().recv(fd(), into, MSG_DONTWAIT);
  else if (access_ != Access::nowait)
    count = kernel().read(fd(), into);
  if (!count && end_is_eio_ && count.error() == Errno{EIO}) return 0;
  return count;
}

Count SharedFd::write(ByteView bytes) {
  switch (access_) {
    case Access::own:
      return write_without_signal(kernel(), fd(), bytes);
    case Access::socket:
      return kernel().send(fd(), bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    case Access::always:
      return kernel().write(fd(), bytes.first(std::min(bytes.size(), most_at_once)));
    case Access::nowait:
    case Access::polled:
      break;
  }
  if (auto ready = ask(POLLOUT); !ready) return std::unexpected(ready.error());
  return write_without_signal(kernel(), fd(), bytes.first(std::min(bytes.size(), most_after_poll)));
}

}  // namespace internal

bool SharedRead::attempt() {
  FdSource& from = source();
  count_ = fd_->read(from.loop().buffers().next());
  if (!count_ && count_.error() == Errno::again) {
    from.blocked(Direction::read);
    return false;
  }
  // Only a call that waits can be interrupted: it is tried again in the next turn.
  if (!count_ && count_.error() == Errno::interrupted) return false;
  from.spend(count_.value_or(0));
  return true;
}

bool SharedWrite::attempt() {
  FdSource& to = source();
  while (!left_.empty()) {
    if (!to.may_spend()) return false;
    const Count count = fd_->write(left_);
    if (!count && count.error() == Errno::again) {
      to.blocked(Direction::write);
      return false;
    }
    if (!count && count.error() == Errno::interrupted) return false;
    if (!count) {
      fail(count.error());
      return true;
    }
    to.spend(*count);
    left_ = left_.subspan(*count);
  }
  return true;
}

}  // namespace tocsin
