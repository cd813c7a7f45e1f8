// SPDX-License-Identifier: MIT
//
// File: a regular file that coroutines read and write without stopping their loop.
//
//     File ──> [ read_at, write_at, sync, status ] ──> FileEngine ──> your line after co_await
//
// Every operation says where in the file it works: there is no position, so any number may be
// awaited at the same time. What the disk says (ENOSPC, EIO, a short read) is a value.
//
// Cancelling a line that waits here ends the wait once the kernel is done with the call: with
// ECANCELED if it could be called off, with its result if it could not. A call that has not begun
// is called off at once; io_uring is asked to call off one that has; a thread inside a system call
// cannot be. Destroying a frame that waits is legal too, and waits for nothing: the call owns all
// it touches, the open file included, and is finished and cleaned up behind the frame's back.
//
// With O_DIRECT the page cache is left out: offset and length of each call, and so `most` and what
// is written, have to be multiples of the disk's block (statx(2), STATX_DIOALIGN), else EINVAL; the
// buffers are aligned. It is what EngineChoice::aio is for.
//
// Directories can be opened (O_DIRECTORY) to open files relative to them. Pipes, terminals and
// sockets are for FdSource: here a read of one may hold a thread for ever.
//
// Ownership: a File owns its fd. Destroying it closes the fd after the last call on it has ended;
// what close(2) says is dropped, so whoever must know that the data is on the disk awaits `sync`.
// It can be moved or destroyed while operations wait. The loop must outlive it; if its engine has
// ended, operations that would wait give ECANCELED. Thread rule: the loop's thread.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "tocsin/file/engine.hpp"
#include "tocsin/file/internal/call.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// The awaitable of File::read_at.
class [[nodiscard]] ReadAt final : public internal::FileOperation {
 public:
  ReadAt(std::shared_ptr<internal::OpenFile> file, std::uint64_t offset, std::size_t most)
      : FileOperation(nullptr), file_(std::move(file)), offset_(offset), most_(most) {}
  ReadAt(ReadAt&&) = default;

  bool await_ready();
  Result<Buffer> await_resume();

 private:
  bool try_now();

  std::shared_ptr<internal::OpenFile> file_;
  std::uint64_t offset_;
  std::size_t most_;
  Result<Buffer> read_now_;  // Counts if no call was needed.
  bool waited_ = false;
};

class File {
 public:
  /// Opens `path` as open(2) does, relative to the working directory; O_CLOEXEC is added. Fails as
  /// open(2): ENOENT, EACCES, EISDIR, ENOTDIR, ELOOP, EMFILE, ENAMETOOLONG, ...; ECANCELED. After a
  /// failure nothing is open; with O_CREAT a cancelled call may have made the file. `engine` must
  /// last until it is awaited.
  static Task<Result<File>> open(FileEngine& engine, std::string path, int flags,
                                 mode_t mode = 0666);

  /// As `open`, relative to this directory (openat(2)).
  Task<Result<File>> open_at(std::string path, int flags, mode_t mode = 0666) const;

  /// Gives the file `from` the name `to`, in one step: a file of that name is replaced, and nobody
  /// ever sees it missing or in part. `flags` are renameat2(2)'s (RENAME_NOREPLACE: EEXIST
  /// instead). Fails as rename(2): ENOENT, EXDEV (another filesystem: copy it), EACCES, EROFS, ...;
  /// ECANCELED.
  static Task<Result<>> rename(FileEngine& engine, std::string from, std::string to,
                               unsigned flags = 0);

  /// What statx(2) says of `path`, through symbolic links. Fails as statx(2): ENOENT, ...
  static Task<Result<struct statx>> status_of(FileEngine& engine, std::string path);

  /// Reads up to `most` bytes from `offset` on into a buffer of the loop's, which bounds it, too
  /// (LoopOptions::buffer_size). Fewer bytes than asked for are no sign of the end; none are, if
  /// any were asked for. What is in the page cache is read at once, up to a file's share of a turn.
  /// Fails as pread(2): EIO, EISDIR, EBADF (not open for reading), EINVAL; ECANCELED.
  ReadAt read_at(std::uint64_t offset,
                 std::size_t most = std::numeric_limits<std::size_t>::max()) const {
    return ReadAt(file_, offset, most);
  }

  /// Reads into the parts of `into`, in order, as preadv(2), and gives how many bytes came; fewer
  /// than there is room for are no sign of the end, none are. What is not in the page cache comes
  /// through buffers of the loop's, 8 of them at most, and is copied. `into` and what it names must
  /// last until the end of the await; nothing is written there after it. Fails as above.
  Task<Result<std::size_t>> read_at(std::uint64_t offset, std::span<const MutableBytes> into) const;

  /// Writes all of `bytes` from `offset` on, in as many calls as that takes, each of a buffer's
  /// size at most. A file open with O_APPEND takes them at its end (pwrite(2), "BUGS"). `bytes` are
  /// copied and must last until the end of the await. Fails as pwrite(2): ENOSPC, EDQUOT, EFBIG,
  /// EIO, EBADF (not open for writing), EINVAL; ECANCELED. After a failure the file may have a
  /// first part of them. RLIMIT_FSIZE raises SIGXFSZ in a thread of the kernel's or the engine's
  /// choice.
  Task<Result<>> write_at(std::uint64_t offset, ByteView bytes) const;

  /// As above, all of `parts`, one behind the other, as pwritev(2), 8 buffers a call at most.
  Task<Result<>> write_at(std::uint64_t offset, std::span<const ByteView> parts) const;

  /// Waits until what was written is on the disk (fsync(2)): EIO, ENOSPC, EDQUOT say that it is
  /// not, and once said are forgotten by the kernel (fsync(2), "ERRORS"); EINVAL if it has no disk.
  Task<Result<>> sync() const;

  /// What statx(2) says with STATX_BASIC_STATS.
  Task<Result<struct statx>> status() const;

  /// Its length in bytes, of `status`.
  Task<Result<std::uint64_t>> size() const;

  /// The descriptor, for calls that are not here (sendfile(2)). Stays the File's.
  int fd() const { return file_->fd.get(); }

 private:
  explicit File(std::shared_ptr<internal::OpenFile> file) : file_(std::move(file)) {}

  static Task<Result<File>> open_from(FileEngine* engine,
                                      std::shared_ptr<internal::OpenFile> directory,
                                      std::string path, int flags, mode_t mode);

  std::shared_ptr<internal::OpenFile> file_;  // Null once moved from.
};

}  // namespace tocsin
