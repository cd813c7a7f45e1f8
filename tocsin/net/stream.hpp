// SPDX-License-Identifier: MIT
//
// Stream: a connected socket that carries bytes in order, TCP or UNIX.
//
//     FdSource ──> [ ReadOperation, WriteOperation ] ──> your line after co_await
//
// Reading lends a buffer while there are bytes in it; writing lends nothing: it takes bytes that
// stay the caller's. Awaiting a write is the back-pressure: it ends when the kernel has taken all
// of it. One read and one write may wait at the same time, each in a task of its own.
//
// Ownership: a Stream owns its fd; destroying it closes the connection and ends what waits with
// ECANCELED. It can be moved while operations wait. The loop must outlive it.
// Thread rule: the loop's thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "tocsin/net/address.hpp"
#include "tocsin/net/send_file.hpp"
#include "tocsin/source/fd_source.hpp"

namespace tocsin {

/// See Stream::read.
class [[nodiscard]] ReadOperation final : public IoOperation<Direction::read> {
 public:
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): whatever completes it sets count_.
  explicit ReadOperation(FdSource& source) : IoOperation(source) {}
  ReadOperation(ReadOperation&&) = default;

  Result<Buffer> await_resume() {
    // Whatever completes the operation has set it; the analyzer sees somebody who awaits nothing.
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
    if (count_ > 0) [[likely]]
      return source().loop().buffers().take(static_cast<std::size_t>(count_));
    if (count_ < 0) return std::unexpected(Errno{static_cast<int>(-count_)});
    return Buffer();
  }

 private:
  bool try_read();
  bool attempt() override;
  void proceed() override;
  bool failed(Errno error);
  void fail(Errno error) override { count_ = -error.value(); }

  // How many bytes came, or an errno below zero. The bytes lie in the buffer that the pool lends
  // next: whoever completes this resumes the coroutine at once, so nobody else takes it first.
  std::int64_t count_;
};

/// Whether more bytes follow at once: the kernel then waits for them before it sends the last, not
/// yet full segment (MSG_MORE, send(2)).
enum class More : bool { no, yes };

/// See Stream::write_all.
class [[nodiscard]] WriteOperation final : public IoOperation<Direction::write> {
 public:
  WriteOperation(FdSource& source, ByteView bytes, More more = More::no)
      : IoOperation(source),
        flags_(more == More::yes ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL),
        left_(bytes) {}
  WriteOperation(WriteOperation&&) = default;

  /// As IoOperation::await_ready, with the usual case in line: the kernel takes all of it at once.
  [[gnu::always_inline]] bool await_ready() {
    FdSource& to = source();
    to.check_free(Direction::write);
    if (to.may_try(Direction::write)) [[likely]] {
      const auto sent = send();
      if (sent && *sent == left_.size()) [[likely]] {
        to.spend(*sent);
        return true;
      }
      if (settle(sent)) return true;
    }
    return try_rest();
  }

  Result<> await_resume() const { return result_; }

 private:
  bool attempt() override;
  void fail(Errno error) override { result_ = std::unexpected(error); }
  Result<std::size_t> send() { return source().kernel().send(source().fd(), left_, flags_); }
  bool settle(Result<std::size_t> sent);
  bool try_rest();

  int flags_;
  Result<> result_;
  ByteView left_;
};

/// See Stream::write_gathered.
class [[nodiscard]] GatherOperation final : public IoOperation<Direction::write> {
 public:
  static constexpr std::size_t most_parts = 4;

  GatherOperation(FdSource& source, std::span<const ByteView> parts);
  GatherOperation(GatherOperation&&) = default;

  Result<> await_resume() const {
    if (error_ != 0) return std::unexpected(Errno{error_});
    return {};
  }

 private:
  bool attempt() override;
  void fail(Errno error) override { error_ = error.value(); }
  void consume(std::size_t count);

  int error_ = 0;
  std::size_t first_ = 0;  // Parts before it are written.
  std::size_t count_ = 0;
  std::array<iovec, most_parts> parts_{};
};

class Stream {
 public:
  /// Reads what there is, as recv(2): a Buffer, lent until it is destroyed, that is empty once the
  /// peer has finished. Fails with ECONNRESET, ETIMEDOUT, ... (tcp(7), "ERRORS") and ECANCELED;
  /// after ECANCELED nothing has been taken from the stream.
  ReadOperation read() { return ReadOperation(*source_); }

  /// Writes all of `bytes`, which stay the caller's and unchanged until it has ended. Never raises
  /// SIGPIPE: a peer that has gone is EPIPE or ECONNRESET. After a failure, ECANCELED included, an
  /// unknown part has been written: the stream is good for closing only. With More::yes another
  /// write has to follow.
  WriteOperation write_all(ByteView bytes, More more = More::no) {
    return WriteOperation(*source_, bytes, more);
  }

  /// As write_all, for several pieces in one system call (sendmsg(2)). Requires: at most
  /// GatherOperation::most_parts of them; the array itself may go at once.
  GatherOperation write_gathered(std::span<const ByteView> parts) {
    return GatherOperation(*source_, parts);
  }

  /// Writes `count` bytes of the file `file`, from `offset` on, without copying them (sendfile(2)),
  /// and gives how many they were: fewer only if the file ends before. Fails as write_all, and as
  /// sendfile(2): EINVAL for what is no regular file, EIO. A peer that has gone raises SIGPIPE, as
  /// sendfile(2) has no MSG_NOSIGNAL: block or ignore it, as `run` does.
  SendFileOperation send_file(int file, std::uint64_t offset, std::uint64_t count) {
    return {*source_, file, offset, count};
  }

  /// Says that nothing more will be written: the peer reads what was sent, then the end. Fails as
  /// shutdown(2): ENOTCONN.
  Result<> finish_writing();

  /// Where this end is, and the other. Fail as getsockname(2) and getpeername(2): ENOTCONN once the
  /// connection is gone.
  Result<Address> local_address() { return local_address_of(source_->kernel(), fd()); }
  Result<Address> peer_address() { return peer_address_of(source_->kernel(), fd()); }

  /// The descriptor, for what is not offered here. It stays the stream's, and non-blocking.
  int fd() const { return source_->fd(); }
  FdSource& source() { return *source_; }

 protected:
  explicit Stream(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

 private:
  std::unique_ptr<FdSource> source_;
};

}  // namespace tocsin
