// SPDX-License-Identifier: MIT
//
// Output: bytes to any descriptor at all: standard output, whatever that is today.
//
//     co_await output.write_all(bytes) ──> [ Output ] ──> terminal, pipe, socket, file, /dev/null
//
// It is Input's counterpart: see there, and Access, for how each kind is dealt with. Awaiting a
// write is the back-pressure: it ends when the kernel has taken all of it. stdio's buffers know
// nothing of this: flush before, or write through one of the two only.
//
// A regular file is written in the loop's thread, within the source's budget: into the page cache,
// as a rule, but a slow disk holds up the loop. What is opened by name is better written by File.
//
// Ownership: it owns descriptors of its own, not the caller's, whose flags it leaves alone. While
// it lives the readers of a pipe do not see its end. It can be moved while somebody waits. The loop
// must outlive it. Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <source_location>
#include <utility>

#include "tocsin/source/internal/shared_fd.hpp"

namespace tocsin {

class Output {
 public:
  /// Writes to `fd`, which stays the caller's, open and as it is. Fails with EBADF if it is not
  /// open for writing, else as epoll_ctl(2) and open(2): EMFILE, ENFILE, ENOMEM, ENOSPC.
  static Result<Output> create(Loop& loop, int fd,
                               std::source_location where = std::source_location::current());

  /// Writes to `fd`, takes it over: one that is nobody else's, and non-blocking, as the end of a
  /// pipe that Child::take_pipe gives. Fails as epoll_ctl(2): EPERM for a regular file.
  static Result<Output> create(Loop& loop, Fd fd,
                               std::source_location where = std::source_location::current());

  /// Writes all of `bytes`, which stay the caller's and unchanged until it has ended. Fails as
  /// write(2), send(2): EPIPE, without a SIGPIPE, ENOSPC, EIO, EFBIG; ECANCELED. After a failure an
  /// unknown part has been written. One at a time.
  SharedWrite write_all(ByteView bytes) { return {*fd_, bytes}; }

  /// How it is waited for.
  Access access() const { return fd_->access(); }

 private:
  explicit Output(std::unique_ptr<internal::SharedFd> fd) : fd_(std::move(fd)) {}
  static Result<Output> of(Result<internal::SharedFd> fd);

  std::unique_ptr<internal::SharedFd> fd_;
};

}  // namespace tocsin
