// SPDX-License-Identifier: MIT
//
// LoopScenario: the world in which awaitables of descriptors are walked through cancellation.
//
//     walk_through_cancellation ──> [ LoopScenario ] ──> Loop ──> ScenarioKernel ──> Linux
//
// The loop and the descriptors are real; the kernel is asked through a double that can put the
// clock ahead, that lets calls fail when a scenario wants them to, and that sees for how long the
// loop would sleep: that is how an alarm that was left armed shows.
//
// Thread rule: one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/cancellation_testing.hpp"

namespace tocsin {

class ScenarioKernel : public ForwardingKernel {
 public:
  Result<timespec> clock_gettime(clockid_t clock) override {
    auto time = below_.clock_gettime(clock);
    if (time) time->tv_sec += ahead.count();
    return time;
  }
  Count epoll_wait(int epfd, std::span<epoll_event> events, int timeout) override {
    would_sleep = timeout == -1 ? Duration::max() : std::chrono::milliseconds(timeout);
    return below_.epoll_wait(epfd, events, 0);
  }
  Count epoll_pwait2(int epfd, std::span<epoll_event> events, const timespec* timeout,
                     const sigset_t* mask) override {
    would_sleep = timeout == nullptr ? Duration::max()
                                     : std::chrono::seconds(timeout->tv_sec) +
                                           std::chrono::nanoseconds(timeout->tv_nsec);
    const timespec none{};
    return below_.epoll_pwait2(epfd, events, &none, mask);
  }

  std::chrono::seconds ahead{0};
  Duration would_sleep{};  // What the loop asked for; it never gets it.
};

/// A scenario's constructor makes what outlives its line, and ends with `set_out`.
template <class K = ScenarioKernel>
class LoopScenario : public CancellationScenario {
 public:
  Executor& executor() override { return *loop_; }

  void run_until_idle() override {
    while (true) {
      const LoopCounters before = loop_->counters();
      if (!loop_->run_once(Duration::zero())) return;
      const LoopCounters& after = loop_->counters();
      if (after.events == before.events && after.left_over == before.left_over &&
          after.works == before.works)
        return;
    }
  }

  std::string left_behind() override {
    static_cast<void>(loop_->run_once(std::nullopt));
    if (kernel.would_sleep != Duration::max()) return "an alarm, or work";
    if (loop_->describe().size() != registrations_) return "a registration";
    return "";
  }

 protected:
  /// What is registered from here on has to be gone at the end.
  void set_out() {
    run_until_idle();
    registrations_ = loop_->describe().size();
  }
  Loop& loop() { return *loop_; }

  K kernel;

 private:
  std::unique_ptr<Loop> loop_ = Loop::create(kernel).value();
  std::size_t registrations_ = 0;
};

template <class S>
int walk() {
  return walk_through_cancellation([] { return std::make_unique<S>(); });
}

}  // namespace tocsin
