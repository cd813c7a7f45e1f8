// SPDX-License-Identifier: MIT
//
// Input: bytes and lines from any descriptor at all: standard input, whatever that is today.
//
//     terminal, pipe, socket, file, /dev/null ──> [ Input ] ──> co_await input.read_line()
//
// `prog`, `prog < file`, `prog < /dev/null` and `other | prog` are one program. epoll takes some of
// these and refuses others, and O_NONBLOCK must not be set on a description that is shared with
// other programs: what is done instead, for each kind, is in Access.
//
// A regular file is read in the loop's thread, a buffer at a time and within the source's budget:
// a slow disk holds up the loop. What is opened by name is better read by File.
//
// What was read for a line, and lies behind it, is kept here for the next read; for another program
// that goes on with the same input it is gone.
//
// Ownership: it owns descriptors of its own, not the caller's, whose flags it leaves alone. It can
// be moved while somebody waits. The loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include "tocsin/source/internal/shared_fd.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

namespace internal {

/// Of an Input, at an address that stays.
struct InputState {
  explicit InputState(SharedFd its_fd) : fd(std::move(its_fd)) {}

  /// Moves `count` of the bytes that are kept to the caller's side.
  std::string take(std::size_t count);
  std::size_t kept() const { return text.size() - begin; }

  SharedFd fd;
  std::string text;       // Kept from `begin` on.
  std::size_t begin = 0;  // Not erased at each line: that would move the rest each time.
};

}  // namespace internal

/// See Input::read.
class [[nodiscard]] ReadInput final : public SharedRead {
 public:
  explicit ReadInput(internal::InputState& input) : SharedRead(input.fd), input_(&input) {}
  ReadInput(ReadInput&&) = default;

  bool await_ready() { return input_->kept() > 0 || SharedRead::await_ready(); }
  Result<Buffer> await_resume();

 private:
  internal::InputState* input_;
};

class Input {
 public:
  static constexpr std::size_t longest_line = 1024 * 1024;

  /// Reads from `fd`, which stays the caller's, open and as it is. Fails with EBADF if it is not
  /// open for reading, else as epoll_ctl(2) and open(2): EMFILE, ENFILE, ENOMEM, ENOSPC.
  static Result<Input> create(Loop& loop, int fd,
                              std::source_location where = std::source_location::current());

  /// Reads from `fd`, takes it over: one that is nobody else's, and non-blocking, as the end of a
  /// pipe that Child::take_pipe gives. Fails as epoll_ctl(2): EPERM for a regular file.
  static Result<Input> create(Loop& loop, Fd fd,
                              std::source_location where = std::source_location::current());

  /// Reads what there is: a Buffer, lent until it is destroyed, that is empty at the end. Fails as
  /// read(2), recv(2): EIO (a terminal whose foreground we are not in, ECONNRESET, ...), EISDIR;
  /// ECANCELED, after which nothing has been taken. One at a time.
  ReadInput read() { return ReadInput(*state_); }

  /// Reads a line, with the newline it ends in; the last one may have none. At the end it is empty.
  /// Fails as `read`, and with EMSGSIZE for a line of more than `longest` bytes. After a failure
  /// what had come of it is kept, and is what the next read gives. One at a time.
  Task<Result<std::string>> read_line(std::size_t longest = longest_line) {
    return read_line_of(*state_, longest);
  }

  /// How it is waited for.
  Access access() const { return state_->fd.access(); }

 private:
  explicit Input(std::unique_ptr<internal::InputState> state) : state_(std::move(state)) {}
  static Result<Input> of(Result<internal::SharedFd> fd);
  static Task<Result<std::string>> read_line_of(internal::InputState& state, std::size_t longest);

  std::unique_ptr<internal::InputState> state_;
};

}  // namespace tocsin
