// SPDX-License-Identifier: MIT
//
// ManualExecutor: an Executor for tests, with a clock that moves only when it is told to.
//
// Nothing runs before `run_until_idle`, so that "not yet" can be asserted.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <map>

#include "tocsin/base/executor.hpp"

namespace tocsin {

class ManualExecutor final : public Executor {
 public:
  void post(Work& work) override { queue_.push_back(work); }
  TimePoint now() const override { return now_; }
  void arm(Alarm& alarm, TimePoint deadline, Duration) override {
    alarm.unlink();
    alarms_[deadline].push_back(alarm);
  }

  /// Runs what is posted or due, and what that posts, until nothing is left. Answers how much it
  /// ran.
  int run_until_idle() {
    int count = 0;
    for (; Work* work = next(); ++count) work->run();
    return count;
  }

  /// Moves the clock and runs nothing: what has become due is next in the queue.
  void elapse(Duration length) {
    now_ += length;
    take_due();
  }

  /// Moves the clock, stopping at every alarm on the way.
  void advance(Duration length) {
    const TimePoint end = now_ + length;
    run_until_idle();
    while (!alarms_.empty() && alarms_.begin()->first <= end) {
      now_ = std::max(now_, alarms_.begin()->first);
      run_until_idle();
    }
    now_ = end;
  }

  bool is_idle() const { return queue_.empty(); }

  /// Whether an alarm is armed: for tests that nothing was left behind.
  bool has_alarms() const {
    for (const auto& [deadline, alarms] : alarms_)
      if (!alarms.empty()) return true;
    return false;
  }

 private:
  Work* next() {
    if (queue_.empty()) take_due();
    return queue_.pop_front();
  }

  void take_due() {
    while (!alarms_.empty() && alarms_.begin()->first <= now_) {
      queue_.splice_back(alarms_.begin()->second);
      alarms_.erase(alarms_.begin());
    }
  }

  TimePoint now_{};
  List<Work> queue_;
  std::map<TimePoint, List<Work>> alarms_;
};

}  // namespace tocsin
