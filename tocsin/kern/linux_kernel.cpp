// SPDX-License-Identifier: MIT
#include "tocsin/kern/linux_kernel.hpp"

#include <mqueue.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "tocsin/kern/internal/linux_direct_call.hpp"
#include "tocsin/kern/internal/linux_io_uring.hpp"

namespace tocsin {
namespace {

// The one place where -1 and errno become a Result.
Result<> nothing_or_errno(long returned) {
  if (returned == -1) [[unlikely]]
    return std::unexpected(Errno{errno});
  return {};
}

Result<int> fd_or_errno(long returned) {
  if (returned == -1) [[unlikely]]
    return std::unexpected(Errno{errno});
  return static_cast<int>(returned);
}

Count count_or_errno(long returned) {
  return Count::from_kernel(returned == -1 ? -errno : returned);
}

// The kernel counts these in an int, and no caller has more: the rest is simply not offered.
int as_int(std::size_t count) {
  constexpr std::size_t most = 0x7fffffff;
  return static_cast<int>(count < most ? count : most);
}

}  // namespace

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

// ---- waiting ------------------------------------------------------------------------------------

Result<int> LinuxKernel::epoll_create1(int flags) { return fd_or_errno(::epoll_create1(flags)); }

Result<> LinuxKernel::epoll_ctl(int epfd, int operation, int fd, epoll_event* event) {
  return nothing_or_errno(::epoll_ctl(epfd, operation, fd, event));
}

Count LinuxKernel::epoll_wait(int epfd, std::span<epoll_event> events, int timeout) {
  return count_or_errno(::epoll_wait(epfd, events.data(), as_int(events.size()), timeout));
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

Result<std::unique_ptr<IoUring>> LinuxKernel::io_uring_setup(unsigned entries) {
  return LinuxIoUring::create(entries);
}

// ---- events as descriptors ----------------------------------------------------------------------

Result<int> LinuxKernel::eventfd(unsigned initial, int flags) {
  return fd_or_errno(::eventfd(initial, flags));
}

Result<int> LinuxKernel::timerfd_create(clockid_t clock, int flags) {
  return fd_or_errno(::timerfd_create(clock, flags));
}

Result<> LinuxKernel::timerfd_settime(int fd, int flags, const itimerspec& value) {
  return nothing_or_errno(::timerfd_settime(fd, flags, &value, nullptr));
}

Result<int> LinuxKernel::signalfd(int fd, const sigset_t& mask, int flags) {
  return fd_or_errno(::signalfd(fd, &mask, flags));
}

Result<> LinuxKernel::pthread_sigmask(int how, const sigset_t* mask, sigset_t* before) {
  const int error = ::pthread_sigmask(how, mask, before);
  if (error != 0) return std::unexpected(Errno{error});
  return {};
}

// ---- sockets ------------------------------------------------------------------------------------

Result<int> LinuxKernel::socket(int domain, int type, int protocol) {
  return fd_or_errno(::socket(domain, type, protocol));
}

Result<std::array<int, 2>> LinuxKernel::socketpair(int domain, int type, int protocol) {
  std::array<int, 2> ends{};
  if (::socketpair(domain, type, protocol, ends.data()) == -1) return std::unexpected(Errno{errno});
  return ends;
}

Result<> LinuxKernel::bind(int fd, const sockaddr* address, socklen_t length) {
  return nothing_or_errno(::bind(fd, address, length));
}

Result<> LinuxKernel::listen(int fd, int backlog) {
  return nothing_or_errno(::listen(fd, backlog));
}

Result<> LinuxKernel::connect(int fd, const sockaddr* address, socklen_t length) {
  return nothing_or_errno(::connect(fd, address, length));
}

Result<int> LinuxKernel::accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  return fd_or_errno(::accept4(fd, address, length, flags));
}

Count LinuxKernel::recv(int fd, MutableBytes into, int flags) {
  return Count::from_kernel(internal::direct_recv(fd, into.data(), into.size(), flags));
}

Count LinuxKernel::recvfrom(int fd, MutableBytes into, int flags, sockaddr* address,
                            socklen_t* length) {
  return count_or_errno(::recvfrom(fd, into.data(), into.size(), flags, address, length));
}

Count LinuxKernel::recvmsg(int fd, msghdr& message, int flags) {
  return count_or_errno(::recvmsg(fd, &message, flags));
}

Count LinuxKernel::send(int fd, ByteView bytes, int flags) {
  return Count::from_kernel(internal::direct_send(fd, bytes.data(), bytes.size(), flags));
}

Count LinuxKernel::sendto(int fd, ByteView bytes, int flags, const sockaddr* address,
                          socklen_t length) {
  return count_or_errno(::sendto(fd, bytes.data(), bytes.size(), flags, address, length));
}

Count LinuxKernel::sendmsg(int fd, const msghdr& message, int flags) {
  return count_or_errno(::sendmsg(fd, &message, flags));
}

Result<> LinuxKernel::shutdown(int fd, int how) { return nothing_or_errno(::shutdown(fd, how)); }

Result<> LinuxKernel::getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  return nothing_or_errno(::getsockopt(fd, level, name, value, length));
}

