// SPDX-License-Identifier: MIT
//
// ThreadPool: a few threads for what can only be done by waiting in a system call.
//
//     submit ──> queue ──> [ a thread: PoolJob::perform ] ──> done ──> Waker ──> PoolJob::performed
//
// epoll waits for descriptors. What has none (a regular file, getaddrinfo(3), a library that
// blocks) is done by a thread here, and the loop goes on: that is the plan for everything else.
// `offload` (offload.hpp) awaits any function; the engine of threads (file/) is made of the same.
//
// There is no limit to the queue, and needs to be none: a job lies in the frame, or with the call,
// of whoever waits for it, so the queue is those who wait, first come, first served. What is done
// goes through a list of its own, so that many of them cost one function posted to the loop.
//
// Every signal is blocked in its threads: signals are for the threads of the program's own.
//
// Ownership: the pool owns its threads; jobs are their makers'. The loop must outlive it. It does
// not survive fork(2): a child makes its own. Thread rule: the loop's thread, but for
// PoolJob::perform.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tocsin/base/list.hpp"
#include "tocsin/loop/loop.hpp"

namespace tocsin {

/// Something to be done by a thread. It stays where it is from `submit` until it was performed or
/// called off. Its links are the pool's meanwhile.
class PoolJob : public ListNode {
 protected:
  PoolJob() = default;
  PoolJob(PoolJob&&) = default;
  ~PoolJob() = default;

 private:
  friend class ThreadPool;
  enum class State : std::uint8_t { elsewhere, queued, running, done };

  /// Does it: called on a thread of the pool's, with no lock held.
  virtual void perform() noexcept = 0;

  /// The pool lets go of it: it was performed, or the pool has ended before. Called on the loop's
  /// thread; may destroy it. Runs nothing of the user's by itself, but posts it.
  virtual void performed() = 0;

  State state_ = State::elsewhere;  // Under the pool's lock.
};

class ThreadPool {
 public:
  /// Starts the threads. Fails with EAGAIN where pthread_create(3) does: the system has none left.
  /// Requires: `threads` is not 0.
  static Result<std::unique_ptr<ThreadPool>> create(Loop& loop, unsigned threads = 4);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// What has not started never does, and is let go (ECANCELED, to an `offload`); for what runs
  /// this waits: a thread inside a system call cannot be called back.
  ~ThreadPool();

  Loop& loop() const { return loop_; }

  /// How many threads there are: so many jobs run at the same time, and no more.
  std::size_t threads() const { return threads_.size(); }

  /// How many jobs wait for a thread now. It may be fewer by the time it is looked at.
  std::size_t queued() const;

  // ---- for jobs ---------------------------------------------------------------------------------

  /// Has a thread perform `job`, after those submitted before.
  void submit(PoolJob& job);

  /// Takes `job` back if it has not started: it is its maker's again, and `performed` not called.
  /// False if it has: it runs to its end. Requires: it was submitted, and not yet performed.
  bool call_off(PoolJob& job);

  /// Takes `job` back whatever it does, waiting for its end if it runs: for a maker that is about
  /// to be destroyed. Requires: as call_off.
  void withdraw(PoolJob& job);

 private:
  // What the threads see. It is shared with functions posted to the loop, which may come to their
  // turn when the pool is gone.
  struct Shared {
    explicit Shared(Loop& loop) : waker(loop.waker()) {}

    Waker& waker;
    ThreadPool* pool = nullptr;  // The loop's thread's. Null once it has ended.

    std::mutex mutex;  // Guards the rest.
    std::condition_variable wake;
    std::condition_variable ended;  // Some job, that is.
    List<PoolJob> queue;
    List<PoolJob> done;
    std::size_t queued = 0;
    bool stop = false;
  };

  explicit ThreadPool(Loop& loop);

  Result<> start(unsigned count);
  static void work(const std::shared_ptr<Shared>& shared);
  void take_from_queue(PoolJob& job);
  void harvest();

  Loop& loop_;
  std::shared_ptr<Shared> shared_;
  std::vector<std::jthread> threads_;
};

}  // namespace tocsin
