// SPDX-License-Identifier: MIT
//
// Worker: one thread, one loop, its own listeners and its own cache of files.
//
//     serve ──> [ Worker: Loop, TcpListener..., StaticFiles ] ──> connections
//
// Workers share nothing but the addresses they listen at (SharedListener).
//
// Ownership: it owns all of the above; destroying it ends whatever still runs. Thread rule: made
// and destroyed by one thread; `run` by the thread that serves; `drain` and `stop` by any.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "tocsin/http/server.hpp"
#include "tocsin/http/static_files.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/net/tcp.hpp"
#include "tocsin/task/scope.hpp"

namespace tocsin::cli {

class Worker {
 public:
  /// Fails as Loop::create does.
  static Result<std::unique_ptr<Worker>> create(Directory directory,
                                                const http::ServerOptions& options);

  /// What its listeners are registered with.
  Loop& loop() { return *loop_; }

  /// Has it accept from `listener`, which is registered with its loop. Requires: it does not run
  /// yet.
  void add(TcpListener listener) { listeners_.push_back(std::move(listener)); }

  /// Serves until it has drained or is stopped; gives why if it is for another reason.
  Result<> run();

  /// Has it accept no more and end when what is under way is done.
  void drain();

  /// Has it end at once.
  void stop();

 private:
  Worker(std::unique_ptr<Loop> loop, Directory directory, const http::ServerOptions& options);

  Task<> await_end();

  std::unique_ptr<Loop> loop_;
  http::StaticFiles files_;
  http::ServerOptions options_;
  std::vector<TcpListener> listeners_;  // Until it runs.
  Result<> outcome_;
  Scope serving_;
  Scope helper_;  // Ends first: it waits for the other.
};

}  // namespace tocsin::cli
