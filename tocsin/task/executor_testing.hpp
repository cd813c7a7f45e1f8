// SPDX-License-Identifier: MIT
//
// ManualExecutor: an Executor for tests, with a clock that moves only when it is told to.
//
//     test ──> [ ManualExecutor ] ──> Machine: a list and a variable, or a loop on some kernel
//
// Nothing runs before `run_until_idle`, so that "not yet" can be asserted. The same tests can be
// run on another executor with such a clock: whoever has one is a Machine, chosen in main.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "tocsin/base/executor.hpp"

namespace tocsin {

class ManualExecutor final : public Executor {
 public:
  /// What it runs on. Each member is the ManualExecutor's of that name.
  class Machine {
   public:
    virtual ~Machine() = default;
    virtual void post(Work& work) = 0;
    virtual TimePoint now() const = 0;
    virtual void arm(Alarm& alarm, TimePoint deadline, Duration slack) = 0;
    virtual int run_until_idle() = 0;
    virtual void elapse(Duration length) = 0;
    virtual void advance(Duration length) = 0;
    virtual bool is_idle() const = 0;
    virtual bool has_alarms() const = 0;
    /// Whether the last two are right at any moment, not only outside a turn when nothing that was
    /// posted has been taken back.
    virtual bool shows_its_queue() const { return false; }
  };
  using MakeMachine = std::unique_ptr<Machine> (*)();

  ManualExecutor() : machine_(chosen_machine()()) {}

  /// Those that are made from now on run on what `make` gives.
  static void choose_machine(MakeMachine make) { chosen_machine() = make; }

  void post(Work& work) override { machine_->post(work); }
  TimePoint now() const override { return machine_->now(); }
  void arm(Alarm& alarm, TimePoint deadline, Duration slack) override {
    machine_->arm(alarm, deadline, slack);
  }

  /// Runs what is posted or due, and what that posts, until nothing is left. Answers how much it
  /// ran.
  int run_until_idle() { return machine_->run_until_idle(); }

  /// Moves the clock and runs nothing: what has become due is next in the queue.
  void elapse(Duration length) { machine_->elapse(length); }

  /// Moves the clock, stopping at every alarm on the way.
  void advance(Duration length) { machine_->advance(length); }

  bool is_idle() const { return machine_->is_idle(); }

  /// Whether an alarm is armed: for tests that nothing was left behind.
  bool has_alarms() const { return machine_->has_alarms(); }

  bool shows_its_queue() const { return machine_->shows_its_queue(); }

 private:
  class ListAndClock;
  static MakeMachine& chosen_machine();

  std::unique_ptr<Machine> machine_;
};

class ManualExecutor::ListAndClock final : public Machine {
 public:
  void post(Work& work) override { queue_.push_back(work); }
  TimePoint now() const override { return now_; }
  void arm(Alarm& alarm, TimePoint deadline, Duration) override {
    alarm.unlink();
    alarms_[deadline].push_back(alarm);
  }
  int run_until_idle() override {
    int count = 0;
    for (; Work* work = next(); ++count) work->run();
    return count;
  }
  void elapse(Duration length) override {
    now_ += length;
    take_due();
  }
  void advance(Duration length) override {
    const TimePoint end = now_ + length;
    run_until_idle();
    while (!alarms_.empty() && alarms_.begin()->first <= end) {
      now_ = std::max(now_, alarms_.begin()->first);
      run_until_idle();
    }
    now_ = end;
  }
  bool is_idle() const override { return queue_.empty(); }
  bool has_alarms() const override {
    for (const auto& [deadline, alarms] : alarms_)
      if (!alarms.empty()) return true;
    return false;
  }
  bool shows_its_queue() const override { return true; }

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

inline ManualExecutor::MakeMachine& ManualExecutor::chosen_machine() {
  static MakeMachine chosen = []() -> std::unique_ptr<Machine> {
    return std::make_unique<ListAndClock>();
  };
  return chosen;
}

}  // namespace tocsin

/// Skips a test that looks into the queue in the middle of it all, if that is a loop's.
#define ONLY_WITH_A_QUEUE_TO_LOOK_INTO(executor) \
  if (!(executor).shows_its_queue()) GTEST_SKIP() << "a loop does not show what is in its queue"
