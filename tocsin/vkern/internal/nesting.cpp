// SPDX-License-Identifier: MIT
#include "tocsin/vkern/internal/nesting.hpp"

#include <algorithm>
#include <mutex>

#include "tocsin/vkern/epoll.hpp"
#include "tocsin/vkern/system.hpp"

namespace tocsin::vkern::internal {
namespace {

// So many ways of each length may lead up from one file; of length one, any number.
constexpr std::array most_ways{0, 500, 100, 50, 10};
constexpr int circle = 1000;  // More than any depth.

}  // namespace

template <class P>
std::vector<Ref<Epoll<P>>> Nesting<P>::watchers_of(Description<P>& description) {
  std::vector<Ref<Epoll<P>>> watchers;
  const std::lock_guard lock(description.watchers_lock_);
  description.watchers_.for_each(
      [&](WatcherLink& link) { watchers.emplace_back(static_cast<Item<P>&>(link).epoll); });
  return watchers;
}

template <class P>
bool Nesting<P>::is_watched(Epoll<P>& outer) {
  const std::lock_guard lock(outer.lock());
  return outer.self_ != nullptr;
}

// How many links lead down from `epoll`, at most.
template <class P>
int Nesting<P>::depth_below(Epoll<P>& epoll, int depth) {
  if (&epoll == &outer_ || depth > most_links) return circle;
  std::vector<Ref<Description<P>>> watched;
  {
    const std::lock_guard lock(epoll.mutex_);
    epoll.interest_.for_each([&](Item<P>& item) { watched.push_back(item.description); });
  }
  int deepest = 0;
  for (const auto& description : watched) {
    if (Epoll<P>* const inner = description->object().as_epoll())
      deepest = std::max(deepest, 1 + depth_below(*inner, depth + 1));
    else
      files_below_.push_back(description);
    if (deepest >= circle) break;
  }
  return deepest;
}

template <class P>
int Nesting<P>::height_above(Epoll<P>& epoll) {
  Ref<Description<P>> self;
  {
    const std::lock_guard lock(epoll.lock());
    if (epoll.self_ != nullptr) self = Ref<Description<P>>(*epoll.self_);
  }
  if (!self) return 0;
  int highest = 0;
  for (const auto& watcher : watchers_of(*self))
    highest = std::max(highest, 1 + height_above(*watcher));
  return highest;
}

template <class P>
Result<> Nesting<P>::check_depth() {
  Epoll<P>* const inner = target_.object().as_epoll();
  if (inner == nullptr) {
    files_below_.emplace_back(target_);
    return {};
  }
  const int below = depth_below(*inner, 0);
  const bool upward = outer_.system_.options().profile.depth_counts_upward;
  const int above = upward ? height_above(outer_) : 0;
  if (below >= circle || below + 1 + above > most_links) return std::unexpected(Errno{ELOOP});
  return {};
}

// Counts the outermost epolls that a wake-up of `from` reaches, by the links it climbs. False if
// there are too many.
template <class P>
bool Nesting<P>::climb(Description<P>& from, std::size_t length, Counts& ways) {
  if (length > most_links) return false;
  for (const auto& watcher : watchers_of(from)) {
    Ref<Description<P>> self;
    {
      const std::lock_guard lock(watcher->lock());
      if (watcher->self_ != nullptr) self = Ref<Description<P>>(*watcher->self_);
    }
    const bool is_outermost = !self || watchers_of(*self).empty();
    if (is_outermost) {
      if (length > 0 && ++ways[length] > most_ways[length]) return false;
    } else if (!climb(*self, length + 1, ways)) {
      return false;
    }
  }
  return true;
}

template <class P>
Result<> Nesting<P>::check_paths() {
  for (const auto& file : files_below_) {
    Counts ways{};
    if (!climb(*file, 0, ways)) return std::unexpected(Errno::invalid);
  }
  return {};
}

template class Nesting<Single>;
template class Nesting<Threads>;

}  // namespace tocsin::vkern::internal
