// SPDX-License-Identifier: MIT
//
// cheap_fence, dear_fence: a fence between two threads of which one passes often and the other
// seldom, paid for by the latter.
//
//     often:  write a; cheap_fence(); read b        seldom:  write b; dear_fence(); read a
//
// At least one of the two sees what the other has written, as if both had a fence of full strength.
// The cheap one costs nothing: it only keeps the compiler from swapping the two. The dear one has
// every processor that runs a thread of this process pass such a fence: membarrier(2),
// MEMBARRIER_CMD_PRIVATE_EXPEDITED, since Linux 4.14. Where a kernel or a sandbox refuses that,
// both are ordinary fences.
//
// Thread rule: any thread.
#pragma once

#include <atomic>

namespace tocsin::vkern::internal {

/// Whether membarrier(2) does what is asked of it. Before main, and so before there is a second
/// thread, it may be false.
extern const bool has_membarrier;

inline void cheap_fence() {
  if (has_membarrier) [[likely]]
    std::atomic_signal_fence(std::memory_order_seq_cst);
  else
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

void dear_fence();

}  // namespace tocsin::vkern::internal
