// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/thread_pool_engine.hpp"

#include "tocsin/file/internal/call.hpp"

namespace tocsin::internal {

Result<std::unique_ptr<FileEngine>> ThreadPoolEngine::create(Loop& loop,
                                                             const FileEngineOptions& options) {
  auto pool = ThreadPool::create(loop, options.threads);
  if (!pool) return std::unexpected(pool.error());
  return std::unique_ptr<FileEngine>(new ThreadPoolEngine(loop, options, std::move(*pool)));
}

ThreadPoolEngine::~ThreadPoolEngine() {
  close();
  pool_.reset();  // Every call has ended.
}

Result<> ThreadPoolEngine::submit(FileCall& call) {
  pool_->submit(call);
  return {};
}

// What has not started is called off. A thread inside a system call cannot be called back.
void ThreadPoolEngine::cancel(FileCall& call) {
  if (pool_->call_off(call)) ended(call);
}

}  // namespace tocsin::internal
