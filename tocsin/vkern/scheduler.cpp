// SPDX-License-Identifier: MIT
#include "tocsin/vkern/scheduler.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "tocsin/base/check.hpp"

namespace tocsin::vkern::internal {
namespace {

// What would be a hang on a machine. Whoever reads it wants to know how many are in it.
[[noreturn]] void stuck(std::size_t asleep, const std::source_location& where) {
  const std::string reason =
      "a call blocks, and nothing is left that could ever end it: threads asleep: " +
      std::to_string(asleep);
  tocsin::internal::check_failed("something can still happen", reason.c_str(), where);
}

}  // namespace

// ---- threads ------------------------------------------------------------------------------------

void Scheduler::spawn(Fiber::Body body) {
  threads_.push_back(
      std::make_unique<Thread>(*stacks_, [this, own = std::move(body)]() mutable { run(own); }));
  make_runnable(*threads_.back());
}

// The first and the last of a thread, on its own stack.
void Scheduler::run(Fiber::Body& body) {
  remove_ended();
  if (!ending_) {
    try {
      body();
    } catch (const Ended&) {  // NOLINT(bugprone-empty-catch): that was its purpose.
    }
  }
  body = nullptr;  // What it holds goes on the stack it was used on.
  just_ended_ = current_;
  ++ended_;
  Thread& next = next_to_run();
  current_ = &next;
  just_ended_->fiber.leave_to(next.fiber);
}

void Scheduler::remove_ended() {
  Thread* const ended = std::exchange(just_ended_, nullptr);
  if (ended == nullptr) return;
  --ended_;
  std::erase_if(threads_, [&](const auto& thread) { return thread.get() == ended; });
}

void Scheduler::end_threads() {
  CHECK(current_ == &main_, "the threads of a world are ended by none of them");
  ending_ = true;
  while (thread_count() > 1) {
    while (!asleep_.empty()) wake(asleep_.front());
    run_until_idle();
  }
  ending_ = false;
}

// ---- who runs -----------------------------------------------------------------------------------

void Scheduler::make_runnable(Thread& thread) {
  runnable_.push_back(thread);
  ++runnable_count_;
}

void Scheduler::wake(Thread& thread) {
  if (!thread.is_asleep) return;
  thread.is_asleep = false;
  thread.unlink();
  --asleep_count_;
  make_runnable(thread);
}

Thread& Scheduler::take(std::size_t index) {
  Thread* found = nullptr;
  runnable_.visit_while([&](Thread& thread) {
    found = &thread;
    return index-- > 0;
  });
  CHECK(found != nullptr, "a choice is among those that can run");
  found->unlink();
  --runnable_count_;
  return *found;
}

std::size_t Scheduler::timed_count() {
  if (!deadlines_any_time_ || asleep_.empty()) return 0;
  std::size_t count = 0;
  asleep_.for_each([&](Thread& thread) { count += thread.deadline ? 1 : 0; });
  return count;
}

// Among those whose deadline could pass now: it does.
Thread& Scheduler::take_timed(std::size_t index) {
  Thread* found = nullptr;
  asleep_.visit_while([&](Thread& thread) {
    if (!thread.deadline) return true;
    found = &thread;
    return index-- > 0;
  });
  CHECK(found != nullptr, "a choice is among those that have a deadline");
  go_on_to(*found->deadline);
  wake(*found);
  found->unlink();
  --runnable_count_;
  return *found;
}

// Who goes on when the current one cannot.
Thread& Scheduler::next_to_run() {
  while (runnable_.empty()) {
    if (until_idle_ != nullptr) return *until_idle_;
    let_time_pass();
  }
  const std::size_t index = choices_.choose(runnable_count_ + timed_count(), who_runs_next);
  return index < runnable_count_ ? take(index) : take_timed(index - runnable_count_);
}

void Scheduler::run_next() { switch_to(next_to_run()); }

void Scheduler::switch_to(Thread& next) {
  if (&next == current_) return;
  Thread& before = *std::exchange(current_, &next);
  before.fiber.switch_to(next.fiber);
  remove_ended();
}

void Scheduler::sleep(std::optional<TimePoint> deadline) {
  Thread& self = *current_;
  if (ending_ && &self != &main_) throw Ended{};
  self.deadline = deadline;
  self.is_asleep = true;
  asleep_.push_back(self);
  ++asleep_count_;
  run_next();
  if (ending_ && &self != &main_) throw Ended{};
}

void Scheduler::yield(const char* site) {
  if (ending_) return;
  const std::size_t index = choices_.choose_to_leave(1 + runnable_count_ + timed_count(), site);
  if (index == 0) return;
  Thread& next =
      index - 1 < runnable_count_ ? take(index - 1) : take_timed(index - 1 - runnable_count_);
  make_runnable(*current_);
  switch_to(next);
}

void Scheduler::run_until_idle() {
  if (runnable_.empty()) return;
  CHECK(until_idle_ == nullptr, "one thread at a time waits for the others to be idle");
  until_idle_ = current_;
  run_next();
  until_idle_ = nullptr;
}

// ---- time ---------------------------------------------------------------------------------------

std::optional<TimePoint> Scheduler::first_deadline() {
  std::optional<TimePoint> first;
  asleep_.for_each([&](Thread& thread) {
    if (thread.deadline && (!first || *thread.deadline < *first)) first = thread.deadline;
  });
  return first;
}

void Scheduler::wake_due(TimePoint time) {
  asleep_.for_each([&](Thread& thread) {
    if (thread.deadline && *thread.deadline <= time) wake(thread);
  });
}

// Alarms before deadlines: what rings may be what a sleeper that is about to give up waits for.
void Scheduler::let_time_pass() {
  const auto alarm = next_alarm();
  const auto deadline = first_deadline();
  if (!alarm && !deadline) stuck(asleep_count_, std::source_location::current());
  const TimePoint time = std::min(alarm.value_or(TimePoint::max()),  //
                                  deadline.value_or(TimePoint::max()));
  go_on_to(time);
  wake_due(time);
}

}  // namespace tocsin::vkern::internal
