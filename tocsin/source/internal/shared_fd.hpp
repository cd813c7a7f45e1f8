// SPDX-License-Identifier: MIT
//
// SharedFd: a descriptor that others hold as well, read and written without changing it for them.
//
//     Input, Output, Pty ──> [ SharedFd ] ──> FdSource, Kernel
//
// O_NONBLOCK belongs to the open file description (open(2)), which a program shares with whoever
// started it: set on the terminal that is our standard input it makes the shell fail, and programs
// that have nothing to do with us. So how not to block is decided for each kind; see Access.
//
// Ownership: it owns descriptors of its own; the one it was made from stays the caller's and as it
// was. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>

#include "tocsin/source/fd_source.hpp"

namespace tocsin {

/// How a descriptor of any kind is waited for and used.
enum class Access : std::uint8_t {
  own,     // A description of our own, non-blocking: of a terminal, pipe or FIFO, opened once more.
  socket,  // A duplicate, and calls that do not wait (MSG_DONTWAIT).
  nowait,  // A duplicate, and reads that do not wait (RWF_NOWAIT): what may not be opened again.
  polled,  // A duplicate that is asked first, then used for what there is. Whoever else reads or
           // writes the same thing may be faster; then the call waits, and the loop with it.
  always,  // Is never waited for: regular files, /dev/null, whatever epoll refuses (EPERM).
};

namespace internal {

class SharedFd {
 public:
  /// For `fd`, whatever it is. Fails with EBADF if it is not open for `direction`, else as
  /// fcntl(2), open(2) and epoll_ctl(2): EMFILE, ENFILE, ENOMEM, ENOSPC.
  static Result<SharedFd> create(Loop& loop, int fd, Direction direction, const char* name,
                                 std::source_location where);

  /// Takes over `fd`, which is nobody else's and non-blocking.
  static Result<SharedFd> adopt(Loop& loop, Fd fd, const char* name, std::source_location where);

  FdSource& source() { return *source_; }
  Kernel& kernel() { return source_->kernel(); }
  Access access() const { return access_; }

  /// The end of a pseudoterminal's other side is EIO to read(2); here it is 0, as everywhere.
  void end_is_eio() { end_is_eio_ = true; }

  /// What one attempt gives: EAGAIN if it would have to wait.
  Count read(MutableBytes into);
  Count write(ByteView bytes);

 private:
  SharedFd(std::unique_ptr<FdSource> source, Fd file, Access access)
      : source_(std::move(source)), file_(std::move(file)), access_(access) {}

  int fd() const { return file_ ? file_.get() : source_->fd(); }
  Result<> ask(short events);

  std::unique_ptr<FdSource> source_;  // Of `always`: a stand-in that epoll takes.
  Fd file_;                           // Of `always` only.
  Access access_;
  bool end_is_eio_ = false;
};

}  // namespace internal

/// Awaiting it reads what there is, once: see Input::read, Pty::read.
class [[nodiscard]] SharedRead : public IoOperation<Direction::read> {
 public:
  explicit SharedRead(internal::SharedFd& fd) : IoOperation(fd.source()), fd_(&fd) {}
  SharedRead(SharedRead&&) = default;

  Result<Buffer> await_resume() {
    if (!count_) return std::unexpected(count_.error());
    return *count_ == 0 ? Buffer() : source().loop().buffers().take(*count_);
  }

 private:
  bool attempt() override;
  void fail(Errno error) override { count_ = std::unexpected(error); }

  internal::SharedFd* fd_;
  // How many bytes came. They lie in the buffer that the pool lends next: whoever completes this
  // resumes the coroutine at once, so nobody else takes it first.
  Count count_ = 0;
};

/// Awaiting it writes all of it: see Output::write_all, Pty::write_all.
class [[nodiscard]] SharedWrite final : public IoOperation<Direction::write> {
 public:
  SharedWrite(internal::SharedFd& fd, ByteView bytes)
      : IoOperation(fd.source()), fd_(&fd), left_(bytes) {}
  SharedWrite(SharedWrite&&) = default;

  Result<> await_resume() const { return result_; }

 private:
  bool attempt() override;
  void fail(Errno error) override { result_ = std::unexpected(error); }

  internal::SharedFd* fd_;
  ByteView left_;
  Result<> result_;
};

}  // namespace tocsin
