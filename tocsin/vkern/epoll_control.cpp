// SPDX-License-Identifier: MIT
//
// Epoll's registrations: epoll_ctl(2), and what ends a registration besides it.
#include <mutex>

#include "tocsin/vkern/epoll.hpp"
#include "tocsin/vkern/internal/nesting.hpp"
#include "tocsin/vkern/system.hpp"

namespace tocsin::vkern {
namespace {

// Shows an object's queues to an item.
template <class P>
class Attaching final : public PollTable {
 public:
  explicit Attaching(Item<P>& item) : item_(item) {}
  void enter(WaitQueue& queue) override { item_.wait_in(queue); }

 private:
  Item<P>& item_;
};

constexpr Mask allowed_with_exclusive =
    EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

}  // namespace

template <class P>
Result<> Epoll<P>::control(int operation, int fd, Description<P>& target,
                           const epoll_event& event) {
  // EPOLLWAKEUP keeps a system from suspending; this one never does (epoll_ctl(2): without
  // CAP_BLOCK_SUSPEND it "is silently ignored").
  internal::Interest interest{.events = event.events & ~static_cast<Mask>(EPOLLWAKEUP),
                              .data = event.data.u64};
  // In the order in which Linux finds fault: what EPOLLEXCLUSIVE forbids comes before anything that
  // depends on what is registered.
  if ((interest.events & EPOLLEXCLUSIVE) != 0) {
    if (operation == EPOLL_CTL_MOD) return std::unexpected(Errno::invalid);
    if (operation == EPOLL_CTL_ADD &&
        (target.object().as_epoll() != nullptr || (interest.events & ~allowed_with_exclusive) != 0))
      return std::unexpected(Errno::invalid);
  }

  interest.events |= EPOLLERR | EPOLLHUP;
  if (operation == EPOLL_CTL_ADD) {
    if (target.object().as_epoll() != nullptr || Nesting::is_watched(*this))
      return add_nested(fd, target, interest);
    const std::lock_guard one_at_a_time(mutex_);
    if (interest_.find(fd, target) != nullptr) return std::unexpected(Errno{EEXIST});
    return add(fd, target, interest);
  }

  const std::lock_guard one_at_a_time(mutex_);
  Item<P>* const item = interest_.find(fd, target);
  switch (operation) {
    case EPOLL_CTL_DEL:
      if (item == nullptr) return std::unexpected(Errno{ENOENT});
      remove(*item);
      return {};
    case EPOLL_CTL_MOD:
      if (item == nullptr) return std::unexpected(Errno{ENOENT});
      if (item->is_exclusive()) return std::unexpected(Errno::invalid);
      modify(*item, interest);
      return {};
    default:
      return std::unexpected(Errno::invalid);
  }
}

template <class P>
Item<P>* Epoll<P>::insert(int fd, Description<P>& target, internal::Interest interest) {
  if (!system_.count_watch()) return nullptr;
  Item<P>& item = interest_.add(*this, fd, Ref<Description<P>>(target), interest);
  const std::lock_guard lock(target.watchers_lock_);
  target.watchers_.push_front(item);
  return &item;
}

// It waits first and looks then, so that nothing can happen unseen in between.
template <class P>
void Epoll<P>::attach(Item<P>& item) {
  Attaching<P> attaching(item);
  if (item.look(&attaching) != 0) make_ready(item);
}

template <class P>
Result<> Epoll<P>::add(int fd, Description<P>& target, internal::Interest interest) {
  Item<P>* const item = insert(fd, target, interest);
  if (item == nullptr) return std::unexpected(Errno{ENOSPC});
  attach(*item);
  return {};
}

// The ways up can only be counted with the new link in place, and counting takes other epolls'
// locks: so it is done between the two halves of adding, with this epoll's mutex released. The
// nesting lock keeps other links from coming meanwhile.
template <class P>
Result<> Epoll<P>::add_nested(int fd, Description<P>& target, internal::Interest interest) {
  const std::lock_guard no_other_links(system_.nesting_lock());
  Nesting nesting(*this, target);
  if (auto done = nesting.check_depth(); !done) return done;

  std::unique_lock one_at_a_time(mutex_);
  if (interest_.find(fd, target) != nullptr) return std::unexpected(Errno{EEXIST});
  Item<P>* const item = insert(fd, target, interest);
  if (item == nullptr) return std::unexpected(Errno{ENOSPC});
  one_at_a_time.unlock();
  const auto checked = nesting.check_paths();
  one_at_a_time.lock();
  if (interest_.find(fd, target) != item) return checked;  // Another thread has ended it.
  if (checked)
    attach(*item);
  else
    remove(*item);
  return checked;
}

template <class P>
void Epoll<P>::modify(Item<P>& item, internal::Interest interest) {
  {
    const std::lock_guard lock(list_lock_);
    item.interest = interest.events;
  }
  item.data = interest.data;
  if (item.look() != 0) make_ready(item);
}

// Lists the item, if it is not yet, and tells whoever waits.
template <class P>
void Epoll<P>::make_ready(Item<P>& item) {
  {
    const std::lock_guard lock(list_lock_);
    if (item.is_ready_listed()) return;
    ready_.push_back(item);
    sleepers_.wake(0);
  }
  wake_pollers();
}

// First it can no longer be told, so that what it is taken off afterwards it cannot come back to.
template <class P>
void Epoll<P>::remove(Item<P>& item) {
  item.stop_waiting();
  {
    const std::lock_guard lock(item.description->watchers_lock_);
    static_cast<internal::WatcherLink&>(item).unlink();
  }
  {
    const std::lock_guard lock(list_lock_);
    static_cast<internal::ReadyLink&>(item).unlink();
  }
  system_.uncount_watch();
  interest_.remove(item);
}

// Each watcher's epoll has to be locked before the list of watchers is, so the first is looked up,
// its epoll locked, and then looked up again: it may have been removed meanwhile, by the epoll.
template <class P>
void Epoll<P>::forget(Description<P>& description) {
  const auto first_watcher = [&]() -> Item<P>* {
    if (description.watchers_.empty()) return nullptr;
    return &static_cast<Item<P>&>(description.watchers_.front());
  };
  while (true) {
    Ref<Epoll<P>> epoll;
    {
      const std::lock_guard lock(description.watchers_lock_);
      Item<P>* const item = first_watcher();
      if (item == nullptr) return;
      epoll = Ref<Epoll<P>>(item->epoll);
    }
    const std::lock_guard one_at_a_time(epoll->mutex_);
    Item<P>* item = nullptr;
    {
      const std::lock_guard lock(description.watchers_lock_);
      item = first_watcher();
    }
    if (item != nullptr && &item->epoll == epoll.get()) epoll->remove(*item);
  }
}

// What the rest of the class and of the kernel calls. (The class itself is instantiated in
// epoll.cpp.)
template Result<> Epoll<Single>::control(int, int, Description<Single>&, const epoll_event&);
template Result<> Epoll<Threads>::control(int, int, Description<Threads>&, const epoll_event&);
template void Epoll<Single>::remove(Item<Single>&);
template void Epoll<Threads>::remove(Item<Threads>&);
template void Epoll<Single>::forget(Description<Single>&);
template void Epoll<Threads>::forget(Description<Threads>&);

}  // namespace tocsin::vkern
