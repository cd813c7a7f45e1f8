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
#include <optional>
#include <span>

#include "tocsin/net/address.hpp"
#include "tocsin/net/send_file.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// See Stream::read.
class [[nodiscard]] ReadOperation final : public IoOperation<Direction::read> {
 public:
  explicit ReadOperation(FdSource& source) : IoOperation(source) {}
  ReadOperation(ReadOperation&&) = default;

  Result<Buffer> await_resume() {
    const std::int64_t count = count_.as_kernel();
    if (count > 0) [[likely]]
      return source().loop().buffers().take(static_cast<std::size_t>(count));
    if (count < 0) return std::unexpected(count_.error());
    return Buffer();
  }

 private:
  bool try_read();
  bool attempt() override;
  void proceed() override;
  void proceed_with_new_buffer();
  bool must_wait();
  void fail(Errno error) override { count_ = std::unexpected(error); }

  // How many bytes came. They lie in the buffer that the pool lends next: whoever completes this
  // resumes the coroutine at once, so nobody else takes it first.
  Count count_;
};

/// Whether more bytes follow at once: the kernel then waits for them before it sends the last, not
/// yet full segment (MSG_MORE, send(2)).
enum class More : bool { no, yes };

/// See Stream::write_all. The kernel takes most writes at once: what waiting needs is made only for
/// one that waits.
class [[nodiscard]] WriteOperation final {
 public:
  WriteOperation(FdSource& source, ByteView bytes, More more = More::no)
      : source_(&source),
        flags_(more == More::yes ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL),
        left_(bytes) {}

  [[gnu::always_inline]] bool await_ready() {
    FdSource& to = *source_;
    to.check_free(Direction::write);
    if (!to.may_try(Direction::write)) [[unlikely]]
      return try_rest();
    const Count sent = send();
    if (sent != Count(left_.size())) [[unlikely]]
      return try_rest_after(sent);
    to.spend(*sent);
    return true;
  }
  bool suspend(Waiter waiter) { return waiting_->suspend(waiter); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return waiting_->await_suspend(waiter);
  }
  Result<> await_resume() const { return result_; }

 private:
  class Waiting final : public IoOperation<Direction::write> {
   public:
    explicit Waiting(WriteOperation& whole) : IoOperation(*whole.source_), whole_(whole) {}

   private:
    bool attempt() override { return whole_.attempt(); }
    void fail(Errno error) override { whole_.result_ = std::unexpected(error); }

    WriteOperation& whole_;
  };

  Count send() { return source_->kernel().send(source_->fd(), left_, flags_); }
  bool settle(Count sent);
  bool attempt();
  bool try_rest();
  bool try_rest_after(Count sent);

  FdSource* source_;
  int flags_;
  Result<> result_;
  ByteView left_;
  std::optional<Waiting> waiting_;
};

template <>
inline constexpr bool is_single_wait<WriteOperation> = true;

/// See Stream::write_gathered.
class [[nodiscard]] GatherOperation final : public FallibleOperation<Direction::write> {
 public:
  static constexpr std::size_t most_parts = 4;

  GatherOperation(FdSource& source, std::span<const ByteView> parts);
  GatherOperation(GatherOperation&&) = default;

  Result<> await_resume() const { return result(); }

 private:
  bool attempt() override;
  void consume(std::size_t count);

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
  /// The same, without a view of the buffer in the caller's frame.
  WriteOperation write_all(const Buffer& buffer, More more = More::no) {
    return WriteOperation(*source_, buffer, more);
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
