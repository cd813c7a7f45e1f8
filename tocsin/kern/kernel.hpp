// SPDX-License-Identifier: MIT
//
// Kernel: every system call the library makes, under its manual-page name.
//
//     [ Kernel ] --> Poller --> Loop --> Source --> coroutine --> user
//
// The whole library runs on this interface, so that the system below can be the real Linux
// (linux_kernel.hpp) or one in user space. A call takes what the manual page says it takes, with a
// pointer and a length joined into a span, and answers with a Result (a Count if that is what it
// answers): the value that the manual page promises, or the errno it lists. Nothing is retried,
// rounded or hidden here: EINTR comes through. The section of the manual that rules a call is the
// one of its name, in chapter 2.
//
// Ownership: descriptors are plain ints here, as in the manual; class Fd (fd.hpp) owns one.
// Thread rule: any thread, as with the system calls themselves.
#pragma once

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/openat2.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "tocsin/base/bytes.hpp"
#include "tocsin/base/result.hpp"
#include "tocsin/kern/count.hpp"
#include "tocsin/kern/spawn_request.hpp"

// NOLINTBEGIN(readability-identifier-naming): these names are Linux' and the C library's.
struct perf_event_attr;
struct termios;
// NOLINTEND(readability-identifier-naming)

namespace tocsin {

class IoUring;

class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;

  // ---- descriptors ------------------------------------------------------------------------------
  /// The descriptor is gone even when this fails (close(2), "Dealing with error returns").
  virtual Result<> close(int fd) = 0;
  virtual Result<int> dup(int fd) = 0;
  virtual Result<int> dup2(int from, int to) = 0;
  virtual Result<int> dup3(int from, int to, int flags) = 0;
  virtual Result<int> fcntl(int fd, int command, int argument) = 0;
  virtual Count read(int fd, MutableBytes into) = 0;
  virtual Count write(int fd, ByteView bytes) = 0;
  virtual Count readv(int fd, std::span<const iovec> into) = 0;
  virtual Count writev(int fd, std::span<const iovec> from) = 0;
  virtual Result<int> ioctl(int fd, unsigned long request, void* argument) = 0;
  virtual Result<std::array<int, 2>> pipe2(int flags) = 0;

