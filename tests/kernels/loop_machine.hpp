// SPDX-License-Identifier: MIT
//
// LoopMachine: what a ManualExecutor runs on in the suites of `task` on vkern: a Loop, as a program
// has it, on a kernel whose clock goes on only when somebody sleeps.
//
//     test ──> ManualExecutor ──> [ LoopMachine ] ──> Loop ──> Kernel: a process of vkern, Single
//
// It knows of the loop what whoever embeds one knows: the descriptor that is readable while a turn
// has something to do (Loop::fd). Whether the loop has alarms is what it has set its timer to.
//
// Ownership: it owns the kernel and the loop. Thread rule: one thread.
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/executor_testing.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin {

class LoopMachine final : public ManualExecutor::Machine {
 public:
  void post(Work& work) override { loop_->post(work); }
  TimePoint now() const override { return TimePoint{clock() - begin_}; }
  void arm(Alarm& alarm, TimePoint deadline, Duration slack) override {
    loop_->arm(alarm, saturating_add(deadline, begin_.time_since_epoch()), slack);
  }

  int run_until_idle() override {
    const std::uint64_t before = loop_->counters().works;
    do EXPECT_TRUE(loop_->run_once(Duration::zero()));
    while (!is_idle());
    return static_cast<int>(loop_->counters().works - before);
  }
  void elapse(Duration length) override { wait(length, {}); }
  void advance(Duration length) override {
    const TimePoint end = now() + length;
    do run_until_idle();
    while (is_readable(end - now()));
  }
  bool is_idle() const override { return !is_readable(Duration::zero()); }
  bool has_alarms() const override {
    // Its timer is set for the last time in a turn.
    if (is_idle()) {
      EXPECT_TRUE(loop_->run_once(Duration::zero()));
    }
    return kernel_.timer_is_set;
  }

 private:
  struct WatchedKernel final : ForwardingKernel {
    using ForwardingKernel::ForwardingKernel;
    Result<> timerfd_settime(int fd, int flags, const itimerspec& value) override {
      timer_is_set = value.it_value.tv_sec != 0 || value.it_value.tv_nsec != 0;
      return below_.timerfd_settime(fd, flags, value);
    }
    bool timer_is_set = false;
  };

  TimePoint clock() const {
    const timespec time = system_.init().clock_gettime(CLOCK_MONOTONIC).value();
    return TimePoint{std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec}};
  }
  bool wait(Duration length, std::span<pollfd> fds) const {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(length);
    const timespec limit{.tv_sec = seconds.count(), .tv_nsec = (length - seconds).count()};
    return system_.init().ppoll(fds, &limit).value() > 0;
  }
  bool is_readable(Duration within) const {
    pollfd look{.fd = loop_->fd().value(), .events = POLLIN, .revents = 0};
    return wait(within, {&look, 1});
  }

  mutable vkern::System<vkern::Single> system_;
  WatchedKernel kernel_{system_.init()};
  std::unique_ptr<Loop> loop_ = Loop::create(kernel_).value();
  TimePoint begin_ = clock();
};

}  // namespace tocsin
