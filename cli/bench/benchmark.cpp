// SPDX-License-Identifier: MIT
#include "cli/bench/benchmark.hpp"

#include <fmt/core.h>

#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin::bench {
namespace {

std::string_view advice(Errno error) {
  switch (error.value()) {
    case EMFILE:
      return "; RLIMIT_NOFILE is too low: ulimit -Hn";
    case ENFILE:
      return "; the whole machine has too many open: /proc/sys/fs/file-max";
    case ENOSPC:
      return "; too many registrations: /proc/sys/fs/epoll/max_user_watches";
    default:
      return "";
  }
}

}  // namespace

std::string why_not(std::string_view what, Errno error) {
  return fmt::format("{}: {} ({}){}", what, error.message(), error.name(), advice(error));
}

std::string unit_of(std::string_view unit, Clock clock) {
  return fmt::format("{}{}", unit, clock == Clock::worked ? " CPU" : "");
}

TimePoint now() { return TimePoint{reading_of(Clock::elapsed)}; }

Duration reading_of(Clock clock) {
  const clockid_t id = clock == Clock::elapsed ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
  const timespec time = LinuxKernel::shared().clock_gettime(id).value();
  return std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec};
}

}  // namespace tocsin::bench