  // ---- waiting ----------------------------------------------------------------------------------
  /// `size` is ignored, but must be greater than zero (epoll_create(2), "NOTES").
  virtual Result<int> epoll_create(int size) = 0;
  virtual Result<int> epoll_create1(int flags) = 0;
  virtual Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) = 0;
  /// `timeout` in milliseconds, -1 for no limit. Answers how many of `events` it filled.
  virtual Count epoll_wait(int epfd, std::span<epoll_event> events, int timeout) = 0;
  /// The calls that take a `mask` block those signals, and no others, while they last; null: the
  /// thread's own mask stays. A signal that was pending, and is not blocked so, is delivered only
  /// if nothing is ready: EINTR (epoll_wait(2), ppoll(2), pselect(2)).
  virtual Count epoll_pwait(int epfd, std::span<epoll_event> events, int timeout,
                            const sigset_t* mask) = 0;
  /// As epoll_pwait with nanoseconds (null: no limit). ENOSYS before Linux 5.11.
  virtual Count epoll_pwait2(int epfd, std::span<epoll_event> events, const timespec* timeout,
                             const sigset_t* mask = nullptr) = 0;
  virtual Count ppoll(std::span<pollfd> fds, const timespec* timeout,
                      const sigset_t* mask = nullptr) = 0;
  /// The sets are arrays of longs with a bit for each descriptor below `nfds`, however many those
  /// are: the kernel knows no FD_SETSIZE (select(2), "BUGS"). A null set is empty.
  virtual Count pselect(int nfds, unsigned long* read_set, unsigned long* write_set,
                        unsigned long* except_set, const timespec* timeout,
                        const sigset_t* mask = nullptr) = 0;
  /// A ring for asynchronous calls (io_uring(7)), with room for `completions`
  /// (IORING_SETUP_CQSIZE); 0: for twice the entries. EPERM or ENOSYS where it is forbidden or
  /// absent.
  virtual Result<std::unique_ptr<IoUring>> io_uring_setup(unsigned entries,
                                                          unsigned completions = 0) = 0;

  // ---- events as descriptors --------------------------------------------------------------------
  virtual Result<int> eventfd(unsigned initial, int flags) = 0;
  virtual Result<int> timerfd_create(clockid_t clock, int flags) = 0;
  virtual Result<> timerfd_settime(int fd, int flags, const itimerspec& value) = 0;
  virtual Result<itimerspec> timerfd_gettime(int fd) = 0;
  /// `fd` -1 makes a new one.
  virtual Result<int> signalfd(int fd, const sigset_t& mask, int flags) = 0;
  /// Of the calling thread; the former mask is stored in `before` unless that is null. `mask` null
  /// changes nothing.
  virtual Result<> pthread_sigmask(int how, const sigset_t* mask, sigset_t* before) = 0;

  virtual Result<int> inotify_init1(int flags) = 0;
  /// Answers the watch descriptor.
  virtual Result<int> inotify_add_watch(int fd, const char* path, std::uint32_t mask) = 0;
  virtual Result<> inotify_rm_watch(int fd, int watch) = 0;
  virtual Result<int> fanotify_init(unsigned flags, unsigned event_flags);
  /// `path` may be null: `directory` itself is marked then.
  virtual Result<> fanotify_mark(int fd, unsigned flags, std::uint64_t mask, int directory,
                                 const char* path);
  /// `attributes` (of a queue that is made by this) may be null.
  virtual Result<int> mq_open(const char* name, int flags, mode_t mode,
                              const mq_attr* attributes) = 0;
  virtual Result<> mq_unlink(const char* name) = 0;
  /// `deadline` is of CLOCK_REALTIME, null for none.
  virtual Result<> mq_timedsend(int queue, ByteView message, unsigned priority,
                                const timespec* deadline) = 0;
  virtual Count mq_timedreceive(int queue, MutableBytes into, unsigned* priority,
                                const timespec* deadline) = 0;
  virtual Result<mq_attr> mq_getattr(int queue);
  virtual Result<int> userfaultfd(int flags);

  // ---- processes and signals --------------------------------------------------------------------
  virtual Result<> kill(pid_t pid, int signal) = 0;
  /// As kill to one process, with a value that comes along (sigqueue(3)).
  virtual Result<> sigqueue(pid_t pid, int signal, sigval value) = 0;
  /// The signals that are pending for the calling thread or its process.
  virtual Result<sigset_t> sigpending();
  /// Takes a pending signal of `set` away and answers its number; EAGAIN after `timeout`.
  virtual Result<int> sigtimedwait(const sigset_t& set, const timespec& timeout);
  virtual Result<int> pidfd_open(pid_t pid, unsigned flags) = 0;
  virtual Result<> pidfd_send_signal(int fd, int signal) = 0;
  /// `which` holds a zero pid when WNOHANG found nobody.
  virtual Result<> waitid(idtype_t type, id_t id, siginfo_t& which, int options) = 0;
  /// A new process, in which another program runs when this returns; of its signals none is blocked
  /// or ignored. As pidfd_spawn of the C library (since glibc 2.39). Fails as clone(2) and
  /// execve(2) do, and as the calls in between: setsid(2), dup3(2), chdir(2), TIOCSCTTY
  /// (ioctl_tty(2)). There is no process then.
  virtual Result<Spawned> pidfd_spawn(const SpawnRequest& request);
  virtual Result<int> prctl(int option, unsigned long argument);
  /// Of the calling thread, unless `flags` say otherwise.
  virtual Result<int> seccomp(unsigned operation, unsigned flags, void* argument);
  /// A transfer ends early at the first element of `remote` that is not all there.
  virtual Count process_vm_readv(pid_t pid, std::span<const iovec> local,
                                 std::span<const iovec> remote);

  // ---- terminals --------------------------------------------------------------------------------
  virtual Result<> tcgetattr(int fd, termios& into);
  virtual Result<> tcsetattr(int fd, int when, const termios& from);

  // ---- sockets ----------------------------------------------------------------------------------
  virtual Result<int> socket(int domain, int type, int protocol) = 0;
  virtual Result<std::array<int, 2>> socketpair(int domain, int type, int protocol) = 0;
  virtual Result<> bind(int fd, const sockaddr* address, socklen_t length) = 0;
  virtual Result<> listen(int fd, int backlog) = 0;
  virtual Result<> connect(int fd, const sockaddr* address, socklen_t length) = 0;
  /// `address` may be null; else `*length` is its room before, and its size after.
  virtual Result<int> accept4(int fd, sockaddr* address, socklen_t* length, int flags) = 0;
  virtual Count recv(int fd, MutableBytes into, int flags) = 0;
  virtual Count recvfrom(int fd, MutableBytes into, int flags, sockaddr* address,
                         socklen_t* length) = 0;
  virtual Count recvmsg(int fd, msghdr& message, int flags) = 0;
  virtual Count send(int fd, ByteView bytes, int flags) = 0;
  virtual Count sendto(int fd, ByteView bytes, int flags, const sockaddr* address,
                       socklen_t length) = 0;
  virtual Count sendmsg(int fd, const msghdr& message, int flags) = 0;
  /// Several at once: how many of `messages` came or went. Without a timeout, which recvmmsg(2)
  /// itself calls not as useful as it seems ("BUGS"). By default, one call for each.
  virtual Count recvmmsg(int fd, std::span<mmsghdr> messages, int flags);
  virtual Count sendmmsg(int fd, std::span<mmsghdr> messages, int flags);
  virtual Result<> shutdown(int fd, int how) = 0;
  virtual Result<> getsockopt(int fd, int level, int name, void* value, socklen_t* length) = 0;
  virtual Result<> setsockopt(int fd, int level, int name, const void* value, socklen_t length) = 0;
  virtual Result<> getsockname(int fd, sockaddr* address, socklen_t* length) = 0;
  virtual Result<> getpeername(int fd, sockaddr* address, socklen_t* length) = 0;

  // ---- regular files ----------------------------------------------------------------------------
  virtual Result<int> openat(int directory, const char* path, int flags, mode_t mode) = 0;
  /// ENOSYS before Linux 5.6.
  virtual Result<int> openat2(int directory, const char* path, const open_how& how) = 0;
  /// fstat(2) through statx(2), which works on any kind of descriptor.
  virtual Result<> statx(int directory, const char* path, int flags, unsigned mask,
                         struct statx& into) = 0;
  /// Answers nothing: whoever keeps offsets uses pread.
  virtual Result<> lseek(int fd, std::int64_t offset, int whence);
  virtual Count pread(int fd, MutableBytes into, std::uint64_t offset) = 0;
  virtual Count pwrite(int fd, ByteView bytes, std::uint64_t offset) = 0;
  /// RWF_NOWAIT in `flags`: EAGAIN rather than waiting for the disk.
  virtual Count preadv2(int fd, std::span<const iovec> into, std::uint64_t offset, int flags) = 0;
  /// `offset` -1: where the file is, and for what has no places. RWF_NOSIGNAL in `flags` (Linux
  /// 6.18, EOPNOTSUPP before): EPIPE without SIGPIPE.
  virtual Count pwritev2(int fd, std::span<const iovec> from, std::uint64_t offset, int flags);
  virtual Result<> fsync(int fd) = 0;
  virtual Result<> ftruncate(int fd, std::uint64_t length) = 0;
  virtual Result<> unlinkat(int directory, const char* path, int flags) = 0;
  virtual Result<> mkdirat(int directory, const char* path, mode_t mode) = 0;
  /// A FIFO or a regular file, by the type in `mode`; no devices here.
  virtual Result<> mknodat(int directory, const char* path, mode_t mode) = 0;
  virtual Result<> renameat2(int from, const char* from_path, int to, const char* to_path,
                             unsigned flags) = 0;
  virtual Result<> fchmodat(int directory, const char* path, mode_t mode) = 0;
  /// A symbolic link at `path`, in which `target` is written.
  virtual Result<> symlinkat(const char* target, int directory, const char* path) = 0;
  /// `times`: of the last access and of the last change, or null for now.
  virtual Result<> utimensat(int directory, const char* path, const timespec* times, int flags) = 0;
  /// Fills `into` with whole `linux_dirent64`s from the directory `fd`; none at its end.
  virtual Count getdents64(int fd, MutableBytes into);
  virtual Result<> fstatfs(int fd, struct statfs& into);
  /// `handle.handle_bytes` is the room behind it before, and the size after.
  virtual Result<> name_to_handle_at(int directory, const char* path, file_handle& handle,
                                     int* mount, int flags);
  /// Reads from `from` at `*offset`, which it advances.
  virtual Count sendfile(int to, int from, std::uint64_t* offset, std::size_t count) = 0;
  /// Between two regular files, at their offsets, which it advances.
  virtual Count copy_file_range(int from, std::uint64_t* from_offset, int to,
                                std::uint64_t* to_offset, std::size_t count);
  /// One of the two is a pipe, whose offset is null; null is also "at the current position".
  virtual Count splice(int from, std::uint64_t* from_offset, int to, std::uint64_t* to_offset,
                       std::size_t count, unsigned flags);
  virtual Count tee(int from, int to, std::size_t count, unsigned flags);
  virtual Count vmsplice(int fd, std::span<const iovec> pages, unsigned flags);

  // Asynchronous I/O of the kernel's, as it was before io_uring (aio(7) is the C library's, which
  // is made of threads).
  virtual Result<aio_context_t> io_setup(unsigned events);
  virtual Result<> io_destroy(aio_context_t context);
  /// Answers how many it took: fewer if one that is not the first was refused.
  virtual Count io_submit(aio_context_t context, std::span<iocb* const> calls);
  /// Waits for `least` events (0: only looks), until `timeout` is over (null: no limit).
  virtual Count io_getevents(aio_context_t context, long least, std::span<io_event> into,
                             const timespec* timeout);

  // ---- the process ------------------------------------------------------------------------------
  /// `pid` 0: the calling thread; `cpu` -1: whichever it runs on; `group` -1: none.
  virtual Result<int> perf_event_open(const perf_event_attr& attributes, pid_t pid, int cpu,
                                      int group, unsigned long flags);
  /// kcmp(2), KCMP_EPOLL_TFD, in this process: whether `fd` is the file that `epfd` watches as its
  /// `nth` registration of the number `target`. ENOENT: there is no such registration. ENOSYS
  /// without CONFIG_KCMP.
  virtual Result<bool> kcmp_epoll(int fd, int epfd, int target, unsigned nth);
  virtual Result<timespec> clock_gettime(clockid_t clock) = 0;
  virtual pid_t getpid() = 0;
  /// Whole pages, where the kernel chooses: of `fd` from `offset` on, or of nothing (`fd` -1, with
  /// MAP_ANONYMOUS).
  virtual Result<void*> mmap(std::size_t length, int protection, int flags, int fd = -1,
                             std::uint64_t offset = 0) = 0;
  virtual Result<> munmap(void* address, std::size_t length) = 0;
  virtual Result<> madvise(void* address, std::size_t length, int advice) = 0;
  virtual Result<> mprotect(void* address, std::size_t length, int protection);
  virtual Result<int> memfd_create(const char* name, unsigned flags);
};

}  // namespace tocsin
