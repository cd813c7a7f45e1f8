// SPDX-License-Identifier: MIT
//
// FileCall, FileOperation: a system call in flight, and the place where a coroutine waits for it.
//
//     File ──> FileOperation (in the frame) ──> FileCall (on the heap) ──> FileEngine
//
// They are two because they end at different times. The frame may be destroyed while the kernel
// still writes into the buffer; so the buffer belongs to the call, the call to the engine, and the
// operation only learns the outcome if it is still there. The road not taken, to lend the kernel
// memory of the frame, would make destroying a frame wait for a disk.
//
// Cancelling is different: the line is there to wait, and does, until the call has ended, so that
// after ECANCELED nothing is written behind anybody's back. That is why FileOperation is no
// Operation, which gives up at once.
//
// Ownership: a call belongs to its operation, except from `submit` until `ended`, when it is the
// engine's. Thread rule: the loop's thread; a thread of the engine's between those two.
#pragma once

#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tocsin/file/engine.hpp"
#include "tocsin/source/thread_pool.hpp"
#include "tocsin/task/context.hpp"

namespace tocsin::internal {

/// An open file description of ours. It is shared by the File and its calls, so that the number is
/// not closed, and perhaps taken by another file, before the last call on it has ended.
struct OpenFile : ListNode {
  OpenFile(FileEngine& made_by, Fd opened, int flags)
      : engine(&made_by),
        fd(std::move(opened)),
        is_direct((flags & O_DIRECT) != 0),
        knows_nowait(!is_direct) {
    made_by.files_.push_back(*this);
  }

  /// Whether a read may be tried at once: not if it has had its share of this turn (LoopOptions),
  /// since a line that never waits starves the others.
  bool may_try();
  /// Counts a read of `bytes` that did not wait against that share.
  void spend(std::size_t bytes);

  FileEngine* engine;  // Null once the engine has ended.
  Fd fd;
  std::int64_t bytes_left = 0;  // Of the turn `budget_turn`.
  std::uint32_t budget_turn = 0;
  bool is_direct;  // O_DIRECT: no page cache between the caller and the disk.
  // Until RWF_NOWAIT was refused (preadv2(2), EOPNOTSUPP). A direct read waits for its disk even
  // so.
  bool knows_nowait;
};

/// `readv` and `writev` are `read` and `write` with more than one buffer.
enum class CallKind : std::uint8_t { open, read, readv, write, writev, sync, status, rename };

/// One system call: its arguments, then its answer. Which members count depends on the kind. It can
/// be made by a thread of a pool; for engines of another kind its links are free to use.
struct FileCall final : PoolJob {
  explicit FileCall(CallKind what, std::shared_ptr<OpenFile> on = nullptr)
      : kind(what), file(std::move(on)) {}

  /// As many buffers as a call has at most: what bounds the memory of one.
  static constexpr std::size_t most_buffers = 8;

  int fd() const { return file != nullptr ? file->fd.get() : AT_FDCWD; }
  bool reads() const { return kind == CallKind::read || kind == CallKind::readv; }
  bool writes() const { return kind == CallKind::write || kind == CallKind::writev; }
  MutableBytes room() const { return buffer.room().first(length); }

  /// Takes buffers for `length` bytes, or for as many as it may have, and fills them if it writes.
  void take_buffers(BufferPool& pool);
  /// Calls `visit` with each buffer's bytes, in order, until `count` of them were seen.
  template <class Visit>
  void visit_bytes(std::size_t count, Visit visit) const;

  CallKind kind;
  std::shared_ptr<OpenFile> file;  // For `open` the directory, or null: the working directory.
  std::string path;
  std::string new_path;  // Of `rename`.
  int flags = 0;
  mode_t mode = 0;
  std::uint64_t offset = 0;
  std::size_t length = 0;  // Wanted; made to fit into its buffers when it begins.
  // What is to be written, but for the first `skip` bytes: the caller's, not looked at once it has
  // begun.
  std::span<const ByteView> sources;
  std::size_t skip = 0;
  Buffer buffer;             // What the kernel reads or fills instead;
  std::vector<Buffer> more;  // of `readv` and `writev`, what follows it.
  std::vector<iovec> parts;  // The same, as the kernel wants to be told.
  struct statx status{};

  Result<std::size_t> result = std::unexpected(Errno::cancelled);
  Fd opened;  // By `open`: owned from the first moment, whoever is left to want it.

  FileOperation* operation = nullptr;  // Who waits for it; null: nobody any more.
  bool cancel_sent = false;            // io_uring: the kernel was asked to call it off.
  std::uint8_t answers_due = 0;        // Completions to come; io_uring: of its cancel, too.
  std::int32_t answer = -ECANCELED;    // What the kernel said; -errno for a failure.
  FileEngine* engine = nullptr;        // Set when it begins.

 private:
  // For an engine of threads.
  void perform() noexcept override;
  void performed() override;
};

template <class Visit>
void FileCall::visit_bytes(std::size_t count, Visit visit) const {
  const auto one = [&](const Buffer& some) {
    const std::size_t here = std::min(count, some.room().size());
    count -= here;
    if (here > 0) visit(some.room().first(here));
  };
  one(buffer);
  for (const Buffer& next : more) one(next);
}

/// Awaits one call. The outcome is in the call that `take` gives.
class FileOperation : public Suspension {
 public:
  /// The engine is the one of the call's file; `engine` counts if it has none.
  explicit FileOperation(std::unique_ptr<FileCall> call, FileEngine* engine = nullptr)
      : engine_(engine), call_(std::move(call)) {}
  FileOperation(FileOperation&&) = default;
  ~FileOperation();

  bool await_ready() const { return false; }
  bool suspend(Waiter waiter);
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }
  /// The call, ended. A line that was cancelled before it waited finds ECANCELED in it.
  std::unique_ptr<FileCall> await_resume() { return std::move(call_); }

 protected:
  void set_call(std::unique_ptr<FileCall> call) { call_ = std::move(call); }

 private:
  friend class tocsin::FileEngine;
  void on_cancel() override;
  void on_destroy() override {}  // The destructor calls off what is in flight.
  void settle(std::unique_ptr<FileCall> call);

  FileEngine* engine_;              // Looked at while a call is in flight: then it exists.
  std::unique_ptr<FileCall> call_;  // Null while it is in flight.
  FileCall* in_flight_ = nullptr;   // Then this; the engine's.
};

}  // namespace tocsin::internal
