// SPDX-License-Identifier: MIT
//
// LinuxKernel: the Kernel that is the running Linux.
//
// It has no state: any number of them are the same kernel. It owns nothing. It is made in several
// files, linux_*.cpp, by what the calls are about; they are the only place in the library that
// makes a system call.
//
// Thread rule: any thread.
#pragma once

#include "tocsin/kern/kernel.hpp"

namespace tocsin {

/// Every call is the one of that name in chapter 2 of the manual; see Kernel. Not final: a test
/// derives from it to make one call fail and to leave the others as they are.
class LinuxKernel : public Kernel {
 public:
  /// The one that everybody can share who has no reason to make their own.
  static LinuxKernel& shared();

  Result<> close(int fd) override;
  Result<int> dup(int fd) override;
  Result<int> dup3(int from, int to, int flags) override;
  Result<int> fcntl(int fd, int command, int argument) override;
  Count read(int fd, MutableBytes into) override;
  Count write(int fd, ByteView bytes) override;
  Count readv(int fd, std::span<const iovec> into) override;
  Count writev(int fd, std::span<const iovec> from) override;
  Result<std::array<int, 2>> pipe2(int flags) override;
  Result<int> epoll_create1(int flags) override;
  Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override;
  Count epoll_wait(int epfd, std::span<epoll_event> events, int timeout) override;
  Count epoll_pwait(int epfd, std::span<epoll_event> events, int timeout,
                    const sigset_t* mask) override;
  Count epoll_pwait2(int epfd, std::span<epoll_event> events, const timespec* timeout,
                     const sigset_t* mask = nullptr) override;
  Count ppoll(std::span<pollfd> fds, const timespec* timeout,
              const sigset_t* mask = nullptr) override;
  Count pselect(int nfds, unsigned long* read_set, unsigned long* write_set,
                unsigned long* except_set, const timespec* timeout,
                const sigset_t* mask = nullptr) override;
  Result<std::unique_ptr<IoUring>> io_uring_setup(unsigned entries, unsigned completions) override;
  Result<int> eventfd(unsigned initial, int flags) override;
  Result<int> timerfd_create(clockid_t clock, int flags) override;
  Result<> timerfd_settime(int fd, int flags, const itimerspec& value) override;
  Result<int> signalfd(int fd, const sigset_t& mask, int flags) override;
  Result<> pthread_sigmask(int how, const sigset_t* mask, sigset_t* before) override;
  Result<int> socket(int domain, int type, int protocol) override;
  Result<std::array<int, 2>> socketpair(int domain, int type, int protocol) override;
  Result<> bind(int fd, const sockaddr* address, socklen_t length) override;
  Result<> listen(int fd, int backlog) override;
  Result<> connect(int fd, const sockaddr* address, socklen_t length) override;
  Result<int> accept4(int fd, sockaddr* address, socklen_t* length, int flags) override;
  Count recv(int fd, MutableBytes into, int flags) override;
  Count recvfrom(int fd, MutableBytes into, int flags, sockaddr* address,
                 socklen_t* length) override;
  Count recvmsg(int fd, msghdr& message, int flags) override;
  Count send(int fd, ByteView bytes, int flags) override;
  Count sendto(int fd, ByteView bytes, int flags, const sockaddr* address,
               socklen_t length) override;
  Count sendmsg(int fd, const msghdr& message, int flags) override;
  Count recvmmsg(int fd, std::span<mmsghdr> messages, int flags) override;
  Count sendmmsg(int fd, std::span<mmsghdr> messages, int flags) override;
  Result<> shutdown(int fd, int how) override;
  Result<> getsockopt(int fd, int level, int name, void* value, socklen_t* length) override;
  Result<> setsockopt(int fd, int level, int name, const void* value, socklen_t length) override;
  Result<> getsockname(int fd, sockaddr* address, socklen_t* length) override;
  Result<> getpeername(int fd, sockaddr* address, socklen_t* length) override;
  Result<int> openat(int directory, const char* path, int flags, mode_t mode) override;
  Result<int> openat2(int directory, const char* path, const open_how& how) override;
  Result<> statx(int directory, const char* path, int flags, unsigned mask,
                 struct statx& into) override;
  Result<> lseek(int fd, std::int64_t offset, int whence) override;
  Count pread(int fd, MutableBytes into, std::uint64_t offset) override;
  Count pwrite(int fd, ByteView bytes, std::uint64_t offset) override;
  Count preadv2(int fd, std::span<const iovec> into, std::uint64_t offset, int flags) override;
  Count pwritev2(int fd, std::span<const iovec> from, std::uint64_t offset, int flags) override;
  Result<> fsync(int fd) override;
  Result<> ftruncate(int fd, std::uint64_t length) override;
  Result<> unlinkat(int directory, const char* path, int flags) override;
  Count getdents64(int fd, MutableBytes into) override;
  Result<> fstatfs(int fd, struct statfs& into) override;
  Result<> name_to_handle_at(int directory, const char* path, file_handle& handle, int* mount,
                             int flags) override;
  Count sendfile(int to, int from, std::uint64_t* offset, std::size_t count) override;
  Count copy_file_range(int from, std::uint64_t* from_offset, int to, std::uint64_t* to_offset,
                        std::size_t count) override;
  Count splice(int from, std::uint64_t* from_offset, int to, std::uint64_t* to_offset,
               std::size_t count, unsigned flags) override;
  Count tee(int from, int to, std::size_t count, unsigned flags) override;
  Count vmsplice(int fd, std::span<const iovec> pages, unsigned flags) override;
  Result<aio_context_t> io_setup(unsigned events) override;
  Result<> io_destroy(aio_context_t context) override;
  Count io_submit(aio_context_t context, std::span<iocb* const> calls) override;
  Count io_getevents(aio_context_t context, long least, std::span<io_event> into,
                     const timespec* timeout) override;
  Result<int> dup2(int from, int to) override;
  Result<int> ioctl(int fd, unsigned long request, void* argument) override;
  Result<int> epoll_create(int size) override;
  Result<itimerspec> timerfd_gettime(int fd) override;
  Result<int> inotify_init1(int flags) override;
  Result<int> inotify_add_watch(int fd, const char* path, std::uint32_t mask) override;
  Result<> inotify_rm_watch(int fd, int watch) override;
  Result<int> fanotify_init(unsigned flags, unsigned event_flags) override;
  Result<> fanotify_mark(int fd, unsigned flags, std::uint64_t mask, int directory,
                         const char* path) override;
  Result<int> mq_open(const char* name, int flags, mode_t mode, const mq_attr* attributes) override;
  Result<> mq_unlink(const char* name) override;
  Result<> mq_timedsend(int queue, ByteView message, unsigned priority,
                        const timespec* deadline) override;
  Count mq_timedreceive(int queue, MutableBytes into, unsigned* priority,
                        const timespec* deadline) override;
  Result<mq_attr> mq_getattr(int queue) override;
  Result<> kill(pid_t pid, int signal) override;
  Result<> sigqueue(pid_t pid, int signal, sigval value) override;
  Result<sigset_t> sigpending() override;
  Result<int> sigtimedwait(const sigset_t& set, const timespec& timeout) override;
  Result<int> pidfd_open(pid_t pid, unsigned flags) override;
  Result<> pidfd_send_signal(int fd, int signal) override;
  Result<> waitid(idtype_t type, id_t id, siginfo_t& which, int options) override;
  Result<Spawned> pidfd_spawn(const SpawnRequest& request) override;
  Result<int> prctl(int option, unsigned long argument) override;
  Result<> tcgetattr(int fd, termios& into) override;
  Result<> tcsetattr(int fd, int when, const termios& from) override;
  Result<> mkdirat(int directory, const char* path, mode_t mode) override;
  Result<> mknodat(int directory, const char* path, mode_t mode) override;
  Result<> renameat2(int from, const char* from_path, int to, const char* to_path,
                     unsigned flags) override;
  Result<> fchmodat(int directory, const char* path, mode_t mode) override;
  Result<> symlinkat(const char* target, int directory, const char* path) override;
  Result<> utimensat(int directory, const char* path, const timespec* times, int flags) override;
  Result<int> perf_event_open(const perf_event_attr& attributes, pid_t pid, int cpu, int group,
                              unsigned long flags) override;
  Result<bool> kcmp_epoll(int fd, int epfd, int target, unsigned nth) override;
  Result<timespec> clock_gettime(clockid_t clock) override;
  pid_t getpid() override;
  Result<void*> mmap(std::size_t length, int protection, int flags, int fd = -1,
                     std::uint64_t offset = 0) override;
  Result<> munmap(void* address, std::size_t length) override;
  Result<> madvise(void* address, std::size_t length, int advice) override;
  Result<> mprotect(void* address, std::size_t length, int protection) override;
  Result<int> memfd_create(const char* name, unsigned flags) override;
  Result<int> seccomp(unsigned operation, unsigned flags, void* argument) override;
  Count process_vm_readv(pid_t pid, std::span<const iovec> local,
                         std::span<const iovec> remote) override;
  Result<int> userfaultfd(int flags) override;
};

}  // namespace tocsin
