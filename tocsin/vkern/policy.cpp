// SPDX-License-Identifier: MIT
#include "tocsin/vkern/policy.hpp"

#include "tocsin/vkern/internal/futex.hpp"
#include "tocsin/vkern/internal/pause.hpp"

namespace tocsin::vkern {

// What is locked here is locked for some tens of nanoseconds: it is worth a look before sleeping.
void FutexLock::lock_slowly() {
  const auto take = [this] {
    std::uint32_t is_free = 0;
    return held_.load(std::memory_order_relaxed) == 0 &&
           held_.compare_exchange_strong(is_free, 1, std::memory_order_acquire);
  };
  constexpr int looks = 100;
  for (int i = 0; i < looks; ++i) {
    if (take()) return;
    internal::pause();
  }
  // Whoever lets go from here on either does so before the fence, and is seen to have, or sees that
  // somebody sleeps.
  sleepers_.fetch_add(1, std::memory_order_relaxed);
  internal::dear_fence();
  while (!take()) internal::futex_wait(held_, 1);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void FutexLock::wake_one() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  internal::futex_wake(held_);
}

}  // namespace tocsin::vkern
