// SPDX-License-Identifier: MIT
//
// sleep_for, sleep_until: a line of execution waits for an instant, and for nothing else.
//
// The time is the executor's: it stands still during a turn, and in a simulation it is virtual.
// O(1), no allocation, no file descriptor: the alarm lives in the coroutine frame.
//
// Thread rule: the executor's thread.
#pragma once

#include <optional>

#include "tocsin/base/result.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin {

/// Awaiting it gives success once the time has come, ECANCELED if the line was cancelled first.
class [[nodiscard]] Sleep final : public Operation {
 public:
  explicit Sleep(TimePoint until, Duration slack) : until_(until), slack_(slack) {}
  explicit Sleep(Duration length, Duration slack) : length_(length), slack_(slack) {}
  Sleep(Sleep&& other) noexcept
      : Operation(std::move(other)),
        until_(other.until_),
        length_(other.length_),
        slack_(other.slack_) {}

  bool await_ready() const { return false; }
  bool suspend(Waiter waiter) {
    executor_ = &waiter.context->executor();
    return Operation::suspend(waiter);
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }
  Result<> await_resume() const { return result_; }

 private:
  struct Wake final : Alarm {
    explicit Wake(Sleep& owner) : sleep(&owner) {}
    void run() override { sleep->resume(); }
    Sleep* sleep;
  };

  void start() override {
    const TimePoint deadline = length_ ? saturating_add(executor_->now(), *length_) : until_;
    executor_->arm(wake_, deadline, slack_);
  }
  void abandon() override {
    wake_.unlink();
    result_ = std::unexpected(Errno::cancelled);
  }

  TimePoint until_{};
  std::optional<Duration> length_;
  Duration slack_;
  Executor* executor_ = nullptr;  // Set when awaited.
  Result<> result_;
  Wake wake_{*this};
};

/// Waits until `when`; never less, and with `slack` up to that much more, so that neighbours share
/// a wake-up. An instant that is past is due in this turn or the next.
inline Sleep sleep_until(TimePoint when, Duration slack = Duration::zero()) {
  return Sleep(when, slack);
}

/// Waits for `length`, counted from the turn in which it is awaited.
inline Sleep sleep_for(Duration length, Duration slack = Duration::zero()) {
  return Sleep(length, slack);
}

}  // namespace tocsin
