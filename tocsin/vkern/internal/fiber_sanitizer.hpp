// SPDX-License-Identifier: MIT
//
// FiberSanitizer: tells the sanitizer that the program is built with, if any, that another stack is
// about to be run on. Without one it is empty.
//
// A sanitizer keeps the bounds of the stack (address), or a shadow of the calls on it (thread); a
// switch behind its back makes it report what is none.
//
// Thread rule: as Fiber.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TOCSIN_FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define TOCSIN_FIBER_TSAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define TOCSIN_FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define TOCSIN_FIBER_TSAN 1
#endif

#if defined(TOCSIN_FIBER_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(TOCSIN_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace tocsin::vkern::internal {

#if defined(TOCSIN_FIBER_ASAN)

/// One fiber, as the address sanitizer knows it.
class FiberSanitizer {
 public:
  /// It runs on a stack of its own: from `bottom`, the lowest address. Another one may have ended
  /// on it, in frames that it never returned from.
  void has_stack(void* bottom, std::size_t size) {
    __asan_unpoison_memory_region(bottom, size);
    bottom_ = bottom;
    size_ = size;
  }
  /// The last thing before the switch from this one to `next`.
  void leave(FiberSanitizer& next, bool for_good) {
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_, next.bottom_, next.size_);
  }
  /// The first thing after a switch to this one. `from` is told the bounds of its own stack, which
  /// the main context does not know.
  void arrive(FiberSanitizer& from) {
    __sanitizer_finish_switch_fiber(fake_stack_, &from.bottom_, &from.size_);
  }

 private:
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
};

#elif defined(TOCSIN_FIBER_TSAN)

/// One fiber, as the thread sanitizer knows it.
class FiberSanitizer {
 public:
  FiberSanitizer() = default;
  FiberSanitizer(const FiberSanitizer&) = delete;
  FiberSanitizer& operator=(const FiberSanitizer&) = delete;
  ~FiberSanitizer() {
    if (is_own_) __tsan_destroy_fiber(fiber_);
  }
  void has_stack(void*, std::size_t) {
    fiber_ = __tsan_create_fiber(0);
    is_own_ = true;
  }
  // Not instrumented itself: it would be entered on one stack and left on another.
  __attribute__((no_sanitize("thread"))) void leave(FiberSanitizer& next, bool) {
    if (!is_own_) fiber_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(next.fiber_, 0);
  }
  void arrive(FiberSanitizer&) {}

 private:
  void* fiber_ = nullptr;
  bool is_own_ = false;
};

#else

class FiberSanitizer {
 public:
  void has_stack(void*, std::size_t) {}
  void leave(FiberSanitizer&, bool) {}
  void arrive(FiberSanitizer&) {}
};

#endif

}  // namespace tocsin::vkern::internal
