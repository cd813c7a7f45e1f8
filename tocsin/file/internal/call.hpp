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

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "tocsin/file/engine.hpp"
#include "tocsin/source/thread_pool.hpp"
#include "tocsin/task/context.hpp"

namespace tocsin::internal {

/// An open file description of ours. It is shared by the File and its calls, so that the number is
/// not closed, and perhaps taken by another file, before the last call on it has ended.
struct OpenFile : ListNode {
  OpenFile(FileEngine& made_by, Fd opened) : engine(&made_by), fd(std::move(opened)) {
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
  bool knows_nowait = true;  // Until RWF_NOWAIT was refused (preadv2(2), EOPNOTSUPP).
};

enum class CallKind : std::uint8_t { open, read, write, sync, status };

/// One system call: its arguments, then its answer. Which members count depends on the kind. It can
/// be made by a thread of a pool; for engines of another kind its links are free to use.
struct FileCall final : PoolJob {
  explicit FileCall(CallKind what, std::shared_ptr<OpenFile> on = nullptr)
      : kind(what), file(std::move(on)) {}

  int fd() const { return file != nullptr ? file->fd.get() : AT_FDCWD; }
  MutableBytes room() const { return buffer.room().first(length); }

  CallKind kind;
  std::shared_ptr<OpenFile> file;  // For `open` the directory, or null: the working directory.
  std::string path;
  int flags = 0;
  mode_t mode = 0;
  std::uint64_t offset = 0;
  std::size_t length = 0;  // Of the buffer. Wanted; made to fit into a buffer when it begins.
  ByteView source;         // What is to be written: the caller's, not looked at once it has begun.
  Buffer buffer;           // What the kernel reads or fills instead.
  struct statx status{};

  Result<std::size_t> result = std::unexpected(Errno::cancelled);
  Fd opened;  // By `open`: owned from the first moment, whoever is left to want it.

  FileOperation* operation = nullptr;  // Who waits for it; null: nobody any more.
  bool cancel_sent = false;            // io_uring: the kernel was asked to call it off.
  std::uint8_t answers_due = 0;        // io_uring: completions to come, of the call and its cancel.
  std::int32_t answer = -ECANCELED;    // What the kernel said; -errno for a failure.
  FileEngine* engine = nullptr;        // Set when it begins.

 private:
  // For an engine of threads.
  void perform() noexcept override;
  void performed() override;
};

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
