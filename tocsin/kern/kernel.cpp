// SPDX-License-Identifier: MIT
#include "tocsin/kern/kernel.hpp"

#include <cerrno>

namespace tocsin {

// ---- what can be made of other calls ------------------------------------------------------------

// As Linux has it: an error ends the row, and is the answer only if nothing came before it. (Linux
// keeps it for the next call then; here it is gone, which the manual allows: recvmmsg(2), "BUGS".)
Count Kernel::recvmmsg(int fd, std::span<mmsghdr> messages, int flags) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Count count = this->recvmsg(fd, messages[i].msg_hdr, flags);
    if (!count && i == 0) return count;
    if (!count) return Count(i);
    messages[i].msg_len = static_cast<unsigned>(*count);
  }
  return messages.size();
}

Count Kernel::sendmmsg(int fd, std::span<mmsghdr> messages, int flags) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Count count = this->sendmsg(fd, messages[i].msg_hdr, flags);
    if (!count && i == 0) return count;
    if (!count) return Count(i);
    messages[i].msg_len = static_cast<unsigned>(*count);
  }
  return messages.size();
}

// ---- what not every kernel has: ENOSYS ----------------------------------------------------------

Result<Spawned> Kernel::pidfd_spawn(const SpawnRequest&) { return std::unexpected(Errno{ENOSYS}); }

Result<int> Kernel::userfaultfd(int) { return std::unexpected(Errno{ENOSYS}); }

Result<int> Kernel::prctl(int, unsigned long) { return std::unexpected(Errno{ENOSYS}); }

Result<int> Kernel::seccomp(unsigned, unsigned, void*) { return std::unexpected(Errno{ENOSYS}); }

Count Kernel::process_vm_readv(pid_t, std::span<const iovec>, std::span<const iovec>) {
  return std::unexpected(Errno{ENOSYS});
}

Result<> Kernel::tcgetattr(int, termios&) { return std::unexpected(Errno{ENOSYS}); }

Result<> Kernel::tcsetattr(int, int, const termios&) { return std::unexpected(Errno{ENOSYS}); }

Result<mq_attr> Kernel::mq_getattr(int) { return std::unexpected(Errno{ENOSYS}); }

Result<sigset_t> Kernel::sigpending() { return std::unexpected(Errno{ENOSYS}); }

Result<int> Kernel::sigtimedwait(const sigset_t&, const timespec&) {
  return std::unexpected(Errno{ENOSYS});
}

Count Kernel::pwritev2(int, std::span<const iovec>, std::uint64_t, int) {
  return std::unexpected(Errno{ENOSYS});
}
Result<> Kernel::mprotect(void*, std::size_t, int) { return std::unexpected(Errno{ENOSYS}); }

Result<int> Kernel::memfd_create(const char*, unsigned) { return std::unexpected(Errno{ENOSYS}); }
Result<bool> Kernel::kcmp_epoll(int, int, int, unsigned) { return std::unexpected(Errno{ENOSYS}); }

Result<int> Kernel::fanotify_init(unsigned, unsigned) { return std::unexpected(Errno{ENOSYS}); }

Result<> Kernel::fanotify_mark(int, unsigned, std::uint64_t, int, const char*) {
  return std::unexpected(Errno{ENOSYS});
}

Count Kernel::getdents64(int, MutableBytes) { return std::unexpected(Errno{ENOSYS}); }

Result<> Kernel::fstatfs(int, struct statfs&) { return std::unexpected(Errno{ENOSYS}); }

Result<> Kernel::name_to_handle_at(int, const char*, file_handle&, int*, int) {
  return std::unexpected(Errno{ENOSYS});
}

Count Kernel::copy_file_range(int, std::uint64_t*, int, std::uint64_t*, std::size_t) {
  return std::unexpected(Errno{ENOSYS});
}

Count Kernel::splice(int, std::uint64_t*, int, std::uint64_t*, std::size_t, unsigned) {
  return std::unexpected(Errno{ENOSYS});
}

Count Kernel::tee(int, int, std::size_t, unsigned) { return std::unexpected(Errno{ENOSYS}); }

Count Kernel::vmsplice(int, std::span<const iovec>, unsigned) {
  return std::unexpected(Errno{ENOSYS});
}

Result<aio_context_t> Kernel::io_setup(unsigned) { return std::unexpected(Errno{ENOSYS}); }

Result<> Kernel::io_destroy(aio_context_t) { return std::unexpected(Errno{ENOSYS}); }

Count Kernel::io_submit(aio_context_t, std::span<iocb* const>) {
  return std::unexpected(Errno{ENOSYS});
}

Count Kernel::io_getevents(aio_context_t, long, std::span<io_event>, const timespec*) {
  return std::unexpected(Errno{ENOSYS});
}

Result<int> Kernel::perf_event_open(const perf_event_attr&, pid_t, int, int, unsigned long) {
  return std::unexpected(Errno{ENOSYS});
}

Result<> Kernel::lseek(int, std::int64_t, int) { return std::unexpected(Errno{ENOSYS}); }

}  // namespace tocsin
