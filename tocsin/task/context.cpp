// SPDX-License-Identifier: MIT
#include "tocsin/task/context.hpp"

namespace tocsin::internal {

void run_handed_over() {
  while (next_coroutine) std::exchange(next_coroutine, nullptr).resume();
}

}  // namespace tocsin::internal
