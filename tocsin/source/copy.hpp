// SPDX-License-Identifier: MIT
//
// Copy, copy: from one descriptor to another, by the shortest way that the two allow.
//
//     file ──> anything      sendfile, else read and write
//     pipe <──> anything     splice, else read and write
//     socket ──> socket      splice through a pipe of our own, else read and write
//     file ──> file          copy_file_range (a reflink, where the filesystem has those), else
//                            read and write
//
// The ladder is found out by trying: what the kernel refuses (EINVAL, ENOSYS, EOPNOTSUPP, EXDEV)
// leads to the next rung, without a byte lost, and `method` says which one it came to. Each end
// waits by readiness, and moves no more than its share of a turn (LoopOptions).
//
// Cancellation loses nothing: what was taken from one end and not yet given to the other (it lies
// in the pipe between two sockets, or in a buffer) is kept in the Copy, counted by `held`, and
// given first by the next `run`; or it can be taken out.
//
// Calls on a file that is one of the ends are made by the loop's thread: they wait for the disk
// where the page cache has nothing. Between two files they are made by threads.
//
// A peer that has gone is EPIPE, a value: no SIGPIPE is raised, though none of these calls has a
// flag against it (internal/without_signal.hpp).
//
// Ownership: sources and files are the caller's and outlive the Copy. Thread rule: the loop's
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "tocsin/source/fd_source.hpp"
#include "tocsin/source/thread_pool.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// The rungs.
enum class CopyMethod : std::uint8_t {
  sendfile,
  splice,
  splice_through_pipe,
  copy_file_range,
  read_write,
};
/// "sendfile", "splice", "splice through a pipe", "copy_file_range", "read and write".
std::string_view name_of(CopyMethod method);

/// A regular file, from `offset` on. The descriptor stays the caller's.
struct FilePart {
  int fd;
  std::uint64_t offset = 0;
};

/// What came of a copy.
struct Copied {
  std::uint64_t bytes = 0;
  CopyMethod method = CopyMethod::read_write;
};

class Copy {
 public:
  static constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();
  /// The most that one system call is asked for.
  static constexpr std::size_t chunk = 256 * 1024;

  /// Copies until `from` ends, but no more than `most` bytes.
  Copy(FdSource& from, FdSource& to, std::uint64_t most = everything);
  Copy(FilePart from, FdSource& to, std::uint64_t most = everything);
  Copy(FdSource& from, FilePart to, std::uint64_t most = everything);
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy() = default;

  /// Copies, and gives all that has been copied, with what former calls did. Fails as read(2) and
  /// write(2), splice(2), sendfile(2) do: EPIPE, ECONNRESET, ENOSPC, EIO, ...; ECANCELED. After a
  /// failure `copied` bytes have arrived and `held` are kept; it can be called again. One at a
  /// time; this must outlive it.
  Task<Result<Copied>> run();

  std::uint64_t copied() const { return copied_; }
  CopyMethod method() const { return method_; }

  /// How many bytes were taken from one end and not yet given to the other.
  std::size_t held() const { return in_pipe_ + in_buffer(); }

  /// Takes out the first of the held bytes, as many as one buffer holds; empty if there are none.
  /// Fails as read(2). Requires: `run` is not in progress.
  Result<Buffer> take_held();

 private:
  struct End {
    FdSource* source;  // Null: a file.
    int fd;
    std::uint64_t offset;
    // Null: at the current position, which is all that a stream has.
    std::uint64_t* position() { return source == nullptr ? &offset : nullptr; }
  };

  Copy(Loop& loop, End from, End to, CopyMethod first, std::uint64_t most)
      : loop_(loop), from_(from), to_(to), left_(most), method_(first) {}

  std::size_t in_buffer() const { return buffer_.size() - given_; }
  bool is_direct() const {
    return method_ == CopyMethod::sendfile || method_ == CopyMethod::splice;
  }
  Count take();
  Count read_into_buffer();
  Count give();
  void took(std::size_t count);
  void gave(std::size_t count);
  void blocked(bool takes, bool gives) const;
  bool descend(Errno refused);
  bool make_pipe();

  Loop& loop_;
  End from_;
  End to_;
  std::uint64_t left_;  // To be taken.
  std::uint64_t copied_ = 0;
  CopyMethod method_;
  Fd pipe_out_;  // The pipe between two ends that are none; made when it is needed.
  Fd pipe_in_;
  std::size_t in_pipe_ = 0;
  Buffer buffer_;          // Of read and write; lent while there are bytes in it,
  std::size_t given_ = 0;  // the first of which have gone already.
};

/// A Copy, run once. What it holds when it fails is lost: who may be cancelled, and means to go on,
/// keeps the Copy.
Task<Result<Copied>> copy(FdSource& from, FdSource& to, std::uint64_t most = Copy::everything);
Task<Result<Copied>> copy(FilePart from, FdSource& to, std::uint64_t most = Copy::everything);
Task<Result<Copied>> copy(FdSource& from, FilePart to, std::uint64_t most = Copy::everything);

/// From file to file, on a thread of `pool`, in steps, between which it can be cancelled. Fails as
/// copy_file_range(2) and pread(2), pwrite(2): ENOSPC, EIO, EDQUOT, ...; ECANCELED. After a failure
/// `to` may have a first part.
Task<Result<Copied>> copy(ThreadPool& pool, FilePart from, FilePart to,
                          std::uint64_t most = Copy::everything);

}  // namespace tocsin
