// SPDX-License-Identifier: MIT
//
// Of LinuxKernel: other processes, and this one: its clocks, its memory, its terminals.
#include <linux/kcmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tocsin/kern/internal/linux_answer.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {

using internal::count_or_errno;
using internal::fd_or_errno;
using internal::nothing_or_errno;

Result<> LinuxKernel::kill(pid_t pid, int signal) { return nothing_or_errno(::kill(pid, signal)); }

Result<> LinuxKernel::sigqueue(pid_t pid, int signal, sigval value) {
  return nothing_or_errno(::sigqueue(pid, signal, value));
}

Result<sigset_t> LinuxKernel::sigpending() {
  sigset_t pending{};
  if (::sigpending(&pending) == -1) return std::unexpected(Errno{errno});
  return pending;
}

Result<int> LinuxKernel::sigtimedwait(const sigset_t& set, const timespec& timeout) {
  return fd_or_errno(::sigtimedwait(&set, nullptr, &timeout));
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

Result<int> LinuxKernel::prctl(int option, unsigned long argument) {
  return fd_or_errno(::prctl(option, argument, 0, 0, 0));
}

Result<> LinuxKernel::tcgetattr(int fd, termios& into) {
  return nothing_or_errno(::tcgetattr(fd, &into));
}

Result<> LinuxKernel::tcsetattr(int fd, int when, const termios& from) {
  return nothing_or_errno(::tcsetattr(fd, when, &from));
}

Result<bool> LinuxKernel::kcmp_epoll(int fd, int epfd, int target, unsigned nth) {
  kcmp_epoll_slot slot{};
  slot.efd = static_cast<__u32>(epfd);
  slot.tfd = static_cast<__u32>(target);
  slot.toff = nth;
  const long order = ::syscall(SYS_kcmp, ::getpid(), ::getpid(), KCMP_EPOLL_TFD, fd, &slot);
  if (order == -1) return std::unexpected(Errno{errno});
  return order == 0;
}

Result<timespec> LinuxKernel::clock_gettime(clockid_t clock) {
  Result<timespec> time(std::in_place);  // Read twice a turn: written where it is wanted.
  if (::clock_gettime(clock, &*time) == -1) time = std::unexpected(Errno{errno});
  return time;
}

pid_t LinuxKernel::getpid() { return ::getpid(); }

Result<void*> LinuxKernel::mmap(std::size_t length, int protection, int flags, int fd,
                                std::uint64_t offset) {
  void* const address = ::mmap(nullptr, length, protection, flags, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED) return std::unexpected(Errno{errno});
  return address;
}

Result<> LinuxKernel::munmap(void* address, std::size_t length) {
  return nothing_or_errno(::munmap(address, length));
}

Result<> LinuxKernel::madvise(void* address, std::size_t length, int advice) {
  return nothing_or_errno(::madvise(address, length, advice));
}

Result<> LinuxKernel::mprotect(void* address, std::size_t length, int protection) {
  return nothing_or_errno(::mprotect(address, length, protection));
}

Result<int> LinuxKernel::memfd_create(const char* name, unsigned flags) {
  return fd_or_errno(::memfd_create(name, flags));
}

Result<int> LinuxKernel::seccomp(unsigned operation, unsigned flags, void* argument) {
  return fd_or_errno(::syscall(SYS_seccomp, operation, flags, argument));
}

Count LinuxKernel::process_vm_readv(pid_t pid, std::span<const iovec> local,
                                    std::span<const iovec> remote) {
  return count_or_errno(
      ::process_vm_readv(pid, local.data(), local.size(), remote.data(), remote.size(), 0));
}

}  // namespace tocsin
