// SPDX-License-Identifier: MIT
//
// Description: an open file description (open(2)): what descriptors, forks and messages in flight
// share.
//
//     fd ─┐
//     fd ─┼─ opens ──> [ Description ] ──> Object
//     in flight ─┘          └─ watchers: the epoll items that are registered on it
//
// Two counts. `opens` counts those who can use it: descriptors, SCM_RIGHTS messages in flight,
// calls under way. When the last of them goes, it ends: epolls forget it first, then the object is
// told. References (Ref) only keep its memory; epoll items hold those and nothing else, so no epoll
// can keep a file open, or look at one that is about to end as if it were open.
//
// Ownership: counted. Thread rule: as the policy.
#pragma once

#include <fcntl.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include "tocsin/base/list.hpp"
#include "tocsin/vkern/object.hpp"

namespace tocsin::vkern {

template <class P>
class Item;
namespace internal {
/// An epoll's item as an element of the watchers of what it is registered on.
struct WatcherLink : ListLink {};
template <class P>
class Nesting;
}  // namespace internal

template <class P>
class Description final : public Counted<P> {
 public:
  /// Open once, by whoever makes it. `flags` are open(2)'s: access mode and status flags.
  Description(Ref<Object<P>> object, int flags) : object_(std::move(object)), flags_(flags) {}
  ~Description() = default;

  Object<P>& object() const { return *object_; }

  int flags() const { return flags_.load(std::memory_order_relaxed); }
  void set_flags(int flags) { flags_.store(flags, std::memory_order_relaxed); }
  bool is_nonblocking() const { return (flags() & O_NONBLOCK) != 0; }
  // O_WRONLY | O_RDWR is a mode as well: for neither (open(2), "NOTES").
  bool may_read() const { return has_access(O_RDONLY) || has_access(O_RDWR); }
  bool may_write() const { return has_access(O_WRONLY) || has_access(O_RDWR); }

  /// A number that the object remembers with this opening, set before anybody else knows it: what a
  /// FIFO had seen when this end of it was opened.
  std::uint32_t mark() const { return mark_; }
  void set_mark(std::uint32_t mark) { mark_ = mark; }

  /// One more who can use it. Requires: somebody can, the caller among them.
  void add_open() { opens_.add(); }
  /// One fewer. The last one ends it: nobody watches it any more, and the object is told. It may be
  /// gone then: all openings together hold one reference, the one it was born with.
  void drop_open() {
    if (opens_.drop()) end();
  }
  bool is_open() const { return opens_.value() > 0; }
  bool is_open_once() const { return opens_.value() == 1; }

  /// Of the object: what is true of it now.
  Mask poll(PollTable* table, Mask requested) { return object_->poll(*this, table, requested); }

 private:
  friend class Epoll<P>;  // Its items register here.
  friend class internal::Nesting<P>;

  bool has_access(int mode) const { return (flags() & O_ACCMODE) == mode; }
  void end();

  Ref<Object<P>> object_;
  std::atomic<int> flags_;  // fcntl(2) changes them while others look.
  typename P::Counter opens_{1};
  std::uint32_t mark_ = 0;
  [[no_unique_address]] typename P::Lock watchers_lock_;
  List<internal::WatcherLink> watchers_;
};

/// Open for as long as this lives: what a descriptor, a message in flight or a call holds.
template <class P>
class Open {
 public:
  Open() = default;
  /// Takes over the opening that `description` was made with.
  static Open adopt(Ref<Description<P>> description) {
    Open open;
    open.description_ = description.release();
    return open;
  }
  /// Opens it once more.
  explicit Open(Description<P>& description) : description_(&description) {
    description.add_open();
  }
  Open(const Open& other) : description_(other.description_) {
    if (description_ != nullptr) description_->add_open();
  }
  Open(Open&& other) noexcept : description_(std::exchange(other.description_, nullptr)) {}
  Open& operator=(Open other) noexcept {
    std::swap(description_, other.description_);
    return *this;
  }
  ~Open() {
    if (description_ != nullptr) description_->drop_open();
  }

  Description<P>* get() const { return description_; }
  Description<P>& operator*() const { return *description_; }
  Description<P>* operator->() const { return description_; }
  explicit operator bool() const { return description_ != nullptr; }

 private:
  Description<P>* description_ = nullptr;
};

/// A new object of kind T, opened with `flags`.
template <class P, class T>
Open<P> open_new(Ref<T> object, int flags) {
  return Open<P>::adopt(make_ref<Description<P>>(Ref<Object<P>>(std::move(object)), flags));
}

}  // namespace tocsin::vkern
