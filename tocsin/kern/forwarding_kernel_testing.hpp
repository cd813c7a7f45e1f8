// SPDX-License-Identifier: MIT
//
// ForwardingKernel: a Kernel that hands every call to another one, unchanged: to the kernel under
// test, if no other is named.
//
// A test derives from it and overrides the calls it wants to count, to hold up or to let fail; all
// others are the kernel's below.
//
// Ownership: the kernel below is the caller's and must outlive it. Thread rule: any thread.
#pragma once

#include <memory>
#include <utility>

#include "tocsin/kern/io_uring.hpp"
#include "tocsin/kern/kernel_testing.hpp"

namespace tocsin {

/// Every call is Kernel's of that name.
class ForwardingKernel : public Kernel {
 public:
  explicit ForwardingKernel(Kernel& below = kernel_under_test()) : below_(below) {}

  Result<> close(int fd) override { return below_.close(fd); }
  Result<int> dup(int fd) override { return below_.dup(fd); }
  Result<int> dup3(int from, int to, int flags) override { return below_.dup3(from, to, flags); }
  Result<int> fcntl(int fd, int command, int argument) override {
    return below_.fcntl(fd, command, argument);
  }
  Count read(int fd, MutableBytes into) override { return below_.read(fd, into); }
  Count write(int fd, ByteView bytes) override { return below_.write(fd, bytes); }
  Count readv(int fd, std::span<const iovec> into) override { return below_.readv(fd, into); }
  Count writev(int fd, std::span<const iovec> from) override { return below_.writev(fd, from); }
  Result<std::array<int, 2>> pipe2(int flags) override { return below_.pipe2(flags); }
  Result<int> epoll_create1(int flags) override { return below_.epoll_create1(flags); }
  Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
    return below_.epoll_ctl(epfd, operation, fd, event);
  }
  Count epoll_wait(int epfd, std::span<epoll_event> events, int timeout) override {
    return below_.epoll_wait(epfd, events, timeout);
  }
  Count epoll_pwait(int epfd, std::span<epoll_event> events, int timeout,
                    const sigset_t* mask) override {
    return below_.epoll_pwait(epfd, events, timeout, mask);
  }
  Count epoll_pwait2(int epfd, std::span<epoll_event> events, const timespec* timeout,
                     const sigset_t* mask = nullptr) override {
    return below_.epoll_pwait2(epfd, events, timeout, mask);
  }
  Count ppoll(std::span<pollfd> fds, const timespec* timeout,
              const sigset_t* mask = nullptr) override {
    return below_.ppoll(fds, timeout, mask);
  }
  Count pselect(int nfds, unsigned long* read_set, unsigned long* write_set,
                unsigned long* except_set, const timespec* timeout,
                const sigset_t* mask = nullptr) override {
    return below_.pselect(nfds, read_set, write_set, except_set, timeout, mask);
  }
  Result<std::unique_ptr<IoUring>> io_uring_setup(unsigned entries, unsigned completions) override {
    return below_.io_uring_setup(entries, completions);
  }
  Result<int> eventfd(unsigned initial, int flags) override {
    return below_.eventfd(initial, flags);
  }
  Result<int> timerfd_create(clockid_t clock, int flags) override {
    return below_.timerfd_create(clock, flags);
  }
  Result<> timerfd_settime(int fd, int flags, const itimerspec& value) override {
    return below_.timerfd_settime(fd, flags, value);
  }
  Result<int> signalfd(int fd, const sigset_t& mask, int flags) override {
    return below_.signalfd(fd, mask, flags);
  }
  Result<> pthread_sigmask(int how, const sigset_t* mask, sigset_t* before) override {
    return below_.pthread_sigmask(how, mask, before);
  }
  Result<int> socket(int domain, int type, int protocol) override {
    return below_.socket(domain, type, protocol);
  }
  Result<std::array<int, 2>> socketpair(int domain, int type, int protocol) override {
    return below_.socketpair(domain, type, protocol);
  }
  Result<> bind(int fd, const sockaddr* address, socklen_t length) override {
    return below_.bind(fd, address, length);
  }
  Result<> listen(int fd, int backlog) override { return below_.listen(fd, backlog); }
  Result<> connect(int fd, const sockaddr* address, socklen_t length) override {
    return below_.connect(fd, address, length);
  }
  Result<int> accept4(int fd, sockaddr* address, socklen_t* length, int flags) override {
    return below_.accept4(fd, address, length, flags);
  }
  Count recv(int fd, MutableBytes into, int flags) override { return below_.recv(fd, into, flags); }
  Count recvfrom(int fd, MutableBytes into, int flags, sockaddr* address,
                 socklen_t* length) override {
    return below_.recvfrom(fd, into, flags, address, length);
  }
  Count recvmsg(int fd, msghdr& message, int flags) override {
    return below_.recvmsg(fd, message, flags);
  }
  Count send(int fd, ByteView bytes, int flags) override { return below_.send(fd, bytes, flags); }
  Count sendto(int fd, ByteView bytes, int flags, const sockaddr* address,
               socklen_t length) override {
    return below_.sendto(fd, bytes, flags, address, length);
  }
  Count sendmsg(int fd, const msghdr& message, int flags) override {
    return below_.sendmsg(fd, message, flags);
  }
  Result<> shutdown(int fd, int how) override { return below_.shutdown(fd, how); }
  Result<> getsockopt(int fd, int level, int name, void* value, socklen_t* length) override {
    return below_.getsockopt(fd, level, name, value, length);
  }
  Result<> setsockopt(int fd, int level, int name, const void* value, socklen_t length) override {
    return below_.setsockopt(fd, level, name, value, length);
  }
  Result<> getsockname(int fd, sockaddr* address, socklen_t* length) override {
    return below_.getsockname(fd, address, length);
  }
  Result<> getpeername(int fd, sockaddr* address, socklen_t* length) override {
    return below_.getpeername(fd, address, length);
  }
  Result<int> openat(int directory, const char* path, int flags, mode_t mode) override {
    return below_.openat(directory, path, flags, mode);
  }
  Result<int> openat2(int directory, const char* path, const open_how& how) override {
    return below_.openat2(directory, path, how);
  }
  Result<> statx(int directory, const char* path, int flags, unsigned mask,
                 struct statx& into) override {
    return below_.statx(directory, path, flags, mask, into);
  }
  Count pread(int fd, MutableBytes into, std::uint64_t offset) override {
    return below_.pread(fd, into, offset);
  }
  Count pwrite(int fd, ByteView bytes, std::uint64_t offset) override {
    return below_.pwrite(fd, bytes, offset);
  }
  Count preadv2(int fd, std::span<const iovec> into, std::uint64_t offset, int flags) override {
    return below_.preadv2(fd, into, offset, flags);
  }
  Count pwritev2(int fd, std::span<const iovec> from, std::uint64_t offset, int flags) override {
    return below_.pwritev2(fd, from, offset, flags);
  }
  Result<> fsync(int fd) override { return below_.fsync(fd); }
  Result<> ftruncate(int fd, std::uint64_t length) override { return below_.ftruncate(fd, length); }
  Result<> unlinkat(int directory, const char* path, int flags) override {
    return below_.unlinkat(directory, path, flags);
  }
  Count sendfile(int to, int from, std::uint64_t* offset, std::size_t count) override {
    return below_.sendfile(to, from, offset, count);
  }
  Count copy_file_range(int from, std::uint64_t* from_offset, int to, std::uint64_t* to_offset,
                        std::size_t count) override {
    return below_.copy_file_range(from, from_offset, to, to_offset, count);
  }
  Count splice(int from, std::uint64_t* from_offset, int to, std::uint64_t* to_offset,
               std::size_t count, unsigned flags) override {
    return below_.splice(from, from_offset, to, to_offset, count, flags);
  }
  Count tee(int from, int to, std::size_t count, unsigned flags) override {
    return below_.tee(from, to, count, flags);
  }
  Count vmsplice(int fd, std::span<const iovec> pages, unsigned flags) override {
    return below_.vmsplice(fd, pages, flags);
  }
  Result<aio_context_t> io_setup(unsigned events) override { return below_.io_setup(events); }
  Result<> io_destroy(aio_context_t context) override { return below_.io_destroy(context); }
  Count io_submit(aio_context_t context, std::span<iocb* const> calls) override {
    return below_.io_submit(context, calls);
  }
  Count io_getevents(aio_context_t context, long least, std::span<io_event> into,
                     const timespec* timeout) override {
    return below_.io_getevents(context, least, into, timeout);
  }
  Result<int> dup2(int from, int to) override { return below_.dup2(from, to); }
  Result<int> ioctl(int fd, unsigned long request, void* argument) override {
    return below_.ioctl(fd, request, argument);
  }
  Result<int> epoll_create(int size) override { return below_.epoll_create(size); }
  Result<bool> kcmp_epoll(int fd, int epfd, int target, unsigned nth) override {
    return below_.kcmp_epoll(fd, epfd, target, nth);
  }
  Result<itimerspec> timerfd_gettime(int fd) override { return below_.timerfd_gettime(fd); }
  Result<int> inotify_init1(int flags) override { return below_.inotify_init1(flags); }
  Result<int> inotify_add_watch(int fd, const char* path, std::uint32_t mask) override {
    return below_.inotify_add_watch(fd, path, mask);
  }
  Result<> inotify_rm_watch(int fd, int watch) override {
    return below_.inotify_rm_watch(fd, watch);
  }
  Result<int> fanotify_init(unsigned flags, unsigned event_flags) override {
    return below_.fanotify_init(flags, event_flags);
  }
  Result<> fanotify_mark(int fd, unsigned flags, std::uint64_t mask, int directory,
                         const char* path) override {
    return below_.fanotify_mark(fd, flags, mask, directory, path);
  }
  Count getdents64(int fd, MutableBytes into) override { return below_.getdents64(fd, into); }
  Result<> fstatfs(int fd, struct statfs& into) override { return below_.fstatfs(fd, into); }
  Result<> name_to_handle_at(int directory, const char* path, file_handle& handle, int* mount,
                             int flags) override {
    return below_.name_to_handle_at(directory, path, handle, mount, flags);
  }
  Result<int> mq_open(const char* name, int flags, mode_t mode,
                      const mq_attr* attributes) override {
    return below_.mq_open(name, flags, mode, attributes);
  }
  Result<> mq_unlink(const char* name) override { return below_.mq_unlink(name); }
  Result<> mq_timedsend(int queue, ByteView message, unsigned priority,
                        const timespec* deadline) override {
    return below_.mq_timedsend(queue, message, priority, deadline);
  }
  Count mq_timedreceive(int queue, MutableBytes into, unsigned* priority,
                        const timespec* deadline) override {
    return below_.mq_timedreceive(queue, into, priority, deadline);
  }
  Result<mq_attr> mq_getattr(int queue) override { return below_.mq_getattr(queue); }
  Result<> kill(pid_t pid, int signal) override { return below_.kill(pid, signal); }
  Result<> sigqueue(pid_t pid, int signal, sigval value) override {
    return below_.sigqueue(pid, signal, value);
  }
  Result<sigset_t> sigpending() override { return below_.sigpending(); }
  Result<int> sigtimedwait(const sigset_t& set, const timespec& timeout) override {
    return below_.sigtimedwait(set, timeout);
  }
  Result<int> pidfd_open(pid_t pid, unsigned flags) override {
    return below_.pidfd_open(pid, flags);
  }
  Result<> pidfd_send_signal(int fd, int signal) override {
    return below_.pidfd_send_signal(fd, signal);
  }
  Result<> waitid(idtype_t type, id_t id, siginfo_t& which, int options) override {
    return below_.waitid(type, id, which, options);
  }
  Result<Spawned> pidfd_spawn(const SpawnRequest& request) override {
    return below_.pidfd_spawn(request);
  }
  Result<int> prctl(int option, unsigned long argument) override {
    return below_.prctl(option, argument);
  }
  Result<> tcgetattr(int fd, termios& into) override { return below_.tcgetattr(fd, into); }
  Result<> tcsetattr(int fd, int when, const termios& from) override {
    return below_.tcsetattr(fd, when, from);
  }
  Result<> mkdirat(int directory, const char* path, mode_t mode) override {
    return below_.mkdirat(directory, path, mode);
  }
  Result<> mknodat(int directory, const char* path, mode_t mode) override {
    return below_.mknodat(directory, path, mode);
  }
  Result<> renameat2(int from, const char* from_path, int to, const char* to_path,
                     unsigned flags) override {
    return below_.renameat2(from, from_path, to, to_path, flags);
  }
  Result<> fchmodat(int directory, const char* path, mode_t mode) override {
    return below_.fchmodat(directory, path, mode);
  }
  Result<> symlinkat(const char* target, int directory, const char* path) override {
    return below_.symlinkat(target, directory, path);
  }
  Result<> utimensat(int directory, const char* path, const timespec* times, int flags) override {
    return below_.utimensat(directory, path, times, flags);
  }
  Result<timespec> clock_gettime(clockid_t clock) override { return below_.clock_gettime(clock); }
  pid_t getpid() override { return below_.getpid(); }
  Result<> mprotect(void* address, std::size_t length, int protection) override {
    return below_.mprotect(address, length, protection);
  }
  Result<int> userfaultfd(int flags) override { return below_.userfaultfd(flags); }
  Result<int> seccomp(unsigned operation, unsigned flags, void* argument) override {
    return below_.seccomp(operation, flags, argument);
  }
  Result<void*> mmap(std::size_t length, int protection, int flags, int fd = -1,
                     std::uint64_t offset = 0) override {
    return below_.mmap(length, protection, flags, fd, offset);
  }
  Result<> munmap(void* address, std::size_t length) override {
    return below_.munmap(address, length);
  }
  Result<> madvise(void* address, std::size_t length, int advice) override {
    return below_.madvise(address, length, advice);
  }

