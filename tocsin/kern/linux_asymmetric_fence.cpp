// SPDX-License-Identifier: MIT
#include "tocsin/kern/linux_asymmetric_fence.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tocsin/base/check.hpp"

namespace tocsin {
namespace {

// A child of fork(2) is registered as its parent is; execve(2) starts anew, as this does then.
bool register_for_membarrier() {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

}  // namespace

const bool has_membarrier = register_for_membarrier();

void fence_everybody() {
  if (!has_membarrier) return;
  const long failed = ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  CHECK(failed == 0, "membarrier(2) does what it was registered for");
}

}  // namespace tocsin
