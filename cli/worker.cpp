// SPDX-License-Identifier: MIT
#include "cli/worker.hpp"

#include <new>
#include <utility>

namespace tocsin::cli {

Result<std::unique_ptr<Worker>> Worker::create(Directory directory,
                                               const http::ServerOptions& options) {
  auto loop = Loop::create();
  if (!loop) return std::unexpected(loop.error());
  return std::unique_ptr<Worker>(new Worker(std::move(*loop), std::move(directory), options));
}

Worker::Worker(std::unique_ptr<Loop> loop, Directory directory, const http::ServerOptions& options)
    : loop_(std::move(loop)),
      files_(*loop_, std::move(directory)),
      options_(options),
      serving_(*loop_),
      helper_(*loop_) {}

Result<> Worker::run() {
  for (TcpListener& listener : listeners_) {
    http::Handler handler = [this](const http::Request& request) { return files_(request); };
    serving_.spawn(http::serve(std::move(listener), std::move(handler), options_));
  }
  listeners_.clear();
  helper_.spawn(await_end());
  if (auto done = loop_->run(); !done) return done;
  return outcome_;
}

Task<> Worker::await_end() {
  try {
    outcome_ = co_await serving_.join();
  } catch (const std::bad_alloc&) {
    outcome_ = std::unexpected(Errno{ENOMEM});
  }
  if (!outcome_ && outcome_.error() == Errno::cancelled) outcome_ = {};  // As it was told.
  loop_->stop();
}

void Worker::drain() {
  loop_->waker().post([this] { serving_.cancel(); });
}

void Worker::stop() { loop_->stop(); }

}  // namespace tocsin::cli
