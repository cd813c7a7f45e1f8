// SPDX-License-Identifier: MIT
//
// Profile: which Linux it is, in the few places where versions answer differently.
//
// Thread rule: a value.
#pragma once

namespace tocsin::vkern {

struct Profile {
  /// epoll_wait(2) finds a bad descriptor before bad arguments (since 6.15); before, the other way.
  bool wait_checks_descriptor_first = true;
  /// A chain of epolls is measured from its outermost link (since 2025); before, from the new one
  /// downward only, so that a chain could be grown outward without limit.
  bool depth_counts_upward = true;
};

}  // namespace tocsin::vkern
