// SPDX-License-Identifier: MIT
//
// DeadlineFd: an instant as a descriptor, for a loop that is embedded in a foreign one.
//
// A timerfd of CLOCK_MONOTONIC that is readable from the instant it is set to until it is set
// again (timerfd_create(2): setting it discards expirations that were not read).
//
// Ownership: its fd. Thread rule: the loop's thread.
#pragma once

#include <optional>

#include "tocsin/base/time.hpp"
#include "tocsin/kern/fd.hpp"

namespace tocsin {

class DeadlineFd {
 public:
  /// Fails as timerfd_create(2) does. `kernel` must outlive it.
  static Result<DeadlineFd> create(Kernel& kernel);

  int fd() const { return timerfd_.get(); }

  /// Readable from `deadline` on; nullopt: never. An instant that is past: at once.
  Result<> set(std::optional<TimePoint> deadline);

 private:
  DeadlineFd(Kernel& kernel, Fd timerfd) : kernel_(&kernel), timerfd_(std::move(timerfd)) {}

  Kernel* kernel_;
  Fd timerfd_;
  std::optional<TimePoint> set_;  // What the kernel knows.
};

}  // namespace tocsin
