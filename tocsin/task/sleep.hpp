// SPDX-License-Identifier: MIT
//
// sleep_for, sleep_until: a line of execution waits for an instant, and for nothing else.
//
// The time is the executor's: it stands still during a turn, and in a simulation it is virtual.
// O(1), no allocation, no file descriptor: the alarm lives in the coroutine frame.
//
// Thread rule: the executor's thread.
#pragma once

#include <utility>

#include "tocsin/base/result.hpp"
#include "tocsin/task/internal/due.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin {

/// Awaiting it gives success once the time has come, ECANCELED if the line was cancelled first.
class [[nodiscard]] Sleep final : public Operation {
 public:
  Sleep(internal::Due due, Duration slack) : due_(due), slack_(slack) {}
  Sleep(Sleep&& other) noexcept
      : Operation(std::move(other)), due_(other.due_), slack_(other.slack_) {}

  bool await_ready() const { return false; }
  Result<> await_resume() const { return result_; }

 private:
  struct Wake final : Alarm {
    explicit Wake(Sleep& owner) : sleep(&owner) {}
    void run() override { sleep->resume(); }
    Sleep* sleep;
  };

  void start() override { executor().arm(wake_, due_.from(executor().now()), slack_); }
  void abandon() override {
    wake_.unlink();
    result_ = std::unexpected(Errno::cancelled);
  }

  internal::Due due_;
  Duration slack_;
  Result<> result_;
  Wake wake_{*this};
};

/// Waits until `when`; never less, and with `slack` up to that much more, so that neighbours share
/// a wake-up. An instant that is past is due in this turn or the next: the line is still suspended,
/// so that a loop of such sleeps starves nobody.
inline Sleep sleep_until(TimePoint when, Duration slack = Duration::zero()) {
  return Sleep(internal::Due::at(when), slack);
}

/// Waits for `length`, counted from the turn in which it is awaited.
inline Sleep sleep_for(Duration length, Duration slack = Duration::zero()) {
  return Sleep(internal::Due::after(length), slack);
}

}  // namespace tocsin
