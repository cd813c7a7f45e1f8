// SPDX-License-Identifier: MIT
//
// List: a doubly linked list whose links live inside its elements.
//
// Nothing is allocated, an element leaves in O(1) without knowing which list it is in, and an
// element that is destroyed leaves by itself: that is what lets a coroutine frame be destroyed at
// any suspension point while its awaitable waits in some list. The list owns no element.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <type_traits>

#include "tocsin/base/check.hpp"

namespace tocsin {

/// What makes an element of a List; in at most one list at a time. It has no destructor: derive
/// from ListNode, unless somebody else sees to it that the element leaves its list before it ends.
class ListLink {
 public:
  // Leaves previous_ as it is: every operation of every message is made with this.
  ListLink() {}  // NOLINT(cppcoreguidelines-pro-type-member-init)
  /// Only the value around a link moves, never the link: an awaitable is handed on before it waits.
  ListLink(ListLink&& other) noexcept {  // NOLINT(cppcoreguidelines-pro-type-member-init)
    CHECK(!other.is_linked(), "what is in a list stays where it is");
  }
  ListLink& operator=(ListLink&&) = delete;

  bool is_linked() const { return next_ != nullptr; }

  /// Leaves its list; nothing happens if it is in none.
  void unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = nullptr;
  }

 private:
  template <class T>
  friend class List;

  void link_before(ListLink& place) {
    CHECK(!is_linked(), "an element is in one list at a time");
    previous_ = place.previous_;
    next_ = &place;
    place.previous_->next_ = this;
    place.previous_ = this;
  }

  ListLink* next_ = nullptr;  // Null: not linked. Then the other one means nothing.
  ListLink* previous_;
};

/// An element that leaves its list when it is destroyed.
class ListNode : public ListLink {
 public:
  ListNode() = default;
  ListNode(ListNode&&) = default;
  ~ListNode() { unlink(); }
};

/// A first-in first-out list of T, which derives from ListLink. A list that is destroyed lets its
/// elements go: they are unlinked, not destroyed.
template <class T>
class List {
 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  ~List() {
    clear();
    head_.next_ = nullptr;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next_ == &head_; }

  /// Requires: not empty.
  T& front() {
    CHECK(!empty(), "an empty list has no front");
    return static_cast<T&>(*head_.next_);
  }

  /// Requires: `element` is in no list.
  void push_back(T& element) { static_cast<ListLink&>(element).link_before(head_); }
  void push_front(T& element) { static_cast<ListLink&>(element).link_before(*head_.next_); }

  /// Takes the first element out and returns it, or null if there is none.
  T* pop_front() {
    if (empty()) return nullptr;
    ListLink& first = *head_.next_;
    first.unlink();
    return static_cast<T*>(&first);
  }

  /// Moves everything from `other` to the end of this list, in order, in O(1).
  void splice_back(List& other) {
    if (other.empty()) return;
    ListLink& first = *other.head_.next_;
    ListLink& last = *other.head_.previous_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
    first.previous_ = head_.previous_;
    last.next_ = &head_;
    head_.previous_->next_ = &first;
    head_.previous_ = &last;
  }

  /// Unlinks every element.
  void clear() {
    while (pop_front() != nullptr) {
    }
  }

  /// Calls `visit` with the first elements in order, `most` of them at most. Answers whether those
  /// were all. `visit` changes no list.
  template <class Visit>
  bool visit_first(std::size_t most, Visit visit) const {
    const ListLink* node = head_.next_;
    for (; node != &head_ && most > 0; node = node->next_, --most)
      visit(static_cast<const T&>(*node));
    return node == &head_;
  }

  /// Calls `visit` with each element in order until it answers false. `visit` may unlink the
  /// element it is given, which may be gone after that, and no other.
  template <class Visit>
  void visit_while(Visit visit) {
    for (ListLink* node = head_.next_; node != &head_;) {
      ListLink* const next = node->next_;
      if (!visit(static_cast<T&>(*node))) return;
      node = next;
    }
  }

  /// Calls `visit` with each element in order. `visit` may unlink the element it is given, and no
  /// other.
  template <class Visit>
  void for_each(Visit visit) {
    for (ListLink* node = head_.next_; node != &head_;) {
      ListLink* const next = node->next_;
      visit(static_cast<T&>(*node));
      node = next;
    }
  }

 private:
  ListLink head_;  // The sentinel: a circle, so that no link is ever a special case.
};

}  // namespace tocsin
