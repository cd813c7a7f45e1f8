// SPDX-License-Identifier: MIT
#include "tocsin/kern/linux_futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tocsin {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t),
              "the word that futex(2) looks at is the atomic itself");

timespec absolute(TimePoint when) {
  const std::int64_t length = std::max<std::int64_t>(when.time_since_epoch().count(), 0);
  return {.tv_sec = length / 1'000'000'000, .tv_nsec = length % 1'000'000'000};
}

}  // namespace

bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::optional<TimePoint> deadline) {
  const timespec time = absolute(deadline.value_or(TimePoint{}));
  // FUTEX_WAIT_BITSET, because its deadline is absolute.
  const long failed = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected,
                                deadline ? &time : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
  return failed == 0 || errno != ETIMEDOUT;
}

void futex_wake(const std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

}  // namespace tocsin
