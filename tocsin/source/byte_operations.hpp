// SPDX-License-Identifier: MIT
//
// ReadBytes, WriteBytes: bytes through any descriptor, by read(2) and write(2).
//
//     FdSource ──> [ ReadBytes, WriteBytes ] ──> your line after co_await
//
// For what is no socket: pipes, FIFOs, terminals. A Stream has operations of its own, by recv(2)
// and send(2). Reading lends a buffer while there are bytes in it; writing takes bytes that stay
// the caller's, and ends when the kernel has taken all of them.
//
// Nothing here raises SIGPIPE: see write_without_signal.
//
// Ownership: as every IoOperation, they lie in the frame of the coroutine that awaits them. Thread
// rule: the loop's thread.
#pragma once

#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// What a read does that finds no bytes and no writer: the end of the file, as read(2) says it.
enum class AtEnd : std::uint8_t {
  tell,  // Give an empty Buffer.
  wait,  // Wait for the next writer: of a FIFO.
};

/// Awaiting it gives what there is: a Buffer, lent until it is destroyed, that is empty at the end.
/// Fails as read(2): EIO, ECONNRESET, ...; with ECANCELED: nothing has been taken then.
class [[nodiscard]] ReadBytes final : public FallibleOperation<Direction::read> {
 public:
  explicit ReadBytes(FdSource& source, AtEnd at_end = AtEnd::tell)
      : FallibleOperation(source), at_end_(at_end) {}
  ReadBytes(ReadBytes&&) = default;

  Result<Buffer> await_resume() { return result(std::move(bytes_)); }

 private:
  bool attempt() override;

  AtEnd at_end_;
  Buffer bytes_;
};

/// Awaiting it writes all of `bytes`, which stay the caller's and unchanged until it has ended.
/// Fails as write(2): EPIPE when nobody reads any more; with ECANCELED. After a failure an unknown
/// part has been written.
class [[nodiscard]] WriteBytes final : public FallibleOperation<Direction::write> {
 public:
  WriteBytes(FdSource& source, ByteView bytes) : FallibleOperation(source), left_(bytes) {}
  WriteBytes(WriteBytes&&) = default;

  Result<> await_resume() const { return result(); }

 private:
  bool attempt() override;

  ByteView left_;
};

/// write(2), except that EPIPE comes without a SIGPIPE. Since Linux 6.18 the kernel can be told so
/// (RWF_NOSIGNAL, pwritev2(2)). Before, the signal is blocked in this thread for the length of the
/// call and taken away again (internal/without_signal.hpp).
Count write_without_signal(Kernel& kernel, int fd, ByteView bytes);

}  // namespace tocsin
