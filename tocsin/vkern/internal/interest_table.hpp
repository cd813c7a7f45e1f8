// SPDX-License-Identifier: MIT
//
// InterestTable: the items of one epoll, found by number and description in O(1).
//
// Linux keeps a red-black tree ordered by the address of the description; here it is a vector by
// the descriptor's number, with a chain for the few numbers that name several descriptions (closed
// and opened again while a duplicate lives), so that no order comes from addresses. Items come from
// blocks: one costs no header of an allocator.
//
// Ownership: it owns its items. Thread rule: under the epoll's mutex.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "tocsin/base/check.hpp"
#include "tocsin/vkern/internal/item.hpp"

namespace tocsin::vkern::internal {

template <class P>
class InterestTable {
 public:
  InterestTable() = default;
  InterestTable(const InterestTable&) = delete;
  InterestTable& operator=(const InterestTable&) = delete;
  ~InterestTable() { CHECK(size_ == 0, "an epoll ended before its registrations"); }

  /// Null if there is none.
  Item<P>* find(int number, const Description<P>& description) const {
    if (static_cast<std::size_t>(number) >= by_number_.size()) return nullptr;
    Item<P>* item = by_number_[static_cast<std::size_t>(number)];
    while (item != nullptr && item->description.get() != &description) item = item->next_of_number;
    return item;
  }

  /// Requires: there is none of that number and description.
  Item<P>& add(Epoll<P>& epoll, int number, Ref<Description<P>> description, Interest interest) {
    const auto index = static_cast<std::size_t>(number);
    if (index >= by_number_.size()) by_number_.resize(index + 1);
    Item<P>** end = &by_number_[index];
    while (*end != nullptr) end = &(*end)->next_of_number;
    *end = new (take_place()) Item<P>(epoll, number, std::move(description), interest);
    ++size_;
    return **end;
  }

  /// Destroys it. Requires: it is in no list and waits in no queue.
  void remove(Item<P>& item) {
    Item<P>** place = &by_number_[static_cast<std::size_t>(item.number)];
    while (*place != &item) place = &(*place)->next_of_number;
    *place = item.next_of_number;
    item.~Item<P>();
    free_places_ = new (&item) Place{.next = free_places_};
    --size_;
  }

  std::size_t size() const { return size_; }

  /// Any of them; null if there is none.
  Item<P>* any() const {
    for (Item<P>* item : by_number_)
      if (item != nullptr) return item;
    return nullptr;
  }

  /// Calls `visit` for each, by number and then in the order in which they were added.
  template <class Visit>
  void for_each(Visit visit) const {
    for (Item<P>* item : by_number_)
      for (; item != nullptr; item = item->next_of_number) visit(*item);
  }

 private:
  union Place {
    Place* next;
    alignas(Item<P>) std::byte item[sizeof(Item<P>)];
  };
  static constexpr std::size_t most_in_block = 256;

  void* take_place() {
    if (free_places_ == nullptr) add_block();
    return std::exchange(free_places_, free_places_->next);
  }
  // Each block is as large as all before, so that a few items cost little and many cost few blocks.
  void add_block() {
    const std::size_t count = std::min(most_in_block, std::max<std::size_t>(size_, 4));
    blocks_.push_back(std::make_unique_for_overwrite<Place[]>(count));
    for (std::size_t i = count; i-- > 0;)
      free_places_ = new (&blocks_.back()[i]) Place{.next = free_places_};
  }

  std::vector<Item<P>*> by_number_;
  std::vector<std::unique_ptr<Place[]>> blocks_;
  Place* free_places_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tocsin::vkern::internal
