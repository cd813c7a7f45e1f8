// SPDX-License-Identifier: MIT
//
// Item: one registration: an epoll's interest in one description, under one number.
//
//     Object's WaitQueue ──> [ Item::woken ] ──> its epoll's ready list, or overflow
//
// It is in up to three lists: ready, overflow, and the watchers of its description; and it waits in
// one queue of its object, seldom in two (a FIFO open for both directions). A server has as many
// items as connections, so their size is looked after: 120 bytes.
//
// Ownership: its epoll's; it refers to its description, and does not keep it open.
// Thread rule: `number`, `data` and what it watches under the epoll's mutex; `interest` is changed
// under both that and the list lock, and read under either; the links of ready and overflow under
// the list lock, or by a harvest; each other list under the lock of that list.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>

#include "tocsin/base/list.hpp"
#include "tocsin/vkern/description.hpp"

namespace tocsin::vkern {

namespace internal {

/// An item as an element of its epoll's ready list.
struct ReadyLink : ListLink {};

/// The bits of an interest that say how, not what. An item with no others is disabled: EPOLLONESHOT
/// leaves it so, deaf even to EPOLLERR and EPOLLHUP.
inline constexpr Mask how_bits = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;

/// An epoll_event that is asked for. It is not packed, as that is: so it stays in registers.
struct Interest {
  Mask events;
  std::uint64_t data;
};

}  // namespace internal

template <class P>
class Item final : public WaitEntry, public internal::ReadyLink, public internal::WatcherLink {
 public:
  Item(Epoll<P>& in, int fd, Ref<Description<P>> of, internal::Interest what)
      : epoll(in), description(std::move(of)), data(what.data), interest(what.events), number(fd) {}

  bool is_ready_listed() const {
    return static_cast<const internal::ReadyLink&>(*this).is_linked();
  }
  bool is_exclusive() const { return (interest & EPOLLEXCLUSIVE) != 0; }

  /// What is ready of what it is interested in.
  Mask look(PollTable* table = nullptr) { return description->poll(table, interest) & interest; }

  /// Waits in `queue`, under the lock of the object that it belongs to.
  void wait_in(WaitQueue& queue);
  /// Waits in no queue any more. Takes the object's lock.
  void stop_waiting();

  Woke woken(Mask key) override;

  Epoll<P>& epoll;
  Ref<Description<P>> description;
  std::uint64_t data;
  Mask interest;
  int number;                      // The descriptor it was registered under.
  Item* next_of_number = nullptr;  // In the interest table.
  Item* next_in_overflow = not_in_overflow();
  /// No item, and not the end of the list either: this one is not in it.
  static Item* not_in_overflow() { return reinterpret_cast<Item*>(alignof(Item)); }

 private:
  struct Second final : WaitEntry {
    explicit Second(Item& whole) : item(whole) {}
    Woke woken(Mask key) override { return item.woken(key); }
    Item& item;
  };

  std::unique_ptr<Second> second_;
};

}  // namespace tocsin::vkern
