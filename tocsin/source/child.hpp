// SPDX-License-Identifier: MIT
//
// Child: a program that this one has started, its descriptors, and how it ended.
//
//     Child::spawn ──> Kernel::pidfd_spawn ──> [ Child ] ──> co_await child.exited()
//                            └─ pipes, terminals, files ──> Input, Output
//
// No SIGCHLD handler, and nobody else's child is waited for: a child is held by its pidfd, which
// becomes readable when it ends. Until its program runs, the thread that spawns it waits
// (vfork(2)); so what execve(2) had to say is what `spawn` says.
//
// A child has the descriptors that it was given, and no others: not even those that somebody opened
// here without close-on-exec (since Linux 5.9). No signal is blocked or ignored in it.
//
// Ownership: it owns the process. One that still runs is killed when its Child is destroyed, and
// waited for: that takes as long as the kernel needs to clear it away. Whoever lets it end by
// itself awaits `exited`. What it has started in turn is not killed. The loop must outlive it.
// Thread rule: the loop's thread.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// How a process ended (wait(2)).
struct ExitStatus {
  int code = 0;              // Of exit(3), 0 to 255. Meaningless after a signal.
  int signal = 0;            // That ended it; 0: it ended by itself.
  bool core_dumped = false;  // After a signal.

  /// Of what waitid(2) with WEXITED has filled in.
  static ExitStatus of(const siginfo_t& ended);

  bool success() const { return code == 0 && signal == 0; }
  bool operator==(const ExitStatus&) const = default;
};

/// One of a child's descriptors: its number there, and what it is.
class ChildFd {
 public:
  /// The descriptor `from` of this process, which stays open here and the caller's. Both mean one
  /// open file description: O_NONBLOCK of it holds for the child, too, and most programs cannot
  /// cope with that.
  static ChildFd copy(int to, int from) { return {to, Kind::copy, from}; }
  /// The one of the same number.
  static ChildFd same(int to) { return copy(to, to); }
  /// /dev/null.
  static ChildFd null(int to) { return {to, Kind::null, -1}; }
  /// A pipe that the child reads from. Its other end: Child::take_pipe.
  static ChildFd readable_pipe(int to) { return {to, Kind::readable_pipe, -1}; }
  /// A pipe that the child writes to. Its other end: Child::take_pipe.
  static ChildFd writable_pipe(int to) { return {to, Kind::writable_pipe, -1}; }

 private:
  friend class Child;
  enum class Kind : std::uint8_t { copy, null, readable_pipe, writable_pipe };
  ChildFd(int to, Kind kind, int from) : to_(to), from_(from), kind_(kind) {}

  int to_;
  int from_;
  Kind kind_;
};

class Orphans;

struct ChildOptions {
  /// The program and its arguments. One without a slash is looked for in PATH, of the environment
  /// it is given.
  std::vector<std::string> arguments;
  std::vector<ChildFd> fds{ChildFd::same(0), ChildFd::same(1), ChildFd::same(2)};
  std::optional<std::vector<std::string>> environment{};  // "NAME=value". None: as here.
  std::string directory{};                                // Empty: as here.
  /// Whether a terminal's signals (Ctrl-C) that are meant for this process reach the child as well
  /// (inherited), or not (own). A session of its own has no controlling terminal but `terminal`.
  SpawnRequest::Group group = SpawnRequest::Group::inherited;
  int terminal = -1;  // One of the numbers in `fds`: with a session, its controlling terminal.
  Orphans* orphans = nullptr;  // Where there is one: it is told that this child is none.
};

namespace internal {

/// Of a Child, at an address that stays.
struct ChildState : ListNode {
  ChildState(pid_t its_pid, int its_pidfd) : pid(its_pid), pidfd(its_pidfd) {}

  pid_t pid;
  int pidfd;                         // The FdSource's.
  std::optional<ExitStatus> status;  // Once it was cleared away.
};

}  // namespace internal

/// See Child::exited.
class [[nodiscard]] ChildExit final : public FallibleOperation<Direction::read> {
 public:
  ChildExit(FdSource& source, internal::ChildState& child)
      : FallibleOperation(source), child_(child) {}
  ChildExit(ChildExit&&) = default;

  Result<ExitStatus> await_resume() const {
    if (has_failed()) return failure();
    return *child_.status;
  }

 private:
  bool attempt() override;

  internal::ChildState& child_;
};

class Child {
 public:
  /// Starts a program. Fails as execve(2): ENOENT (the program, its interpreter or the directory is
  /// not there), EACCES, ENOEXEC (no program; a script needs its first line "#!"), E2BIG, ETXTBSY;
  /// as clone(2): EAGAIN (RLIMIT_NPROC, or pids.max of a cgroup), ENOMEM; with EBADF for a
  /// descriptor that is not open; EMFILE, ENFILE. After a failure nothing is left.
  static Result<Child> spawn(Loop& loop, const ChildOptions& options,
                             std::source_location where = std::source_location::current());

  Child(Child&&) = default;
  Child& operator=(Child&&) = delete;
  /// Kills it if it has not ended.
  ~Child();

  /// Waits until it has ended, and clears it away; at once if it has. Can be awaited again. Fails
  /// with ECANCELED, which changes nothing, and with ECHILD if its status was taken by somebody
  /// else here (waitpid(-1), SIGCHLD ignored) and the kernel, before Linux 6.15, has no other
  /// record of it. One at a time.
  ChildExit exited() { return ChildExit(*source_, *state_); }

  /// Sends a signal (signal(7)), to this process and never to a later one of its number. Fails with
  /// ESRCH once it was cleared away, EINVAL, and EPERM if it has changed its user.
  Result<> signal(int number);

  /// This process' end of the pipe that is `fd` there: non-blocking, for Input, Output, PipeReader
  /// or PipeWriter. Once; requires that it was asked for. Closed, it is the end of the child's
  /// input.
  Fd take_pipe(int fd);

  /// Names it to people, and in /proc. For signals there is `signal`.
  pid_t pid() const { return state_->pid; }

 private:
  struct Pipe {
    int to;
    Fd ours;
  };
  static Result<Fd> make_pipe(Kernel& kernel, const ChildFd& what, std::vector<Pipe>& pipes);
  Child(std::unique_ptr<internal::ChildState> state, std::unique_ptr<FdSource> source,
        std::vector<Pipe> pipes)
      : state_(std::move(state)), source_(std::move(source)), pipes_(std::move(pipes)) {}

  std::unique_ptr<internal::ChildState> state_;  // Null once moved from.
  std::unique_ptr<FdSource> source_;
  std::vector<Pipe> pipes_;
};

}  // namespace tocsin
