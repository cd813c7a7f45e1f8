// SPDX-License-Identifier: MIT
//
// LoopThread: a loop in a thread of its own, for what takes two: a server and its clients, a post
// and whoever gets it.
//
//     create ──> listeners are bound to loop() ──> start(core, begin) ──> stop
//
// Ownership: it owns the loop, the thread, and the Scope that is made in that thread and ends
// there. Thread rule: made, started and stopped by the main thread; between start and stop the loop
// is its own thread's, but for the waker.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "cli/bench/benchmark.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/scope.hpp"

namespace tocsin::bench {

/// A loop, or why there is none.
Outcome<std::unique_ptr<Loop>> make_loop(const LoopOptions& options = {});

class LoopThread {
 public:
  /// Spawns what is to run; called in the new thread, before the loop's first turn.
  using Begin = std::move_only_function<void(Loop&, Scope&)>;

  static Outcome<std::unique_ptr<LoopThread>> create(const LoopOptions& options = {});
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  ~LoopThread() { stop(); }

  Loop& loop() { return *loop_; }

  /// Runs the loop on the core `cpu`, or where the kernel likes if it refuses. Once.
  void start(int cpu, Begin begin);

  /// Ends the loop and whatever runs in it, and waits until that is done. The loop itself stays,
  /// for what other threads have of it.
  void stop();

 private:
  explicit LoopThread(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

  std::unique_ptr<Loop> loop_;
  std::jthread thread_;
};

/// The core for the `index`th thread of a benchmark: 0 is the main thread's. If there are fewer
/// cores than threads, they share.
int cpu_for(const Settings& settings, std::size_t index);

/// Says so, if `threads` do not have a core each.
std::string remark_on_cores(const Settings& settings, std::size_t threads);

/// How a loop is run while something is awaited.
enum class Waiting : bool {
  sleeping,
  spinning,  // It never sleeps, so that no time is lost by waking up.
};

/// Takes turns until every task of `scope` has ended. Says why if they have not after `patience`.
std::string run_until_empty(Loop& loop, Scope& scope, Duration patience,
                            Waiting waiting = Waiting::sleeping);

}  // namespace tocsin::bench
