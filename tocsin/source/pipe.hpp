// SPDX-License-Identifier: MIT
//
// PipeReader, PipeWriter: the two ends of a pipe, or of a FIFO, which is a pipe with a name
// (pipe(7), fifo(7)).
//
//     Pipe::create, a child's stdout, a FIFO ──> [ PipeReader ] ──> co_await reader.read()
//     co_await writer.write_all(bytes) ──> [ PipeWriter ] ──> a child's stdin, a FIFO, ...
//
// A pipe whose readers have gone is EPIPE, a value: no SIGPIPE is ever raised, whatever the
// program does with that signal (write_without_signal).
//
// Ownership: each end owns its descriptor and its registration; destroying it closes that end. The
// loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <limits.h>

#include <cstddef>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include "tocsin/source/byte_operations.hpp"

namespace tocsin {

/// What both ends have.
class PipeEnd {
 public:
  /// How many bytes the pipe holds: 64 KiB unless somebody has said otherwise. Fails with EBADF if
  /// it is no pipe.
  Result<std::size_t> capacity() const;

  /// Makes it hold `bytes` at least, rounded up to pages and a power of two; gives what it is then.
  /// Fails with EPERM for more than /proc/sys/fs/pipe-max-size (1 MiB), which binds all who lack
  /// CAP_SYS_RESOURCE; with EBUSY if more than that is in it now. Nothing has changed then.
  Result<std::size_t> set_capacity(std::size_t bytes);

  /// The descriptor, for what is not offered here. It stays this end's, and non-blocking.
  int fd() const { return source_->fd(); }
  FdSource& source() { return *source_; }

 protected:
  explicit PipeEnd(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

 private:
  std::unique_ptr<FdSource> source_;
};

class PipeReader final : public PipeEnd {
 public:
  /// Takes over the reading end `fd`, and makes its description non-blocking: it should be nobody
  /// else's (a pipe's ends are two, so a child's stdout is not concerned). If its writers make
  /// packets (O_DIRECT), which its reader cannot know, one is read a turn. Fails as fcntl(2) and
  /// epoll_ctl(2): EPERM for a regular file; `fd` is closed then.
  static Result<PipeReader> adopt(Loop& loop, Fd fd,
                                  std::source_location where = std::source_location::current());

  /// Opens the FIFO at `path`, which is there at once, writers or not. It survives them: when the
  /// last one has closed it, `read` waits for the next, unless `at_end` says to tell. Fails as
  /// open(2): ENOENT, EACCES, ...; with EINVAL for what is no FIFO.
  static Result<PipeReader> open_fifo(Loop& loop, const std::string& path,
                                      AtEnd at_end = AtEnd::wait,
                                      std::source_location where = std::source_location::current());

  /// Reads what there is, or one packet of a pipe of packets; see ReadBytes. One at a time.
  ReadBytes read() { return ReadBytes(source(), at_end_); }

 private:
  friend struct Pipe;
  using Registering = decltype(&FdSource::create);

  PipeReader(std::unique_ptr<FdSource> source, AtEnd at_end);
  /// Of an `fd` that is non-blocking already.
  static Result<PipeReader> create(Registering registering, Loop& loop, Fd fd,
                                   std::source_location where);

  AtEnd at_end_;
};

class PipeWriter final : public PipeEnd {
 public:
  /// As PipeReader::adopt, for the writing end.
  static Result<PipeWriter> adopt(Loop& loop, Fd fd,
                                  std::source_location where = std::source_location::current());

  /// Opens the FIFO at `path`. Fails with ENXIO if nobody has it open for reading (fifo(7)), else
  /// as PipeReader::open_fifo.
  static Result<PipeWriter> open_fifo(Loop& loop, const std::string& path,
                                      std::source_location where = std::source_location::current());

  /// Writes all of `bytes`, and waits while the pipe is full; see WriteBytes. Up to PIPE_BUF (4096)
  /// bytes arrive in one piece, whoever else writes (pipe(7)); after ECANCELED none of such a piece
  /// was written. One at a time.
  WriteBytes write_all(ByteView bytes) { return {source(), bytes}; }

 private:
  using PipeEnd::PipeEnd;
};

struct PipeOptions {
  /// Every write is a packet, and every read gives one (O_DIRECT, pipe(2)). A packet has 1 to
  /// PIPE_BUF bytes: a longer write becomes several. What a reader has no room for is lost, so
  /// LoopOptions::buffer_size should be PIPE_BUF at least.
  bool packets = false;
};

struct Pipe {
  PipeReader reader;
  PipeWriter writer;

  /// Both ends, for tasks of one loop; see `adopt` for those that are other processes'. Fails as
  /// pipe2(2): EMFILE, ENFILE.
  static Result<Pipe> create(Loop& loop, const PipeOptions& options = {},
                             std::source_location where = std::source_location::current());
};

}  // namespace tocsin