 protected:
  Kernel& below_;
};

/// The same for a ring, which it owns: every call is IoUring's of that name.
class ForwardingIoUring : public IoUring {
 public:
  explicit ForwardingIoUring(std::unique_ptr<IoUring> below) : below_(std::move(below)) {}

  int fd() const override { return below_->fd(); }
  bool supports(unsigned operation) const override { return below_->supports(operation); }
  Result<> poll_add(int fd, std::uint32_t events, PollShot shot, std::uint64_t user_data) override {
    return below_->poll_add(fd, events, shot, user_data);
  }
  Result<> poll_remove(std::uint64_t target, std::uint64_t user_data) override {
    return below_->poll_remove(target, user_data);
  }
  Result<> epoll_wait(int epfd, std::span<epoll_event> into, std::uint64_t user_data) override {
    return below_->epoll_wait(epfd, into, user_data);
  }
  Result<> read(int fd, MutableBytes into, std::uint64_t offset, std::uint64_t user_data) override {
    return below_->read(fd, into, offset, user_data);
  }
  Result<> write(int fd, ByteView bytes, std::uint64_t offset, std::uint64_t user_data) override {
    return below_->write(fd, bytes, offset, user_data);
  }
  Result<> readv(int fd, std::span<const iovec> into, std::uint64_t offset,
                 std::uint64_t user_data) override {
    return below_->readv(fd, into, offset, user_data);
  }
  Result<> writev(int fd, std::span<const iovec> from, std::uint64_t offset,
                  std::uint64_t user_data) override {
    return below_->writev(fd, from, offset, user_data);
  }
  Result<> fsync(int fd, std::uint64_t user_data) override { return below_->fsync(fd, user_data); }
  Result<> openat(int directory, const char* path, int flags, mode_t mode,
                  std::uint64_t user_data) override {
    return below_->openat(directory, path, flags, mode, user_data);
  }
  Result<> statx(int directory, const char* path, int flags, unsigned mask, struct statx& into,
                 std::uint64_t user_data) override {
    return below_->statx(directory, path, flags, mask, into, user_data);
  }
  Result<> renameat2(int from, const char* from_path, int to, const char* to_path, unsigned flags,
                     std::uint64_t user_data) override {
    return below_->renameat2(from, from_path, to, to_path, flags, user_data);
  }
  Result<> cancel(std::uint64_t target, std::uint64_t user_data) override {
    return below_->cancel(target, user_data);
  }
  Result<> submit() override { return below_->submit(); }
  Result<> submit_and_wait(const timespec* timeout) override {
    return below_->submit_and_wait(timeout);
  }
  std::size_t harvest(std::span<IoCompletion> into) override { return below_->harvest(into); }
  Result<> register_eventfd(int fd) override { return below_->register_eventfd(fd); }

 protected:
  std::unique_ptr<IoUring> below_;
};

}  // namespace tocsin
