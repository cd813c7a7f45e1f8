// SPDX-License-Identifier: MIT
#include "tocsin/loop/deadline_fd.hpp"

#include <algorithm>
#include <utility>

namespace tocsin {

Result<DeadlineFd> DeadlineFd::create(Kernel& kernel) {
  auto fd = own(kernel, kernel.timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!fd) return std::unexpected(fd.error());
  return DeadlineFd(kernel, std::move(*fd));
}

Result<> DeadlineFd::set(std::optional<TimePoint> deadline) {
  if (deadline == set_) return {};
  itimerspec when{};  // All zero disarms (timerfd_settime(2)).
  if (deadline) {
    const auto ticks = std::max<Duration::rep>(deadline->time_since_epoch().count(), 1);
    when.it_value.tv_sec = ticks / 1'000'000'000;
    when.it_value.tv_nsec = ticks % 1'000'000'000;
  }
  if (auto done = kernel_->timerfd_settime(timerfd_.get(), TFD_TIMER_ABSTIME, when); !done)
    return done;
  set_ = deadline;
  return {};
}

}  // namespace tocsin
