// SPDX-License-Identifier: MIT
//
// ThreadPoolEngine: the FileEngine that is a few threads which may block.
//
//     submit ──> queue ──> [ a thread: pread, pwrite, ... ] ──> done ──> Waker ──> awaiters
//
// The queue is bounded by the calls in flight (FileEngineOptions::most_in_flight). Completions go
// through a list of their own, so that many of them cost one function posted to the loop.
//
// Every signal is blocked in its threads: signals are for the threads of the program's own.
//
// Thread rule: the loop's thread, but for `ThreadPool::work`, which is what its threads do.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "tocsin/file/engine.hpp"

namespace tocsin::internal {

class ThreadPoolEngine final : public FileEngine {
 public:
  /// Starts the threads; EAGAIN if the system has none left.
  static Result<std::unique_ptr<FileEngine>> create(Loop& loop, const FileEngineOptions& options);
  ~ThreadPoolEngine() override;

  std::string_view name() const override { return "threads"; }

 private:
  // What the threads see. It is shared with functions posted to the loop, which may come to their
  // turn when the engine is gone.
  struct Shared {
    explicit Shared(Loop& loop) : kernel(loop.kernel()), waker(loop.waker()) {}

    Kernel& kernel;
    Waker& waker;
    ThreadPoolEngine* engine = nullptr;  // The loop's thread's. Null once it has ended.

    std::mutex mutex;  // Guards the rest.
    std::condition_variable wake;
    List<FileCall> queue;  // Not started. Owned.
    List<FileCall> done;   // Owned.
    bool stop = false;
  };

  ThreadPoolEngine(Loop& loop, const FileEngineOptions& options);

  Result<> start_threads(unsigned count);
  static void work(const std::shared_ptr<Shared>& shared);

  Result<> submit(FileCall& call) override;
  void cancel(FileCall& call) override;
  void harvest();

  std::shared_ptr<Shared> shared_;
  std::vector<std::jthread> threads_;
};

}  // namespace tocsin::internal
