// SPDX-License-Identifier: MIT
#include "tocsin/vkern/epoll.hpp"

#include <cinttypes>
#include <cstdio>
#include <mutex>

#include "tocsin/vkern/system.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

// ---- being told ---------------------------------------------------------------------------------

template <class P>
void Item<P>::wait_in(WaitQueue& queue) {
  WaitEntry* entry = this;
  if (WaitEntry::is_linked()) {
    second_ = std::make_unique<Second>(*this);
    entry = second_.get();
  }
  if (is_exclusive())
    queue.add_exclusive(*entry);
  else
    queue.add(*entry);
}

template <class P>
void Item<P>::stop_waiting() {
  const std::lock_guard lock(description->object().lock());
  WaitEntry::unlink();
  if (second_) second_->unlink();
}

namespace {

// Whether waking a sleeper for `key` makes good use of it, as far as an exclusive item is concerned
// (EPOLLEXCLUSIVE, epoll_ctl(2)): what it did not ask for leaves the wake-up for the next.
bool uses_wake_up(Mask interest, Mask key) {
  switch (key & (EPOLLIN | EPOLLOUT)) {
    case EPOLLIN:
      return (interest & EPOLLIN) != 0;
    case EPOLLOUT:
      return (interest & EPOLLOUT) != 0;
    case 0:
      return true;
    default:
      return false;
  }
}

}  // namespace

template <class P>
Woke Item<P>::woken(Mask key) {
  bool used = false;
  {
    const std::lock_guard lock(epoll.list_lock_);
    if ((interest & ~internal::how_bits) == 0) return Woke::nobody;  // Disabled: deaf.
    if (key != 0 && (key & interest) == 0) return Woke::nobody;
    if (epoll.harvesting_) {
      // The harvest may have passed it already, so it is noted even if it is on the list.
      if (next_in_overflow == not_in_overflow())
        next_in_overflow = std::exchange(epoll.overflow_, this);
    } else if (!is_ready_listed()) {
      epoll.ready_.push_back(*this);
    }
    if (!epoll.sleepers_.empty()) {
      used = is_exclusive() && uses_wake_up(interest, key);
      epoll.sleepers_.wake(0);
    }
  }
  epoll.wake_pollers();
  return used ? Woke::somebody : Woke::nobody;
}

