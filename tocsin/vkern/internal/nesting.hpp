// SPDX-License-Identifier: MIT
//
// Nesting: whether an epoll may watch another one (epoll_ctl(2), ELOOP and EINVAL).
//
//     epoll_ctl(ADD) ──> [ Nesting ] ──> downward: what the target watches
//                                   └──> upward: who watches this epoll
//
// No epoll may wait for itself, directly or not; no chain may be longer than four links; and the
// number of ways in which one wake-up can climb to an outermost epoll is limited by their length,
// or it could be made to grow without bounds.
//
// Thread rule: under the system's nesting lock, with no epoll's mutex held.
#pragma once

#include <array>
#include <vector>

#include "tocsin/vkern/description.hpp"

namespace tocsin::vkern::internal {

template <class P>
class Nesting {
 public:
  /// For `outer`, which is about to watch `target`.
  Nesting(Epoll<P>& outer, Description<P>& target) : outer_(outer), target_(target) {}

  /// ELOOP if the link would close a circle or make a chain of more than four links.
  Result<> check_depth();

  /// EINVAL if a wake-up of what is below the new link would find too many ways up. Requires: the
  /// link is there.
  Result<> check_paths();

  /// Whether `outer` is watched by anybody: whether there is anything to check besides the target.
  static bool is_watched(Epoll<P>& outer);

 private:
  static constexpr int most_links = 4;

  using Counts = std::array<int, most_links + 1>;

  int depth_below(Epoll<P>& epoll, int depth);
  static int height_above(Epoll<P>& epoll);
  static std::vector<Ref<Epoll<P>>> watchers_of(Description<P>& description);
  static bool climb(Description<P>& from, std::size_t length, Counts& ways);

  Epoll<P>& outer_;
  Description<P>& target_;
  std::vector<Ref<Description<P>>> files_below_;  // What is no epoll, seen by depth_below.
};

}  // namespace tocsin::vkern::internal
