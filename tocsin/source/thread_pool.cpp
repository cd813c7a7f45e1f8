// SPDX-License-Identifier: MIT
#include "tocsin/source/thread_pool.hpp"

#include <signal.h>

#include <system_error>

#include "tocsin/base/check.hpp"

namespace tocsin {
namespace {

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

ThreadPool::ThreadPool(Loop& loop) : loop_(loop), shared_(std::make_shared<Shared>(loop)) {
  shared_->pool = this;
}

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(Loop& loop, unsigned threads) {
  CHECK(threads > 0, "a pool without threads could do nothing");
  std::unique_ptr<ThreadPool> pool(new ThreadPool(loop));
  if (auto started = pool->start(threads); !started) return std::unexpected(started.error());
  return pool;
}

Result<> ThreadPool::start(unsigned count) {
  const SignalsBlocked blocked(loop_.kernel());
  try {
    for (unsigned i = 0; i < count; ++i) threads_.emplace_back([s = shared_] { work(s); });
  } catch (const std::system_error& error) {
    return std::unexpected(Errno{error.code().value()});
  }
  return {};
}

ThreadPool::~ThreadPool() {
  List<PoolJob> not_started;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
    not_started.splice_back(shared_->queue);
  }
  shared_->wake.notify_all();
  threads_.clear();  // Joins.
  while (PoolJob* const job = not_started.pop_front()) job->performed();
  harvest();
  shared_->pool = nullptr;
}

std::size_t ThreadPool::queued() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->queued;
}

void ThreadPool::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->wake.wait(lock, [&] { return shared->stop || !shared->queue.empty(); });
    if (shared->stop) return;
    PoolJob& job = *shared->queue.pop_front();
    --shared->queued;
    job.state_ = PoolJob::State::running;

    lock.unlock();
    job.perform();
    lock.lock();

    job.state_ = PoolJob::State::done;
    const bool first = shared->done.empty();
    shared->done.push_back(job);
    shared->ended.notify_all();
    if (!first) continue;  // Whoever was first has posted, and that has not run yet.
    shared->waker.post([shared] {
      if (shared->pool != nullptr) shared->pool->harvest();
    });
  }
}

void ThreadPool::submit(PoolJob& job) {
  {
    const std::lock_guard lock(shared_->mutex);
    job.state_ = PoolJob::State::queued;
    shared_->queue.push_back(job);
    ++shared_->queued;
  }
  shared_->wake.notify_one();
}

// Requires: the lock.
void ThreadPool::take_from_queue(PoolJob& job) {
  job.unlink();
  --shared_->queued;
}

bool ThreadPool::call_off(PoolJob& job) {
  const std::lock_guard lock(shared_->mutex);
  if (job.state_ != PoolJob::State::queued) return false;
  take_from_queue(job);
  return true;
}

void ThreadPool::withdraw(PoolJob& job) {
  std::unique_lock lock(shared_->mutex);
  if (job.state_ == PoolJob::State::queued) return take_from_queue(job);
  shared_->ended.wait(lock, [&] { return job.state_ == PoolJob::State::done; });
  job.unlink();
}

void ThreadPool::harvest() {
  List<PoolJob> done;
  {
    const std::lock_guard lock(shared_->mutex);
    done.splice_back(shared_->done);
  }
  while (PoolJob* const job = done.pop_front()) job->performed();
}

}  // namespace tocsin
