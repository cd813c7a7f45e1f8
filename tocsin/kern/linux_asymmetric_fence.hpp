// SPDX-License-Identifier: MIT
//
// write_before_reading, fence_everybody: the order of two threads of which one passes often and the
// other seldom, paid for by the latter.
//
//     often:   write_before_reading(a, 1); b?      seldom:   b = 1; fence_everybody(); a?
//
// At least one of the two sees what the other has written. For that each has to have written before
// it reads, which processors do not do by themselves, and which costs as much as a lock. Here only
// the compiler is kept from swapping the two, and whoever comes seldom has every processor that
// runs a thread of this process get its writes out: membarrier(2),
// MEMBARRIER_CMD_PRIVATE_EXPEDITED, since Linux 4.14. Where a kernel or a sandbox refuses that,
// both pay.
//
// Thread rule: any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace tocsin {

/// Whether membarrier(2) does what is asked of it. Before main, and so before there is a second
/// thread, it may be false.
extern const bool has_membarrier;

/// A release, too.
inline void write_before_reading(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  if (has_membarrier) [[likely]] {
    word.store(value, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    word.exchange(value, std::memory_order_seq_cst);
  }
}

void fence_everybody();

}  // namespace tocsin
