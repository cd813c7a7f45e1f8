// SPDX-License-Identifier: MIT
//
// Process: descriptors: what open file descriptions are called by, and reading and writing.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <vector>

#include "tocsin/vkern/file_object.hpp"
#include "tocsin/vkern/internal/scatter.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected bad_descriptor{Errno{EBADF}};
constexpr std::unexpected invalid{Errno::invalid};

// `serve` is a read(2) or write(2) of each piece. An error counts only if nothing came before it.
Count one_by_one(std::span<const iovec> pieces, auto serve) {
  std::size_t total = 0;
  for (const iovec& piece : pieces) {
    const Count count = serve(piece.iov_base, piece.iov_len);
    if (!count) return total > 0 ? Count{total} : count;
    total += *count;
    if (*count != piece.iov_len) break;
  }
  return total;
}

}  // namespace

template <class P>
Result<Open<P>> Process<P>::get(int fd) {
  Open<P> open = descriptors_.get(fd);
  if (!open) return bad_descriptor;
  return open;
}

template <class P>
Result<int> Process<P>::install(Open<P> open, bool close_on_exec) {
  return descriptors_.add(std::move(open), close_on_exec);
}

template <class P>
Result<> Process<P>::close(int fd) {
  // The description ends here, with no lock held, if this was its last opening.
  if (const Open<P> open = descriptors_.take(fd); !open) return bad_descriptor;
  return {};
}

template <class P>
Result<int> Process<P>::dup(int fd) {
  Open<P> open = descriptors_.get(fd);
  if (!open) return bad_descriptor;
  return install(std::move(open), false);
}

template <class P>
Result<int> Process<P>::dup2(int from, int to) {
  if (from == to) {
    if (!descriptors_.get(from)) return bad_descriptor;
    return to;
  }
  return dup3(from, to, 0);
}

template <class P>
Result<int> Process<P>::dup3(int from, int to, int flags) {
  if ((flags & ~O_CLOEXEC) != 0 || from == to) return std::unexpected(Errno::invalid);
  if (to < 0 || to >= descriptors_.limit()) return bad_descriptor;
  Open<P> open = descriptors_.get(from);
  if (!open) return bad_descriptor;
  const auto former = descriptors_.put(to, std::move(open), (flags & O_CLOEXEC) != 0);
  if (!former) return std::unexpected(former.error());
  return to;
}

template <class P>
Result<int> Process<P>::fcntl(int fd, int command, int argument) {
  Open<P> open = descriptors_.get(fd);
  if (!open) return bad_descriptor;
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      if (argument < 0 || argument >= descriptors_.limit()) return std::unexpected(Errno::invalid);
      return descriptors_.add(std::move(open), command == F_DUPFD_CLOEXEC, argument);
    case F_GETFD:
      return descriptors_.close_on_exec(fd).value_or(false) ? FD_CLOEXEC : 0;
    case F_SETFD:
      descriptors_.set_close_on_exec(fd, (argument & FD_CLOEXEC) != 0);
      return 0;
    case F_GETFL:
      return open->flags();
    case F_SETFL: {
      const int changeable = open->object().changeable_flags();
      if ((argument & ~changeable & O_DIRECT) != 0) return invalid;
      const int flags = (open->flags() & ~changeable) | (argument & changeable);
      if (auto done = open->object().flags_change(*open, flags); !done)
        return std::unexpected(done.error());
      open->set_flags(flags);
      return 0;
    }
    default:
      return open->object().fcntl(*open, command, argument);
  }
}

template <class P>
Result<int> Process<P>::ioctl(int fd, unsigned long request, void* argument) {
  const Open<P> open = descriptors_.get(fd);
  if (!open) return bad_descriptor;
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
      descriptors_.set_close_on_exec(fd, request == FIOCLEX);
      return 0;
    case FIONBIO: {
      if (argument == nullptr) return std::unexpected(Errno{EFAULT});
      const int others = open->flags() & ~O_NONBLOCK;
      open->set_flags(*static_cast<const int*>(argument) != 0 ? others | O_NONBLOCK : others);
      return 0;
    }
    default:
      return open->object().ioctl(*this, *open, request, argument);
  }
}

template <class P>
Count Process<P>::read(int fd, MutableBytes into) {
  const Open<P> open = descriptors_.get(fd);
  if (!open || !open->may_read()) return bad_descriptor;
  return open->object().read(*this, *open, into);
}

template <class P>
Count Process<P>::write(int fd, ByteView bytes) {
  const Open<P> open = descriptors_.get(fd);
  if (!open || !open->may_write()) return bad_descriptor;
  return open->object().write(*this, *open, bytes);
}

template <class P>
Count Process<P>::readv(int fd, std::span<const iovec> into) {
  const Open<P> open = descriptors_.get(fd);
  if (!open || !open->may_read()) return bad_descriptor;
  Object<P>& object = open->object();
  Count count{0};
  if (const std::size_t length = internal::length_of(into); length == 0) {
    count = object.can_read() ? Count{0} : invalid;
  } else if (object.reads_pieces()) {
    count = one_by_one(into, [&](void* data, std::size_t size) {
      return object.read(*this, *open, {static_cast<std::byte*>(data), size});
    });
  } else {
    std::vector<std::byte> whole(length);
    count = object.read(*this, *open, whole);
    if (count) internal::scatter({whole.data(), *count}, into);
  }
  // Who watches a file is told of a read(2) only if it found something, but of every readv(2).
  if (FileObject<P>* const file = object.as_file(); file != nullptr && count && *count == 0)
    file->was_read();
  return count;
}

template <class P>
Count Process<P>::writev(int fd, std::span<const iovec> from) {
  const Open<P> open = descriptors_.get(fd);
  if (!open || !open->may_write()) return bad_descriptor;
  Object<P>& object = open->object();
  if (internal::length_of(from) == 0) return object.can_write() ? Count{0} : invalid;
  if (object.writes_pieces())
    return one_by_one(from, [&](const void* data, std::size_t count) {
      return object.write(*this, *open, {static_cast<const std::byte*>(data), count});
    });
  return object.write(*this, *open, internal::gather(from));
}

template Result<> Process<Single>::close(int);
template Result<int> Process<Single>::dup(int);
template Result<int> Process<Single>::dup2(int, int);
template Result<int> Process<Single>::dup3(int, int, int);
template Result<int> Process<Single>::fcntl(int, int, int);
template Result<int> Process<Single>::ioctl(int, unsigned long, void*);
template Count Process<Single>::read(int, MutableBytes);
template Count Process<Single>::write(int, ByteView);
template Count Process<Single>::readv(int, std::span<const iovec>);
template Count Process<Single>::writev(int, std::span<const iovec>);
template Result<> Process<Threads>::close(int);
template Result<int> Process<Threads>::dup(int);
template Result<int> Process<Threads>::dup2(int, int);
template Result<int> Process<Threads>::dup3(int, int, int);
template Result<int> Process<Threads>::fcntl(int, int, int);
template Result<int> Process<Threads>::ioctl(int, unsigned long, void*);
template Count Process<Threads>::read(int, MutableBytes);
template Count Process<Threads>::write(int, ByteView);
template Count Process<Threads>::readv(int, std::span<const iovec>);
template Count Process<Threads>::writev(int, std::span<const iovec>);
template Result<Open<Single>> Process<Single>::get(int);
template Result<Open<Threads>> Process<Threads>::get(int);
template Result<int> Process<Single>::install(Open<Single>, bool);
template Result<int> Process<Threads>::install(Open<Threads>, bool);

}  // namespace tocsin::vkern
