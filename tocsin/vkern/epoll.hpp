// SPDX-License-Identifier: MIT
//
// Epoll: an event poll object (epoll(7)): who is interested in what, and what may be ready.
//
//     Object's WaitQueue ──> Item::woken ──> [ ready list ] ──harvest──> epoll_event[]
//                                  └─ while a harvest runs: [ overflow ] ──┘
//
// The ready list is lazy: an item is put on it when its object tells that something has happened,
// and is looked at when somebody harvests. One that is not ready by then keeps its place until a
// harvest passes it. Level-triggered items go to the end of the list again when they are delivered;
// edge-triggered ones come back with their next wake-up. That is all there is to the order of
// epoll_wait(2), which is part of what this keeps to the letter.
//
// Three locks, taken in this order, and an object's lock between the second and the third:
//   mutex_     one harvest or epoll_ctl(2) at a time; from an outer epoll to an inner one
//   (lock() of the object an item waits in)
//   lock()     of this epoll as an object: who waits for it in poll(2) or in an outer epoll
//   list_lock_ the ready list, the overflow and the sleepers
//
// Ownership: counted. Its items hold references to descriptions, never openings.
// Thread rule: as the policy.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "tocsin/base/list.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/vkern/description.hpp"
#include "tocsin/vkern/internal/interest_table.hpp"
#include "tocsin/vkern/internal/item.hpp"

namespace tocsin::vkern {

namespace internal {
template <class P>
class Nesting;
}

template <class P>
class Epoll final : public Object<P> {
 public:
  explicit Epoll(System<P>& system) : system_(system) { this->set_is_epoll(); }
  ~Epoll() override = default;

  /// epoll_ctl(2), for a target that can be waited for and is not this epoll itself. Fails with
  /// EEXIST, ENOENT, EINVAL, ELOOP, ENOSPC as there; after a failure nothing has changed.
  Result<> control(int operation, int fd, Description<P>& target, const epoll_event& event);

  /// epoll_wait(2), until `deadline` (nullopt: for ever; or at_once). Fails with EFAULT if `events`
  /// is null and there is something to store. Requires: room for one event at least.
  Count wait(std::span<epoll_event> events, std::optional<TimePoint> deadline);

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                    void* argument) override;
  void released(Description<P>& description) override;
  bool can_read() const override { return false; }
  bool can_write() const override { return false; }
  std::string fdinfo() const override;

  /// Ends every registration of `description`, which ends.
  static void forget(Description<P>& description);

 private:
  friend class Item<P>;
  class Sleeper;
  using Lock = typename P::Lock;
  using Nesting = internal::Nesting<P>;
  friend Nesting;

  // epoll_control.cpp; under the mutex.
  Result<> add(int fd, Description<P>& target, internal::Interest interest);
  Result<> add_nested(int fd, Description<P>& target, internal::Interest interest);
  Item<P>* insert(int fd, Description<P>& target, internal::Interest interest);
  void attach(Item<P>& item);
  void modify(Item<P>& item, internal::Interest interest);
  void remove(Item<P>& item);

  Count wait_asleep(std::span<epoll_event> events, std::optional<TimePoint> deadline);
  bool has_candidates() const { return harvesting_ || !ready_.empty(); }
  Count harvest(std::span<epoll_event> events);
  void begin_harvest(List<internal::ReadyLink>& batch);
  void end_harvest(List<internal::ReadyLink>& batch);
  Count deliver(List<internal::ReadyLink>& batch, std::span<epoll_event> events);
  void make_ready(Item<P>& item);
  void disable(Item<P>& item);
  void wake_pollers();

  // struct epoll_params.
  struct BusyPoll {
    std::uint32_t microseconds;
    std::uint16_t budget;
    std::uint8_t prefer;
    std::uint8_t padding;
  };

  System<P>& system_;
  WaitQueue pollers_;  // Those who wait for this epoll itself: poll(2), outer epolls.
  std::atomic<bool> ever_polled_ = false;  // Whether it is worth looking at them.
  BusyPoll busy_poll_{};                   // Under lock().
  Description<P>* self_ = nullptr;         // While it is open and polled; under lock().
  [[no_unique_address]] mutable Lock mutex_;
  internal::InterestTable<P> interest_;

  [[no_unique_address]] Lock list_lock_;
  List<internal::ReadyLink> ready_;  // The harvester's alone while there is one.
  Item<P>* overflow_ = nullptr;      // Who was told while a harvest ran, last first.
  bool harvesting_ = false;
  WaitQueue sleepers_;  // In epoll_wait(2): the last to come is woken first.
};

template <class P>
Epoll<P>* Object<P>::as_epoll() {
  return is_epoll_ ? static_cast<Epoll<P>*>(this) : nullptr;
}

}  // namespace tocsin::vkern
