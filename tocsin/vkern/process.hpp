// SPDX-License-Identifier: MIT
//
// Process: one process of a System, as whoever runs in it sees it: a Kernel.
//
//     poller, loop, sources ──> Kernel ──> [ Process ] ──> FdTable ──> Description ──> Object
//
// Each call finds the description of its descriptor, keeps it open until it returns, and hands over
// to the object. What is refused before an object is asked (EBADF, EFAULT, EINVAL of flags) is
// refused here, in the order in which Linux looks.
//
// process_*.cpp hold the calls by subject: descriptors, waiting, sockets, files, beginning and end;
// those that make and handle one kind of object are in the file of that kind.
//
// Ownership: the System's, which must outlive it. Thread rule: as the policy; with Threads any
// number of threads are threads of this process.
#pragma once

#include <memory>
#include <vector>

#include "tocsin/kern/io_uring.hpp"
#include "tocsin/kern/kernel.hpp"
#include "tocsin/vkern/fd_table.hpp"
#include "tocsin/vkern/internal/process_state.hpp"
#include "tocsin/vkern/system.hpp"

namespace tocsin::vkern {

template <class P>
class Process final : public Kernel {
 public:
  Process(System<P>& system, pid_t pid);
  /// A child of `parent`, as fork(2) makes it.
  Process(Process& parent, pid_t pid);
  ~Process() override;

  System<P>& system() { return system_; }
  typename P::World& world() { return system_.world(); }

  // ---- beginning and end (process_lifecycle.cpp) ------------------------------------------------

  /// fork(2): a child with the same open file descriptions under the same numbers, and the same
  /// blocked signals. What is registered in epolls goes on for both. Nobody runs in the child but
  /// whoever is handed the answer, which is the System's and lives as long.
  Process& fork();
  /// execve(2), as far as it concerns a kernel: what is close-on-exec is closed.
  void exec();
  /// _exit(2): everything is closed, children become init's, and the process is a zombie until its
  /// parent, who gets SIGCHLD, waits for it. Nothing happens if it has ended already. Whoever still
  /// calls it finds no descriptor open; whoever is blocked in it stays so.
  /// Requires: it is not init, whose end would be the system's.
  void exit(int status);

  // ---- Kernel -----------------------------------------------------------------------------------
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
  Result<> shutdown(int fd, int how) override;
  Result<> getsockopt(int fd, int level, int name, void* value, socklen_t* length) override;
  Result<> setsockopt(int fd, int level, int name, const void* value, socklen_t length) override;
  Result<> getsockname(int fd, sockaddr* address, socklen_t* length) override;
  Result<> getpeername(int fd, sockaddr* address, socklen_t* length) override;
  Result<int> openat(int directory, const char* path, int flags, mode_t mode) override;
  Result<int> openat2(int directory, const char* path, const open_how& how) override;
  Result<> statx(int directory, const char* path, int flags, unsigned mask,
                 struct statx& into) override;
  Count pread(int fd, MutableBytes into, std::uint64_t offset) override;
  Count pwrite(int fd, ByteView bytes, std::uint64_t offset) override;
  Count preadv2(int fd, std::span<const iovec> into, std::uint64_t offset, int flags) override;
  Result<> fsync(int fd) override;
  Result<> ftruncate(int fd, std::uint64_t length) override;
  Result<> unlinkat(int directory, const char* path, int flags) override;
  Count sendfile(int to, int from, std::uint64_t* offset, std::size_t count) override;
  Result<int> dup2(int from, int to) override;
  Result<int> ioctl(int fd, unsigned long request, void* argument) override;
  Result<int> epoll_create(int size) override;
  Result<itimerspec> timerfd_gettime(int fd) override;
  Result<int> inotify_init1(int flags) override;
  Result<int> inotify_add_watch(int fd, const char* path, std::uint32_t mask) override;
  Result<> inotify_rm_watch(int fd, int watch) override;
  Result<int> mq_open(const char* name, int flags, mode_t mode, const mq_attr* attributes) override;
  Result<> mq_unlink(const char* name) override;
  Result<> mq_timedsend(int queue, ByteView message, unsigned priority,
                        const timespec* deadline) override;
  Count mq_timedreceive(int queue, MutableBytes into, unsigned* priority,
                        const timespec* deadline) override;
  Result<mq_attr> mq_getattr(int queue) override;
  Result<> kill(pid_t pid, int signal) override;
  Result<> sigqueue(pid_t pid, int signal, sigval value) override;
  Result<int> pidfd_open(pid_t pid, unsigned flags) override;
  Result<> pidfd_send_signal(int fd, int signal) override;
  Result<> waitid(idtype_t type, id_t id, siginfo_t& which, int options) override;
  Result<> mkdirat(int directory, const char* path, mode_t mode) override;
  Result<> mknodat(int directory, const char* path, mode_t mode) override;
  Result<> renameat2(int from, const char* from_path, int to, const char* to_path,
                     unsigned flags) override;
  Result<> fchmodat(int directory, const char* path, mode_t mode) override;
  Result<> symlinkat(const char* target, int directory, const char* path) override;
  Result<> utimensat(int directory, const char* path, const timespec* times, int flags) override;
  Result<timespec> clock_gettime(clockid_t clock) override;
  pid_t getpid() override;
  Result<void*> mmap(std::size_t length, int protection, int flags, int fd = -1,
                     std::uint64_t offset = 0) override;
  Result<> munmap(void* address, std::size_t length) override;
  Result<> madvise(void* address, std::size_t length, int advice) override;

