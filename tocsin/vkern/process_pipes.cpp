// SPDX-License-Identifier: MIT
//
// Process: pipes and FIFOs.
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

template <class P>
Result<std::array<int, 2>> Process<P>::pipe2(int) {
  return std::unexpected(Errno{ENOSYS});
}

template Result<std::array<int, 2>> Process<Single>::pipe2(int);
template Result<std::array<int, 2>> Process<Threads>::pipe2(int);

}  // namespace tocsin::vkern
