// SPDX-License-Identifier: MIT
#include "tocsin/file/internal/thread_pool_engine.hpp"

#include <signal.h>

#include <system_error>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/file/internal/call.hpp"

namespace tocsin::internal {
namespace {

// A count or a descriptor, or -errno: the same for both engines.
std::int32_t as_answer(Count count) { return static_cast<std::int32_t>(count.as_kernel()); }
std::int32_t as_answer(Result<int> fd) { return fd ? *fd : -fd.error().value(); }
std::int32_t as_answer(const Result<>& result) { return result ? 0 : -result.error().value(); }

std::int32_t perform(Kernel& kernel, FileCall& call) {
  switch (call.kind) {
    case CallKind::open:
      return as_answer(kernel.openat(call.fd(), call.path.c_str(), call.flags, call.mode));
    case CallKind::read:
      return as_answer(kernel.pread(call.fd(), call.room(), call.offset));
    case CallKind::write:
      return as_answer(kernel.pwrite(call.fd(), call.room(), call.offset));
    case CallKind::sync:
      return as_answer(kernel.fsync(call.fd()));
    case CallKind::status:
      return as_answer(kernel.statx(call.fd(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, call.status));
  }
  return -EINVAL;
}

// Blocks every signal for as long as it lives; threads made meanwhile inherit that.
class SignalsBlocked {
 public:
  explicit SignalsBlocked(Kernel& kernel) : kernel_(kernel) {
    sigset_t all;
    sigfillset(&all);
    set(all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { set(before_, nullptr); }

 private:
  void set(const sigset_t& mask, sigset_t* before) {
    const auto done = kernel_.pthread_sigmask(SIG_SETMASK, &mask, before);
    CHECK(done.has_value(), "pthread_sigmask(3) fails only for an invalid argument");
  }

  Kernel& kernel_;
  sigset_t before_{};
};

}  // namespace

ThreadPoolEngine::ThreadPoolEngine(Loop& loop, const FileEngineOptions& options)
    : FileEngine(loop, options), shared_(std::make_shared<Shared>(loop)) {
  shared_->engine = this;
}

Result<std::unique_ptr<FileEngine>> ThreadPoolEngine::create(Loop& loop,
                                                             const FileEngineOptions& options) {
  std::unique_ptr<ThreadPoolEngine> engine(new ThreadPoolEngine(loop, options));
  if (auto done = engine->start_threads(options.threads); !done)
    return std::unexpected(done.error());
  return engine;
}

Result<> ThreadPoolEngine::start_threads(unsigned count) {
  const SignalsBlocked blocked(shared_->kernel);
  try {
    for (unsigned i = 0; i < count; ++i) threads_.emplace_back([s = shared_] { work(s); });
  } catch (const std::system_error& error) {
    return std::unexpected(Errno{error.code().value()});
  }
  return {};
}

ThreadPoolEngine::~ThreadPoolEngine() {
  close();
  List<FileCall> not_started;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
    not_started.splice_back(shared_->queue);
  }
  shared_->wake.notify_all();
  threads_.clear();  // Joins.
  while (FileCall* const call = not_started.pop_front()) {
    call->answer = -ECANCELED;
    ended(*call);
  }
  harvest();
  shared_->engine = nullptr;
}

void ThreadPoolEngine::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->wake.wait(lock, [&] { return shared->stop || !shared->queue.empty(); });
    if (shared->stop) return;
    FileCall& call = *shared->queue.pop_front();
    call.started = true;

    lock.unlock();
    const std::int32_t answer = perform(shared->kernel, call);
    lock.lock();

    call.answer = answer;
    const bool first = shared->done.empty();
    shared->done.push_back(call);
    if (!first) continue;  // Whoever was first has posted, and that has not run yet.
    shared->waker.post([shared] {
      if (shared->engine != nullptr) shared->engine->harvest();
    });
  }
}

Result<> ThreadPoolEngine::submit(FileCall& call) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->queue.push_back(call);
  }
  shared_->wake.notify_one();
  return {};
}

// What has not started is called off. A thread inside a system call cannot be called back.
void ThreadPoolEngine::cancel(FileCall& call) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (call.started) return;
    call.unlink();
  }
  call.answer = -ECANCELED;
  ended(call);
}

void ThreadPoolEngine::harvest() {
  List<FileCall> done;
  {
    const std::lock_guard lock(shared_->mutex);
    done.splice_back(shared_->done);
  }
  while (FileCall* const call = done.pop_front()) ended(*call);
}

}  // namespace tocsin::internal
