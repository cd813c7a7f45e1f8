// SPDX-License-Identifier: MIT
//
// Process: another process, held by a descriptor that means it and no later one (pidfd_open(2)).
//
//     FdSource ──> [ Process ] ──> co_await process.ended(), process.signal(SIGTERM)
//
// A pid is a number that the kernel gives to somebody else once the process is gone and was waited
// for; a pidfd is not. It may be a process of anybody: to be told of its end needs no permission.
// How it ended is for its parent only: of a process of one's own, see Child.
//
// Ownership: it owns its descriptor, not the process. It can be moved while somebody waits. The
// loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/source/fd_source.hpp"

namespace tocsin {

/// See Process::ended.
class [[nodiscard]] ProcessEnd final : public IoOperation<Direction::read> {
 public:
  explicit ProcessEnd(FdSource& source) : IoOperation(source) {}
  ProcessEnd(ProcessEnd&&) = default;

  Result<> await_resume() const { return result_; }

 private:
  bool attempt() override;
  void fail(Errno error) override { result_ = std::unexpected(error); }

  Result<> result_;
};

class Process {
 public:
  /// The process `pid`, as of now: whoever has the number from elsewhere cannot know whether it
  /// still means the same one, but from here on it does. Fails as pidfd_open(2): ESRCH if there is
  /// none, EINVAL for what is a thread or no pid at all, EMFILE, ENFILE; ENOSYS before Linux 5.3.
  static Result<Process> open(Loop& loop, pid_t pid,
                              std::source_location where = std::source_location::current());

  /// Waits until it has ended; at once if it has. Its parent may not have waited for it yet. Fails
  /// with ECANCELED only, and can be awaited again. One at a time.
  ProcessEnd ended() { return ProcessEnd(*source_); }

  /// Sends a signal, 0 for none (kill(2)). Fails with ESRCH once it has ended and was waited for,
  /// with EPERM for a process of another user, with EINVAL for what is no signal.
  Result<> signal(int number) { return source_->kernel().pidfd_send_signal(fd(), number); }

  /// The pidfd, for what is not offered here. It stays the Process's.
  int fd() const { return source_->fd(); }

 private:
  explicit Process(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

  std::unique_ptr<FdSource> source_;
};

}  // namespace tocsin
