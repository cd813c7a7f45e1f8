// SPDX-License-Identifier: MIT
#include "tocsin/source/standard_descriptors.hpp"

#include <fcntl.h>

#include <utility>

namespace tocsin {

// open(2) takes the lowest number that is free: those below are taken when it comes to `number`.
StandardDescriptors::StandardDescriptors(Kernel& kernel) {
  for (int number = 0; number < 3; ++number) {
    if (kernel.fcntl(number, F_GETFD, 0)) continue;
    const int wrong = number == 0 ? O_WRONLY : O_RDONLY;
    auto fd = own(kernel, kernel.openat(AT_FDCWD, "/dev/null", wrong | O_CLOEXEC, 0));
    if (!fd) return;
    filled_[static_cast<std::size_t>(number)] = std::move(*fd);
  }
}

}  // namespace tocsin
