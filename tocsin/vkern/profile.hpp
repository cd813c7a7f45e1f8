// SPDX-License-Identifier: MIT
//
// Profile: which Linux it is, in the few places where versions answer differently.
//
//     the running kernel ──three probes──> [ Profile ] ──SystemOptions──> System
//
// The default is the Linux of today. To be held against a kernel that runs, a System takes the
// profile of that one; it is found out by asking, not by a version number: changes like these are
// taken back to older branches.
//
// Thread rule: a value.
#pragma once

namespace tocsin {
class Kernel;
}

namespace tocsin::vkern {

struct Profile {
  /// epoll_wait(2) finds a bad descriptor before bad arguments (since 6.15); before, the other way.
  bool wait_checks_descriptor_first = true;
  /// A chain of epolls is measured from its outermost link (since 2025); before, from the new one
  /// downward only, so that a chain could be grown inward without limit.
  bool depth_counts_upward = true;
  /// A pipe that somebody has waited for tells of every write; from 5.5 to 5.14 only of one that
  /// found it empty, so that who had an edge and did not read all had no other.
  bool polled_pipe_tells_each_write = true;

  bool operator==(const Profile&) const = default;

  /// What `kernel` does. It is asked with a few descriptors, all closed again. Where it has none
  /// left (EMFILE), the answer is the default.
  static Profile of(Kernel& kernel);
  /// Of the Linux that this runs on.
  static Profile of_running_kernel();
};

}  // namespace tocsin::vkern
