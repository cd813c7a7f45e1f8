// SPDX-License-Identifier: MIT
//
// ForkGuard: tells whether the process has forked since, for the price of one load.
//
// It keeps a page that the kernel wipes in every forked child (madvise(2), MADV_WIPEONFORK, since
// Linux 4.14). No pthread_atfork handler, no getpid(2) a turn. In a kernel without it, no fork is
// noticed.
//
// Ownership: the page. Thread rule: any thread may ask.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "tocsin/kern/kernel.hpp"

namespace tocsin {

class ForkGuard {
 public:
  /// Fails as mmap(2) does: ENOMEM. `kernel` must outlive the guard.
  static Result<ForkGuard> create(Kernel& kernel) {
    const auto page = kernel.mmap(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    if (!page) return std::unexpected(page.error());
    static_cast<void>(kernel.madvise(*page, length, MADV_WIPEONFORK));  // Best effort, see above.
    return ForkGuard(kernel, new (*page) Mark(1));
  }
  ForkGuard(ForkGuard&& other) noexcept
      : kernel_(other.kernel_), mark_(std::exchange(other.mark_, nullptr)) {}
  ForkGuard& operator=(ForkGuard&&) = delete;
  ~ForkGuard() {
    if (mark_ != nullptr) static_cast<void>(kernel_->munmap(mark_, length));
  }

  /// Whether this process is a child, forked since the guard was made or reset.
  bool in_child() const { return mark_->load(std::memory_order_relaxed) == 0; }

  /// From here on this process counts as the one the guard was made in.
  void reset() { mark_->store(1, std::memory_order_relaxed); }

 private:
  using Mark = std::atomic<std::uint32_t>;
  static constexpr std::size_t length = 4096;

  ForkGuard(Kernel& kernel, Mark* mark) : kernel_(&kernel), mark_(mark) {}

  Kernel* kernel_;
  Mark* mark_;  // In the page; 0 once it was wiped.
};

}  // namespace tocsin
