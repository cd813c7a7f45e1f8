// SPDX-License-Identifier: MIT
//
// The kernel under test: what the tests of one run call, instead of naming Linux.
//
//     main of the tests: --kernel=vkern ──> choose_kernel_under_test
//     fixture ──> [ kernel_under_test ] ──> LinuxKernel, or one in user space
//
// So one binary is run once on each kernel, every test of it, and no fixture knows how many there
// are. A test that cannot do without Linux itself begins with ONLY_ON_LINUX and its reason.
//
// Ownership: the kernel is its chooser's and outlives the tests. Thread rule: chosen before the
// first test, then any thread.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {

namespace internal {
inline Kernel*& chosen_kernel() {
  static Kernel* chosen = &LinuxKernel::shared();
  return chosen;
}
}  // namespace internal

inline void choose_kernel_under_test(Kernel& kernel) { internal::chosen_kernel() = &kernel; }

/// The running Linux, unless another one was chosen.
inline Kernel& kernel_under_test() { return *internal::chosen_kernel(); }

/// A file that has no name any more, to read and write; it goes with its descriptor.
inline Fd unnamed_file(Kernel& kernel = kernel_under_test()) {
  const std::string path = "/tmp/tocsin-unnamed-" + std::to_string(LinuxKernel::shared().getpid());
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  Fd file(kernel, kernel.openat(AT_FDCWD, path.c_str(), flags, 0600).value());
  EXPECT_TRUE(kernel.unlinkat(AT_FDCWD, path.c_str(), 0));
  return file;
}

inline bool is_linux_under_test() { return &kernel_under_test() == &LinuxKernel::shared(); }

}  // namespace tocsin

/// Skips the test for ordinary users; `reason` says what they may not.
#define ONLY_AS_ROOT(reason) \
  if (::geteuid() != 0) GTEST_SKIP() << "only as root: " << (reason)

/// Skips the test on any other kernel; `reason` says what of Linux it needs.
#define ONLY_ON_LINUX(reason) \
  if (!tocsin::is_linux_under_test()) GTEST_SKIP() << "only on Linux: " << (reason)
