// SPDX-License-Identifier: MIT
//
// IoUringEngine: the FileEngine that is a ring beside the loop's poller.
//
//     submit: many calls ──> one io_uring_enter at the end of the turn ──> the kernel
//     completions ──> eventfd ──> Loop ──> [ on_ready: harvest ] ──> awaiters are posted
//
// The completion queue cannot overflow: it has two places for every entry of the submission queue
// (io_uring_setup(2)), no more calls than entries are in flight, and a call keeps its place until
// its completion and that of its cancellation, the only two it can have, were both harvested.
//
// There is no IORING_SETUP_SQPOLL: a thread that spins in the kernel is for machines that do
// nothing else.
//
// Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <string_view>

#include "tocsin/file/engine.hpp"
#include "tocsin/kern/io_uring.hpp"

namespace tocsin::internal {

class IoUringEngine final : public FileEngine, private Source {
 public:
  /// ENOSYS if the kernel lacks an operation that files need; else as FileEngine::create says.
  static Result<std::unique_ptr<FileEngine>> create(Loop& loop, const FileEngineOptions& options);
  ~IoUringEngine() override;

  std::string_view name() const override { return "io_uring"; }

 private:
  // Submits what the turn has queued. An Alarm, so that it can be posted, and tried again later.
  struct Flush final : Alarm {
    explicit Flush(IoUringEngine& owner) : engine(&owner) {}
    void run() override { engine->flush(); }
    IoUringEngine* engine;
  };

  IoUringEngine(Loop& loop, const FileEngineOptions& options, std::unique_ptr<IoUring> ring,
                Fd eventfd)
      : FileEngine(loop, options), eventfd_(std::move(eventfd)), ring_(std::move(ring)) {}

  Result<> submit(FileCall& call) override;
  void cancel(FileCall& call) override;
  void on_ready(Ready) override { harvest(); }

  Result<> queue(FileCall& call);
  void flush_later();
  void flush();
  void harvest();
  void answered(FileCall& call);

  Fd eventfd_;  // Outlives the ring. Never read: every completion is an edge.
  std::unique_ptr<IoUring> ring_;
  Token token_{};
  List<FileCall> calls_;  // In flight. Owned.
  Flush flush_{*this};
};

}  // namespace tocsin::internal