// Whoever waits for the epoll itself is told each time, even if the item was listed before: so an
// outer, edge-triggered registration fires with each wake-up of an inner one.
template <class P>
void Epoll<P>::wake_pollers() {
  if (!ever_polled_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(this->lock());
  pollers_.wake_all(EPOLLIN);
}

// ---- harvesting ---------------------------------------------------------------------------------

template <class P>
void Epoll<P>::begin_harvest(List<internal::ReadyLink>& batch) {
  const std::lock_guard lock(list_lock_);
  batch.splice_back(ready_);
  harvesting_ = true;
}

// The ready list is, from its head: what the harvest did not come to, then who was told meanwhile
// in the order of that, then what the harvest put back.
template <class P>
void Epoll<P>::end_harvest(List<internal::ReadyLink>& batch) {
  const std::lock_guard lock(list_lock_);
  while (overflow_ != nullptr) {  // Last first; each to the head, so the first ends up there.
    Item<P>* const item = overflow_;
    overflow_ = std::exchange(item->next_in_overflow, Item<P>::not_in_overflow());
    if (!item->is_ready_listed()) ready_.push_front(*item);
  }
  harvesting_ = false;
  batch.splice_back(ready_);
  ready_.splice_back(batch);
  // What is left is somebody else's to fetch. A level-triggered item that was put back wakes the
  // next sleeper so, and that one the next: Linux' thundering herd.
  if (!ready_.empty()) sleepers_.wake(0);
}

template <class P>
void Epoll<P>::disable(Item<P>& item) {
  const std::lock_guard lock(list_lock_);
  item.interest &= internal::how_bits;
}

template <class P>
Count Epoll<P>::deliver(List<internal::ReadyLink>& batch, std::span<epoll_event> events) {
  std::size_t delivered = 0;
  while (delivered < events.size()) {
    internal::ReadyLink* const link = batch.pop_front();
    if (link == nullptr) break;
    auto& item = static_cast<Item<P>&>(*link);
    const Mask ready = item.look();
    if (ready == 0) continue;  // Stale. It comes back with its next wake-up.
    if (events.data() == nullptr) {
      batch.push_front(item);
      return std::unexpected(Errno{EFAULT});
    }
    events[delivered++] = {.events = ready, .data = {.u64 = item.data}};
    // While it harvests, the ready list is its own: who is told goes to the overflow.
    if ((item.interest & EPOLLONESHOT) != 0)
      disable(item);
    else if ((item.interest & EPOLLET) == 0)
      ready_.push_back(item);
  }
  return delivered;
}

template <class P>
Count Epoll<P>::harvest(std::span<epoll_event> events) {
  const std::lock_guard one_at_a_time(mutex_);
  List<internal::ReadyLink> batch;
  begin_harvest(batch);
  const Count delivered = deliver(batch, events);
  end_harvest(batch);
  return delivered;
}

// ---- epoll_wait(2) ------------------------------------------------------------------------------

// One call of epoll_wait(2) that sleeps. Whoever wakes it takes it off the list, so that the next
// wake-up is for the next sleeper.
template <class P>
class Epoll<P>::Sleeper final : public WaitEntry {
 public:
  explicit Sleeper(typename P::World& world) : parker_(world) {}
  // Still linked only if its thread is ended in its sleep, which happens where there are no locks.
  ~Sleeper() { this->unlink(); }
  Woke woken(Mask) override {
    this->unlink();
    parker_.wake();
    return Woke::somebody;
  }
  bool park(std::optional<TimePoint> deadline) { return parker_.park(deadline); }

 private:
  typename P::Parker parker_;
};

template <class P>
Count Epoll<P>::wait(std::span<epoll_event> events, std::optional<TimePoint> deadline) {
  bool worth_a_look = false;
  {
    const std::lock_guard lock(list_lock_);
    worth_a_look = has_candidates();
  }
  if (worth_a_look)
    if (const Count found = harvest(events); !found || *found > 0) return found;
  if (deadline == at_once) return 0;
  return wait_asleep(events, deadline);
}

template <class P>
Count Epoll<P>::wait_asleep(std::span<epoll_event> events, std::optional<TimePoint> deadline) {
  bool timed_out = false;
  bool worth_a_look = false;
  while (true) {
    if (worth_a_look)
      if (const Count found = harvest(events); !found || *found > 0) return found;
    if (timed_out) return 0;
    Sleeper sleeper(system_.world());
    worth_a_look = true;
    {
      // Whether it sleeps is known here and only here: once the lock is released it may be woken,
      // and is whoever wakes it's to touch until it has parked.
      const std::lock_guard lock(list_lock_);
      if (has_candidates()) continue;
      sleepers_.add_exclusive_first(sleeper);
    }
    if (sleeper.park(deadline)) continue;
    timed_out = true;
    const std::lock_guard lock(list_lock_);
    // Timed out, but woken as well: the wake-up was meant for this sleeper, who has to use it.
    worth_a_look = !sleeper.is_linked();
    sleeper.unlink();
  }
}

// ---- as an object -------------------------------------------------------------------------------

// Ready if something on the list really is. What is not is taken off; the order of the rest stays.
template <class P>
Mask Epoll<P>::poll(Description<P>& description, PollTable* table, Mask) {
  if (table != nullptr) {
    const std::lock_guard lock(this->lock());
    ever_polled_.store(true, std::memory_order_relaxed);
    self_ = &description;
    table->enter(pollers_);
  }
  const std::lock_guard one_at_a_time(mutex_);
  List<internal::ReadyLink> batch;
  begin_harvest(batch);
  Mask ready = 0;
  while (internal::ReadyLink* const link = batch.pop_front()) {
    auto& item = static_cast<Item<P>&>(*link);
    if (item.look() == 0) continue;
    batch.push_front(item);
    ready = EPOLLIN | EPOLLRDNORM;
    break;
  }
  end_harvest(batch);
  return ready;
}

template <class P>
void Epoll<P>::released(Description<P>&) {
  {
    const std::lock_guard lock(this->lock());
    self_ = nullptr;
    pollers_.wake_all(0);
  }
  const std::lock_guard one_at_a_time(mutex_);
  while (Item<P>* const item = interest_.any()) remove(*item);
}

// As proc(5) shows it. The kernel's order is that of addresses; this is by number.
template <class P>
std::string Epoll<P>::fdinfo() const {
  std::string text;
  const std::lock_guard one_at_a_time(mutex_);
  interest_.for_each([&](const Item<P>& item) {
    char line[128];
    std::snprintf(line, sizeof line,
                  "tfd: %8d events: %8x data: %16" PRIx64 "  pos:0 ino:0 sdev:0\n", item.number,
                  item.interest, item.data);
    text += line;
  });
  return text;
}

template class Item<Single>;
template class Item<Threads>;
template class Epoll<Single>;
template class Epoll<Threads>;

}  // namespace tocsin::vkern
