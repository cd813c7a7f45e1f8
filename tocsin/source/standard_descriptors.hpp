// SPDX-License-Identifier: MIT
//
// StandardDescriptors: sees to it that the numbers 0, 1 and 2 are nobody else's.
//
//     prog <&-  ──> run ──> [ StandardDescriptors ] ──> Loop, Input, stdout
//
// A program may be started with its standard input closed, or its output. The next descriptor that
// it opens is number 0 then, or 1: an epoll or a socket of its own, which is read for its input, or
// into which it prints. Here the gap is filled, and what is read or written there fails with EBADF
// as if it were still closed: /dev/null is opened for the wrong direction.
//
// Ownership: what it has opened is closed at its end, and in children (close-on-exec). Thread rule:
// made before other threads open anything.
#pragma once

#include <array>

#include "tocsin/kern/fd.hpp"

namespace tocsin {

class StandardDescriptors {
 public:
  /// Fills what is closed of 0, 1 and 2. Where there is no /dev/null it stays closed.
  explicit StandardDescriptors(Kernel& kernel);

 private:
  std::array<Fd, 3> filled_;
};

}  // namespace tocsin
