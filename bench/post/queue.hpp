// SPDX-License-Identifier: MIT
//
// The queue that the manuals of libev and libuv tell their users to write: neither has a post, both
// have an async watcher that wakes the loop, and say to put a mutex and a queue beside it (ev(3),
// "ev_async", Queueing; libuv's guide to threads, "Inter-thread communication").
//
// Thread rule: `add` on any thread, `run` on the loop's.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace flood {

class Queue {
 public:
  void add(std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }

  /// Runs everything that has been added, outside the lock.
  void run() {
    {
      const std::lock_guard lock(mutex_);
      running_.swap(jobs_);
    }
    for (auto& job : running_) job();
    running_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> jobs_, running_;
};

}  // namespace flood
