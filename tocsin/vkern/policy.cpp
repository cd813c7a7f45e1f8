// SPDX-License-Identifier: MIT
#include "tocsin/vkern/policy.hpp"

#include "tocsin/vkern/internal/pause.hpp"

namespace tocsin::vkern {

// What is locked here is locked for some tens of nanoseconds: it is worth a look before sleeping.
void FutexLock::lock_slowly() {
  constexpr int looks = 100;
  for (int i = 0; i < looks; ++i) {
    std::uint32_t is_free = 0;
    if (state_.load(std::memory_order_relaxed) == 0 &&
        state_.compare_exchange_weak(is_free, held, std::memory_order_acquire))
      return;
    internal::pause();
  }
  while (state_.exchange(contended, std::memory_order_acquire) != 0)
    state_.wait(contended, std::memory_order_relaxed);
}

}  // namespace tocsin::vkern
