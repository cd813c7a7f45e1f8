// SPDX-License-Identifier: MIT
//
// Of LinuxKernel: events as descriptors (timers, signals, inotify, fanotify, message queues, perf).
#include <linux/perf_event.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tocsin/kern/internal/linux_answer.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {

using internal::count_or_errno;
using internal::fd_or_errno;
using internal::nothing_or_errno;

Result<int> LinuxKernel::eventfd(unsigned initial, int flags) {
  return fd_or_errno(::eventfd(initial, flags));
}

Result<int> LinuxKernel::perf_event_open(const perf_event_attr& attributes, pid_t pid, int cpu,
                                         int group, unsigned long flags) {
  // The C library has no function for it; the kernel reads `attributes` only.
  return fd_or_errno(::syscall(SYS_perf_event_open, &attributes, pid, cpu, group, flags));
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

Result<int> LinuxKernel::fanotify_init(unsigned flags, unsigned event_flags) {
  return fd_or_errno(::fanotify_init(flags, event_flags));
}

Result<> LinuxKernel::fanotify_mark(int fd, unsigned flags, std::uint64_t mask, int directory,
                                    const char* path) {
  return nothing_or_errno(::fanotify_mark(fd, flags, mask, directory, path));
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

Result<mq_attr> LinuxKernel::mq_getattr(int queue) {
  mq_attr attributes{};
  if (::mq_getattr(queue, &attributes) == -1) return std::unexpected(Errno{errno});
  return attributes;
}

Result<int> LinuxKernel::userfaultfd(int flags) {
  return fd_or_errno(::syscall(SYS_userfaultfd, flags));
}

}  // namespace tocsin
