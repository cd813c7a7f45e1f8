// SPDX-License-Identifier: MIT
#include "tocsin/kern/linux_kernel.hpp"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tocsin/kern/internal/linux_answer.hpp"
#include "tocsin/kern/internal/linux_direct_call.hpp"
#include "tocsin/kern/internal/linux_io_uring.hpp"

namespace tocsin {

using internal::as_int;
using internal::count_or_errno;
using internal::fd_or_errno;
using internal::nothing_or_errno;

LinuxKernel& LinuxKernel::shared() {
  static LinuxKernel kernel;
  return kernel;
}

// ---- descriptors --------------------------------------------------------------------------------

Result<> LinuxKernel::close(int fd) { return nothing_or_errno(::close(fd)); }

Result<int> LinuxKernel::dup(int fd) { return fd_or_errno(::dup(fd)); }

Result<int> LinuxKernel::dup3(int from, int to, int flags) {
  return fd_or_errno(::dup3(from, to, flags));
}

Result<int> LinuxKernel::fcntl(int fd, int command, int argument) {
  return fd_or_errno(::fcntl(fd, command, argument));
}

Count LinuxKernel::read(int fd, MutableBytes into) {
  return count_or_errno(::read(fd, into.data(), into.size()));
}

Count LinuxKernel::write(int fd, ByteView bytes) {
  return count_or_errno(::write(fd, bytes.data(), bytes.size()));
}

Count LinuxKernel::readv(int fd, std::span<const iovec> into) {
  return count_or_errno(::readv(fd, into.data(), as_int(into.size())));
}

Count LinuxKernel::writev(int fd, std::span<const iovec> from) {
  return count_or_errno(::writev(fd, from.data(), as_int(from.size())));
}

Result<std::array<int, 2>> LinuxKernel::pipe2(int flags) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), flags) == -1) return std::unexpected(Errno{errno});
  return ends;
}

Result<int> LinuxKernel::dup2(int from, int to) { return fd_or_errno(::dup2(from, to)); }

Result<int> LinuxKernel::ioctl(int fd, unsigned long request, void* argument) {
  return fd_or_errno(::ioctl(fd, request, argument));
}

// ---- waiting ------------------------------------------------------------------------------------

Result<int> LinuxKernel::epoll_create1(int flags) { return fd_or_errno(::epoll_create1(flags)); }

Result<> LinuxKernel::epoll_ctl(int epfd, int operation, int fd, epoll_event* event) {
  return nothing_or_errno(::epoll_ctl(epfd, operation, fd, event));
}

Count LinuxKernel::epoll_wait(int epfd, std::span<epoll_event> events, int timeout) {
  return Count::from_kernel(
      internal::direct_epoll_wait(epfd, events.data(), as_int(events.size()), timeout));
}

Count LinuxKernel::epoll_pwait(int epfd, std::span<epoll_event> events, int timeout,
                               const sigset_t* mask) {
  return count_or_errno(::epoll_pwait(epfd, events.data(), as_int(events.size()), timeout, mask));
}

Count LinuxKernel::epoll_pwait2(int epfd, std::span<epoll_event> events, const timespec* timeout,
                                const sigset_t* mask) {
  return count_or_errno(::epoll_pwait2(epfd, events.data(), as_int(events.size()), timeout, mask));
}

Count LinuxKernel::ppoll(std::span<pollfd> fds, const timespec* timeout, const sigset_t* mask) {
  return count_or_errno(::ppoll(fds.data(), fds.size(), timeout, mask));
}

Count LinuxKernel::pselect(int nfds, unsigned long* read_set, unsigned long* write_set,
                           unsigned long* except_set, const timespec* timeout,
                           const sigset_t* mask) {
  // Not the C library's pselect: its fd_set ends at FD_SETSIZE, and fortified builds enforce it.
  // The raw call writes the time left back, so it gets a copy.
  timespec left{};
  if (timeout != nullptr) left = *timeout;
  // And it takes the mask with its size in the kernel: a bit for each of 64 signals.
  const struct {
    const sigset_t* set;
    std::size_t size;
  } sized_mask = {.set = mask, .size = 8};
  return count_or_errno(::syscall(SYS_pselect6, nfds, read_set, write_set, except_set,
                                  timeout == nullptr ? nullptr : &left, &sized_mask));
}

Result<std::unique_ptr<IoUring>> LinuxKernel::io_uring_setup(unsigned entries,
                                                             unsigned completions) {
  return LinuxIoUring::create(entries, completions);
}

Result<int> LinuxKernel::epoll_create(int size) { return fd_or_errno(::epoll_create(size)); }

}  // namespace tocsin