  // ---- for objects ------------------------------------------------------------------------------

  /// A descriptor for `open`, close-on-exec or not; EMFILE if there is none left.
  Result<int> install(Open<P> open, bool close_on_exec);
  /// Two at once, of two objects: both or neither.
  template <class T>
  Result<std::array<int, 2>> install_pair(std::array<Ref<T>, 2> made, int flags,
                                          bool close_on_exec) {
    Open<P> first = open_new<P>(std::move(made[0]), flags);
    Open<P> second = open_new<P>(std::move(made[1]), flags);
    // One result for all ways out: g++ 12 takes an unexpected pair for one that was never written.
    Result<std::array<int, 2>> numbers = std::array{-1, -1};
    const auto a = install(std::move(first), close_on_exec);
    const auto b = a ? install(std::move(second), close_on_exec) : a;
    if (b) {
      numbers = std::array{*a, *b};
    } else {
      if (a) static_cast<void>(descriptors_.take(*a));
      numbers = std::unexpected(b.error());
    }
    return numbers;
  }
  /// The description of a descriptor, open as long as the answer lives; EBADF.
  Result<Open<P>> get(int fd);
  FdTable<P>& descriptors() { return descriptors_; }
  /// Under system().process_lock().
  internal::ProcessState<P>& state() { return state_; }
  /// Has what is pending and not in `blocked` take its effect. False if it has ended the process.
  bool deliver_pending(SignalSet blocked);

 private:
  struct Called;
  Result<Called> called(int fd);
  Count wait_in(int epfd, std::span<epoll_event> events, std::optional<TimePoint> deadline);
  Count wait_masked(int epfd, std::span<epoll_event> events, std::optional<TimePoint> deadline,
                    const sigset_t* mask);
  Result<Open<P>> open_fdinfo(int number, int flags);

  // signals.cpp, process_lifecycle.cpp; all but `end` under the process lock.
  bool is_init() const { return state_.parent == nullptr; }
  bool receive(const SignalInfo& info);  // True: the caller has to `end` it.
  int take_fatal(SignalSet blocked);
  std::vector<Process*> addressed_by(pid_t pid);
  void end(int code, int status);
  void tell_end();
  void adopt_children_of(Process& other);
  struct Awaited;
  Result<Awaited> awaited(idtype_t type, id_t id);
  Process* ended_child(const Awaited& whom, int options, bool& is_any);
  void forget(Process& child);

  System<P>& system_;
  pid_t pid_;
  FdTable<P> descriptors_;
  internal::ProcessState<P> state_;
};

}  // namespace tocsin::vkern
