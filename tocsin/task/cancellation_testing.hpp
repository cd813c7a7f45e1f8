// SPDX-License-Identifier: MIT
//
// The one test of cancellation: whatever can be awaited is walked through by it.
//
//     Scenario (a line that waits n times, and how to complete each wait)
//       └─ every way of ending ── at every one of the n waits ──> nothing is left behind
//
// The method. A fresh scenario is made for each pair of a wait and a way of ending it. Its line is
// started and led to that wait; then it is cancelled, once or twice, or destroyed, or timed out, or
// two of these and its completion happen in the same turn, in both orders. Afterwards everything
// runs until idle. The line must have ended by itself (unless it was destroyed) and the scenario is
// asked what is left: queue, alarms, registrations, counts. That memory is not left either is for
// the address sanitizer to say.
//
// It knows neither ManualExecutor nor Loop: task's own awaitables use the one, those of source, net
// and file the other (with a Loop, `run_until_idle` runs turns that do not wait until nothing
// happens).
//
// Thread rule: one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/executor.hpp"
#include "tocsin/base/list.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/task.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin {

/// A small world with one line of execution in it. It outlives the line.
class CancellationScenario {
 public:
  virtual ~CancellationScenario() = default;

  /// The line to be ended. It waits at least once; when a wait gives ECANCELED (or ETIMEDOUT) it
  /// returns, or goes on to waits that will give the same. Called once.
  virtual Task<> line() = 0;

  /// Makes what the line waits for happen, so that its wait will complete when the executor runs;
  /// runs nothing itself. Called when the line waits, or was just told to end.
  virtual void complete() = 0;

  virtual Executor& executor() = 0;

  /// Runs whatever can run without waiting for anything.
  virtual void run_until_idle() = 0;

  /// What is there that was not before `line`, as a sentence; empty if nothing. Called at the end,
  /// when the line is gone: may take back what `complete` did to nobody.
  virtual std::string left_behind() = 0;
};

using MakeScenario = std::function<std::unique_ptr<CancellationScenario>()>;

namespace internal {

/// The scenario's executor, save that one deadline comes when the test says so: a timeout can
/// expire at any wait, whatever clock the scenario has.
class ExecutorWithHeldDeadline final : public Executor {
 public:
  static constexpr TimePoint held = TimePoint::max() - Duration{1};

  explicit ExecutorWithHeldDeadline(Executor& below) : below_(&below) {}

  void post(Work& work) override { below_->post(work); }
  TimePoint now() const override { return below_->now(); }
  void arm(Alarm& alarm, TimePoint deadline, Duration slack) override {
    if (deadline != held) return below_->arm(alarm, deadline, slack);
    alarm.unlink();
    alarms_.push_back(alarm);
  }

  /// The held deadline has come: its alarms are next in the queue.
  void expire() {
    while (Work* alarm = alarms_.pop_front()) below_->post(*alarm);
  }
  bool has_alarms() const { return !alarms_.empty(); }

 private:
  Executor* below_;
  List<Work> alarms_;
};

enum class Act { cancel, expire, complete, destroy };

struct Ending {
  const char* name;
  std::vector<Act> acts;  // All in one turn: nothing runs in between.
};

inline const std::vector<Ending>& all_endings() {
  using enum Act;
  static const std::vector<Ending> endings{
      {"cancelled", {cancel}},
      {"cancelled twice", {cancel, cancel}},
      {"destroyed", {destroy}},
      {"timed out", {expire}},
      {"cancelled, then completed", {cancel, complete}},
      {"completed, then cancelled", {complete, cancel}},
      {"timed out, then completed", {expire, complete}},
      {"completed, then timed out", {complete, expire}},
      {"cancelled, then timed out", {cancel, expire}},
      {"timed out, then cancelled", {expire, cancel}},
      {"cancelled, then destroyed", {cancel, destroy}},
      {"completed, then destroyed", {complete, destroy}},
      {"timed out, then destroyed", {expire, destroy}},
      {"cancelled, completed, destroyed", {cancel, complete, destroy}},
      {"completed, cancelled, destroyed", {complete, cancel, destroy}},
  };
  return endings;
}

/// One scenario, from the start of its line to what it leaves.
class CancellationWalk {
 public:
  explicit CancellationWalk(std::unique_ptr<CancellationScenario> scenario)
      : scenario_(std::move(scenario)), executor_(scenario_->executor()) {
    scope_.emplace(executor_);
    scope_->spawn(limited(scenario_->line(), ended_));
    scenario_->run_until_idle();
  }

  /// Completes the first `count` waits. Answers whether the line waits now, or has ended before.
  bool lead_to_wait(int count) {
    for (int i = 0; i < count && !ended_; ++i) {
      scenario_->complete();
      scenario_->run_until_idle();
    }
    return !ended_;
  }

  void end(const Ending& ending) {
    for (const Act act : ending.acts) {
      if (act == Act::cancel) scope_->cancel();
      if (act == Act::expire) executor_.expire();
      if (act == Act::complete) scenario_->complete();
      if (act == Act::destroy) scope_.reset();
    }
    scenario_->run_until_idle();
  }

  void expect_nothing_left() {
    if (scope_) {
      EXPECT_TRUE(ended_) << "it did not end by itself";
      EXPECT_EQ(scope_->size(), 0u);
    } else {
      EXPECT_FALSE(ended_) << "it went on after it was destroyed";
    }
    scope_.reset();
    scenario_->run_until_idle();
    EXPECT_FALSE(executor_.has_alarms()) << "its timeout is still armed";
    EXPECT_EQ(scenario_->left_behind(), "");
  }

 private:
  static Task<> limited(Task<> line, bool& ended) {
    (void)co_await deadline(ExecutorWithHeldDeadline::held, std::move(line));
    ended = true;
  }

  std::unique_ptr<CancellationScenario> scenario_;
  ExecutorWithHeldDeadline executor_;
  bool ended_ = false;
  std::optional<Scope> scope_;  // Last: the line goes first.
};

}  // namespace internal

/// Ends the line of a scenario in every way at every wait. Reports failures to GoogleTest, naming
/// the way and the wait. Answers how often the undisturbed line waited: compare it with what you
/// know, or a line that never waits would pass.
inline int walk_through_cancellation(const MakeScenario& make) {
  constexpr int too_many =
      1'000;  // A line whose `complete` completes nothing would go on for ever.
  for (int wait = 0; wait < too_many; ++wait) {
    internal::CancellationWalk undisturbed(make());
    if (!undisturbed.lead_to_wait(wait)) {
      undisturbed.expect_nothing_left();
      return wait;
    }
    for (const internal::Ending& ending : internal::all_endings()) {
      SCOPED_TRACE(std::string(ending.name) + " at wait " + std::to_string(wait));
      internal::CancellationWalk walk(make());
      EXPECT_TRUE(walk.lead_to_wait(wait)) << "a scenario is to be the same each time";
      walk.end(ending);
      walk.expect_nothing_left();
    }
  }
  ADD_FAILURE() << "the line does not end, however often `complete` is called";
  return too_many;
}

}  // namespace tocsin
