// SPDX-License-Identifier: MIT
//
// Faults that the exploration has to find: each is a policy like Exploring under which one function
// of the core is as a careless author would have written it.
//
//     faulty policy ──> Epoll<WithoutRecheck>::wait, ... ──> exploring_test.cpp: found, in how many
//
// A member function of a template can be written anew for one argument: so the fault is here, and
// nothing in the library knows of it.
//
// Thread rule: one thread.
#pragma once

#include "tocsin/vkern/exploring_testing.hpp"

namespace tocsin::vkern {

/// epoll_wait(2) looks whether something is ready, and falls asleep without looking again under the
/// lock: what was told in between wakes nobody.
struct WithoutRecheck : Exploring {};

/// A sleeper whose time is up returns, though it was woken at the same moment, and takes the
/// wake-up with it (Linux until 2020, commit 289caf5d8f6c).
struct WithoutLastLook : Exploring {};

/// A harvest that leaves something on the list does not wake the next sleeper for it.
struct WithoutChainWake : Exploring {};

/// What is told while a harvest runs is left to the harvest, which may have passed it already.
struct WithoutOverflow : Exploring {};

/// What was told while a harvest ran is put on the list as it is found: the last first.
struct OverflowBackwards : Exploring {};

/// EPOLL_CTL_ADD looks first and waits then: what happens in between is told to nobody.
struct LookFirst : Exploring {};

template <>
inline Count Epoll<WithoutRecheck>::wait(std::span<epoll_event> events,
                                         std::optional<TimePoint> deadline) {
  while (true) {
    if (const Count found = harvest(events); !found || *found > 0) return found;
    if (deadline == at_once) return Count{0};
    Sleeper sleeper(system_.world());
    {
      const std::lock_guard lock(list_lock_);
      sleepers_.add_exclusive_first(sleeper);
    }
    const bool woken = sleeper.park(deadline);
    const std::lock_guard lock(list_lock_);
    if (sleeper.is_linked()) sleeper.unlink();
    if (!woken) deadline = at_once;
  }
}

template <>
inline Count Epoll<WithoutLastLook>::wait(std::span<epoll_event> events,
                                          std::optional<TimePoint> deadline) {
  while (true) {
    if (const Count found = harvest(events); !found || *found > 0) return found;
    if (deadline == at_once) return Count{0};
    Sleeper sleeper(system_.world());
    {
      const std::lock_guard lock(list_lock_);
      if (has_candidates()) continue;
      sleepers_.add_exclusive_first(sleeper);
    }
    const bool woken = sleeper.park(deadline);
    const std::lock_guard lock(list_lock_);
    sleeper.unlink();
    if (!woken) return Count{0};
  }
}

template <>
inline void Epoll<WithoutChainWake>::end_harvest(List<internal::ReadyLink>& batch) {
  using Item = vkern::Item<WithoutChainWake>;
  const std::lock_guard lock(list_lock_);
  while (overflow_ != nullptr) {
    Item* const item = overflow_;
    overflow_ = std::exchange(item->next_in_overflow, Item::not_in_overflow());
    if (!item->is_ready_listed()) ready_.push_front(*item);
  }
  harvesting_ = false;
  batch.splice_back(ready_);
  ready_.splice_back(batch);
}

template <>
inline Woke Item<WithoutOverflow>::woken(Mask key) {
  const std::lock_guard lock(epoll.list_lock_);
  if (key != 0 && (key & interest) == 0) return Woke::nobody;
  if (!epoll.harvesting_ && !is_ready_listed()) epoll.ready_.push_back(*this);
  epoll.sleepers_.wake(0);
  return Woke::nobody;
}

template <>
inline void Epoll<OverflowBackwards>::end_harvest(List<internal::ReadyLink>& batch) {
  using Item = vkern::Item<OverflowBackwards>;
  const std::lock_guard lock(list_lock_);
  while (overflow_ != nullptr) {
    Item* const item = overflow_;
    overflow_ = std::exchange(item->next_in_overflow, Item::not_in_overflow());
    if (!item->is_ready_listed()) ready_.push_back(*item);
  }
  harvesting_ = false;
  batch.splice_back(ready_);
  ready_.splice_back(batch);
  if (!ready_.empty()) sleepers_.wake(0);
}

template <>
inline void Epoll<LookFirst>::attach(Item<LookFirst>& item) {
  const bool is_ready = item.look() != 0;
  Attaching<LookFirst> attaching(item);
  item.look(&attaching);
  if (is_ready) make_ready(item);
}

}  // namespace tocsin::vkern
