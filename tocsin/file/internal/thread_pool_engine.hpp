// SPDX-License-Identifier: MIT
//
// ThreadPoolEngine: the FileEngine that is a few threads which may block; and half of the one that
// is the kernel's AIO.
//
//     submit ──> ThreadPool ──> [ FileCall::perform: pread, pwrite, ... ] ──> awaiters are posted
//
// The pool's queue is bounded by the calls in flight (FileEngineOptions::most_in_flight).
//
// Thread rule: the loop's thread.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "tocsin/file/engine.hpp"
#include "tocsin/source/thread_pool.hpp"

namespace tocsin::internal {

class ThreadPoolEngine : public FileEngine {
 public:
  /// Starts the threads; EAGAIN if the system has none left.
  static Result<std::unique_ptr<FileEngine>> create(Loop& loop, const FileEngineOptions& options);
  ~ThreadPoolEngine() override;

  std::string_view name() const override { return "threads"; }

 protected:
  ThreadPoolEngine(Loop& loop, const FileEngineOptions& options, std::unique_ptr<ThreadPool> pool)
      : FileEngine(loop, options), pool_(std::move(pool)) {}

  Result<> submit(FileCall& call) override;
  void cancel(FileCall& call) override;

 private:
  std::unique_ptr<ThreadPool> pool_;
};

}  // namespace tocsin::internal
