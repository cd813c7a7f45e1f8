// SPDX-License-Identifier: MIT
//
// Scheduler: the threads of a world that has one: fibers, of which one runs until it blocks.
//
//     spawn ──> runnable ──(a choice)──> current ──sleep──> asleep ──wake or deadline──> runnable
//
// The context that everything was called from is a thread like the others, the main one: while it
// sleeps, they run. Nobody is interrupted: who runs next is chosen when the current one sleeps,
// ends or yields, among those who could. Time passes when nobody can run, and only then; with a
// `deadlines_any_time` scheduler a deadline may pass at each choice, as on a machine that is slow.
//
// A thread that is ended in its sleep is unwound: `sleep` throws what only this file catches. So
// what lies on its stack ends as it would have by a return.
//
// Ownership: it owns its threads, and ends them. Thread rule: one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "tocsin/base/list.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/vkern/choices.hpp"
#include "tocsin/vkern/fiber.hpp"

namespace tocsin::vkern::internal {

/// One thread of a scheduler; nothing in it is anybody else's to change.
class Thread final : public ListLink {
 public:
  /// The main one.
  Thread() = default;
  Thread(Stacks& stacks, Fiber::Body body) : fiber(stacks, std::move(body)) {}

  Fiber fiber;
  std::optional<TimePoint> deadline;  // While it is asleep.
  bool is_asleep = false;
};

class Scheduler {
 public:
  /// The site of the choices that are made when the current thread cannot go on.
  static constexpr const char* who_runs_next = "who runs next";

  /// Who runs next is decided by `choices`.
  explicit Scheduler(Choices choices) : choices_(std::move(choices)) {}
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  /// Requires: `end_threads` was called.
  virtual ~Scheduler() = default;

  /// Makes a thread that runs `body` as soon as it is chosen; not at once.
  void spawn(Fiber::Body body);

  Thread& current() { return *current_; }

  /// The current thread sleeps until it is woken or `deadline` has come, and others run meanwhile.
  /// If none of them can ever run again, a CHECK says how many are asleep.
  void sleep(std::optional<TimePoint> deadline);
  /// Ends the sleep of `thread`; it runs when it is chosen. Nothing happens if it is not asleep.
  void wake(Thread& thread);
  /// Lets another one run, if the choice at `site` falls on it.
  void yield(const char* site);

  /// Runs the others until each has ended or is asleep. Time stands still.
  void run_until_idle();

  /// Unwinds all threads but the current one, in the order of their making. Afterwards there are no
  /// others. Requires: the main one calls; who is unwound does not block again.
  void end_threads();

  /// How many there are that have not ended, and that are asleep; the main one is among them.
  std::size_t thread_count() const { return 1 + threads_.size() - ended_; }
  std::size_t asleep_count() const { return asleep_count_; }

  /// See above. For those who look for what can happen, not for what does.
  void let_deadlines_pass_any_time() { deadlines_any_time_ = true; }

  /// Takes stacks from `stacks`, which outlive this, instead of its own: for many short worlds.
  void use_stacks(Stacks& stacks) { stacks_ = &stacks; }

  Choices& choices() { return choices_; }

 protected:
  /// When time has something to do besides ending sleeps.
  virtual std::optional<TimePoint> next_alarm() const = 0;
  /// Lets time go on to `time`, if it is not there yet, and rings what is due.
  virtual void go_on_to(TimePoint time) = 0;

  /// Ends the sleep of all whose deadline is not after `time`.
  void wake_due(TimePoint time);
  std::optional<TimePoint> first_deadline();

 private:
  struct Ended {};  // Thrown by the sleep of a thread that is ended.

  void run(Fiber::Body& body);
  std::size_t timed_count();
  Thread& take(std::size_t index);
  Thread& take_timed(std::size_t index);
  void make_runnable(Thread& thread);
  void run_next();
  Thread& next_to_run();
  void let_time_pass();
  void switch_to(Thread& next);
  void remove_ended();

  Choices choices_;
  Stacks own_stacks_;
  Stacks* stacks_ = &own_stacks_;
  Thread main_;
  Thread* current_ = &main_;
  Thread* until_idle_ = nullptr;  // Who is in run_until_idle.
  Thread* just_ended_ = nullptr;  // Its stack goes once another one runs.
  std::vector<std::unique_ptr<Thread>> threads_;
  std::size_t ended_ = 0;
  List<Thread> runnable_;  // Without the current one; in the order in which they became so.
  List<Thread> asleep_;    // In the order in which they fell asleep.
  std::size_t runnable_count_ = 0;
  std::size_t asleep_count_ = 0;
  bool deadlines_any_time_ = false;
  bool ending_ = false;
};

}  // namespace tocsin::vkern::internal