Result<> LinuxKernel::setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  return nothing_or_errno(::setsockopt(fd, level, name, value, length));
}

Result<> LinuxKernel::getsockname(int fd, sockaddr* address, socklen_t* length) {
  return nothing_or_errno(::getsockname(fd, address, length));
}

Result<> LinuxKernel::getpeername(int fd, sockaddr* address, socklen_t* length) {
  return nothing_or_errno(::getpeername(fd, address, length));
}

// ---- regular files ------------------------------------------------------------------------------

Result<int> LinuxKernel::openat(int directory, const char* path, int flags, mode_t mode) {
  return fd_or_errno(::openat(directory, path, flags, mode));
}

Result<int> LinuxKernel::openat2(int directory, const char* path, const open_how& how) {
  return fd_or_errno(::syscall(SYS_openat2, directory, path, &how, sizeof how));
}

Result<> LinuxKernel::statx(int directory, const char* path, int flags, unsigned mask,
                            struct statx& into) {
  return nothing_or_errno(::statx(directory, path, flags, mask, &into));
}

Count LinuxKernel::pread(int fd, MutableBytes into, std::uint64_t offset) {
  return count_or_errno(::pread(fd, into.data(), into.size(), static_cast<off_t>(offset)));
}

Count LinuxKernel::pwrite(int fd, ByteView bytes, std::uint64_t offset) {
  return count_or_errno(::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)));
}

Count LinuxKernel::preadv2(int fd, std::span<const iovec> into, std::uint64_t offset, int flags) {
  return count_or_errno(
      ::preadv2(fd, into.data(), as_int(into.size()), static_cast<off_t>(offset), flags));
}

Result<> LinuxKernel::fsync(int fd) { return nothing_or_errno(::fsync(fd)); }

Result<> LinuxKernel::ftruncate(int fd, std::uint64_t length) {
  return nothing_or_errno(::ftruncate(fd, static_cast<off_t>(length)));
}

Result<> LinuxKernel::unlinkat(int directory, const char* path, int flags) {
  return nothing_or_errno(::unlinkat(directory, path, flags));
}

Count LinuxKernel::sendfile(int to, int from, std::uint64_t* offset, std::size_t count) {
  auto position = static_cast<off_t>(*offset);
  const auto sent = count_or_errno(::sendfile(to, from, &position, count));
  if (sent) *offset = static_cast<std::uint64_t>(position);
  return sent;
}

// ---- events, queues, processes, names of files --------------------------------------------------

Result<int> LinuxKernel::dup2(int from, int to) { return fd_or_errno(::dup2(from, to)); }

Result<int> LinuxKernel::ioctl(int fd, unsigned long request, void* argument) {
  return fd_or_errno(::ioctl(fd, request, argument));
}

Result<int> LinuxKernel::epoll_create(int size) { return fd_or_errno(::epoll_create(size)); }

Result<itimerspec> LinuxKernel::timerfd_gettime(int fd) {
  itimerspec value{};
  if (::timerfd_gettime(fd, &value) == -1) return std::unexpected(Errno{errno});
  return value;
}

Result<int> LinuxKernel::inotify_init1(int flags) { return fd_or_errno(::inotify_init1(flags)); }

