// SPDX-License-Identifier: MIT
//
// ExceptionOperation: the base of operations that wait for neither bytes nor room, but for urgent
// data (EPOLLPRI) or an error (EPOLLERR).
//
//     FdSource ──> [ ExceptionOperation ] ──> Executor::post ──> the coroutine that awaits it
//
// It is an operation like those of fd_source.hpp, beside whoever reads and writes: it tries first,
// waits after EAGAIN, and is tried again when the kernel reports its condition. It is tried before
// them, and its coroutine is resumed after them, from the run queue of the same turn.
//
// Ownership: as every IoOperation, it lies in the frame of the coroutine that awaits it. Thread
// rule: the loop's thread.
#pragma once

#include "tocsin/source/fd_source.hpp"

namespace tocsin {

/// An author writes `attempt`, `fail` and `await_resume`, which may not touch the source: it may
/// have ended meanwhile.
class ExceptionOperation : public AnyIoOperation {
 public:
  bool await_ready();

 protected:
  /// `condition`: Direction::priority or ::error. One operation each at a time.
  ExceptionOperation(FdSource& source, Direction condition);
  ExceptionOperation(ExceptionOperation&&) = default;
  ~ExceptionOperation() = default;

 private:
  void proceed() override;
  AnyIoOperation** behind() override { return &behind_; }
  void start() final;
  void abandon() final;
  void leave_chain();
  void check_free();

  AnyIoOperation* behind_ = nullptr;  // In the chain of FdSource::writer_.
  Direction condition_;
};

}  // namespace tocsin
