// SPDX-License-Identifier: MIT
#include "tocsin/vkern/policy.hpp"

#include "tocsin/base/cpu_relax.hpp"
#include "tocsin/kern/linux_futex.hpp"

namespace tocsin::vkern {

// What is locked here is locked for some tens of nanoseconds: it is worth a look before sleeping.
void FutexLock::lock_slowly() {
  const auto take = [this] {
    std::uint32_t is_free = 0;
    return held_.load(std::memory_order_seq_cst) == 0 &&
           held_.compare_exchange_strong(is_free, 1, std::memory_order_acquire);
  };
  constexpr int looks = 100;
  for (int i = 0; i < looks; ++i) {
    if (take()) return;
    cpu_relax();
  }
  // Whoever lets go either has done so by the end of the fence, which is seen, or sees a sleeper.
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  fence_everybody();
  while (!take()) futex_wait(held_, 1);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void FutexLock::wake_one() { futex_wake(held_); }

}  // namespace tocsin::vkern