Result<int> LinuxKernel::inotify_add_watch(int fd, const char* path, std::uint32_t mask) {
  return fd_or_errno(::inotify_add_watch(fd, path, mask));
}

Result<> LinuxKernel::inotify_rm_watch(int fd, int watch) {
  return nothing_or_errno(::inotify_rm_watch(fd, watch));
}

Result<int> LinuxKernel::mq_open(const char* name, int flags, mode_t mode,
                                 const mq_attr* attributes) {
  // The C library's mq_open is variadic, and takes a const attribute for one that is not.
  return fd_or_errno(::mq_open(name, flags, mode, const_cast<mq_attr*>(attributes)));
}

Result<> LinuxKernel::mq_unlink(const char* name) { return nothing_or_errno(::mq_unlink(name)); }

Result<> LinuxKernel::mq_timedsend(int queue, ByteView message, unsigned priority,
                                   const timespec* deadline) {
  const auto* const text = reinterpret_cast<const char*>(message.data());
  // The C library has no null deadline, though the kernel has.
  if (deadline == nullptr)
    return nothing_or_errno(::mq_send(queue, text, message.size(), priority));
  return nothing_or_errno(::mq_timedsend(queue, text, message.size(), priority, deadline));
}

Count LinuxKernel::mq_timedreceive(int queue, MutableBytes into, unsigned* priority,
                                   const timespec* deadline) {
  auto* const text = reinterpret_cast<char*>(into.data());
  if (deadline == nullptr) return count_or_errno(::mq_receive(queue, text, into.size(), priority));
  return count_or_errno(::mq_timedreceive(queue, text, into.size(), priority, deadline));
}

Result<> LinuxKernel::kill(pid_t pid, int signal) { return nothing_or_errno(::kill(pid, signal)); }

Result<> LinuxKernel::sigqueue(pid_t pid, int signal, sigval value) {
  return nothing_or_errno(::sigqueue(pid, signal, value));
}

Result<int> LinuxKernel::pidfd_open(pid_t pid, unsigned flags) {
  return fd_or_errno(::syscall(SYS_pidfd_open, pid, flags));
}

Result<> LinuxKernel::pidfd_send_signal(int fd, int signal) {
  return nothing_or_errno(::syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0));
}

Result<> LinuxKernel::waitid(idtype_t type, id_t id, siginfo_t& which, int options) {
  which = {};
  return nothing_or_errno(::waitid(type, id, &which, options));
}

Result<> LinuxKernel::mkdirat(int directory, const char* path, mode_t mode) {
  return nothing_or_errno(::mkdirat(directory, path, mode));
}

Result<> LinuxKernel::mknodat(int directory, const char* path, mode_t mode) {
  return nothing_or_errno(::mknodat(directory, path, mode, 0));
}

Result<> LinuxKernel::renameat2(int from, const char* from_path, int to, const char* to_path,
                                unsigned flags) {
  return nothing_or_errno(::renameat2(from, from_path, to, to_path, flags));
}

Result<> LinuxKernel::fchmodat(int directory, const char* path, mode_t mode) {
  return nothing_or_errno(::fchmodat(directory, path, mode, 0));
}

Result<> LinuxKernel::symlinkat(const char* target, int directory, const char* path) {
  return nothing_or_errno(::symlinkat(target, directory, path));
}

Result<> LinuxKernel::utimensat(int directory, const char* path, const timespec* times, int flags) {
  return nothing_or_errno(::utimensat(directory, path, times, flags));
}

// ---- the process --------------------------------------------------------------------------------

Result<timespec> LinuxKernel::clock_gettime(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) == -1) return std::unexpected(Errno{errno});
  return time;
}

pid_t LinuxKernel::getpid() { return ::getpid(); }

Result<void*> LinuxKernel::mmap(std::size_t length, int protection, int flags) {
  void* const address = ::mmap(nullptr, length, protection, flags, -1, 0);
  if (address == MAP_FAILED) return std::unexpected(Errno{errno});
  return address;
}

Result<> LinuxKernel::munmap(void* address, std::size_t length) {
  return nothing_or_errno(::munmap(address, length));
}

Result<> LinuxKernel::madvise(void* address, std::size_t length, int advice) {
  return nothing_or_errno(::madvise(address, length, advice));
}

}  // namespace tocsin
