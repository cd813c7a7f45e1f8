// SPDX-License-Identifier: MIT
//
// Queue: a bounded first-in first-out queue between threads that an epoll can wait for.
//
//     send(x) ──> [ ring of `capacity` items ] ──> receive()
//                        └─ EPOLLIN: there is one, EPOLLOUT: there is room ──> EpollHandle
//
// What task's Channel is to coroutines of one loop this is to threads, with the same names and the
// same answers. Beyond it, a queue is a Handle: it is waited for together with other queues,
// counters, pipes and sockets (EpollHandle), or by a loop that runs on the same kernel (`install`).
//
// The ring is made once; to send and to receive allocate nothing, and make no system call unless
// somebody sleeps. Every item is an edge (EPOLLET), and so is every place in a ring that was full.
// Closed, it is EPOLLIN | EPOLLRDHUP | EPOLLHUP and stays so: as a socket whose peer has finished.
//
// Ownership: the items in it are its own, and end with its last handle. Thread rule: as Handle.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "tocsin/base/check.hpp"
#include "tocsin/vkern/handles.hpp"
#include "tocsin/vkern/sleep.hpp"
#include "tocsin/vkern/system.hpp"

namespace tocsin::vkern {

namespace internal {

/// The object of a Queue.
template <class P, class T>
class QueueObject final : public Object<P> {
 public:
  QueueObject(typename P::World& world, std::size_t capacity) : world_(world), slots_(capacity) {}
  ~QueueObject() override = default;

  Mask poll(Description<P>&, PollTable* table, Mask) override {
    const std::lock_guard lock(this->lock());
    if (table != nullptr) table->enter(pollers_);
    Mask ready = 0;
    if (size_ > 0 || closed_) ready |= EPOLLIN | EPOLLRDNORM;
    if (closed_) ready |= EPOLLRDHUP | EPOLLHUP;
    if (size_ < slots_.size() && !closed_) ready |= EPOLLOUT | EPOLLWRNORM;
    return ready;
  }

  /// Until `deadline`; at_once answers EAGAIN. Moves from `item` only if it succeeds.
  Result<> send(T& item, std::optional<TimePoint> deadline) {
    std::unique_lock lock(this->lock());
    const auto may_go_on = [this] { return size_ < slots_.size() || closed_; };
    if (!await(senders_, lock, deadline, may_go_on)) return std::unexpected(Errno::again);
    if (closed_) return std::unexpected(Errno{EPIPE});
    const std::size_t last = head_ + size_;
    slots_[last < slots_.size() ? last : last - slots_.size()].emplace(std::move(item));
    ++size_;
    receivers_.wake(EPOLLIN);
    pollers_.wake(EPOLLIN | EPOLLRDNORM);
    return {};
  }

  Result<T> receive(std::optional<TimePoint> deadline) {
    std::unique_lock lock(this->lock());
    const auto may_go_on = [this] { return size_ > 0 || closed_; };
    if (!await(receivers_, lock, deadline, may_go_on)) return std::unexpected(Errno::again);
    if (size_ == 0) return std::unexpected(Errno{EPIPE});
    const bool was_full = size_ == slots_.size();
    T item = std::move(*slots_[head_]);
    slots_[head_].reset();
    head_ = head_ + 1 < slots_.size() ? head_ + 1 : 0;
    --size_;
    senders_.wake(EPOLLOUT);
    if (was_full && !closed_) pollers_.wake(EPOLLOUT | EPOLLWRNORM);
    return item;
  }

  void finish() {
    const std::lock_guard lock(this->lock());
    closed_ = true;
    senders_.wake_all(0);
    receivers_.wake_all(0);
    pollers_.wake_all(0);
  }

 private:
  bool await(WaitQueue& queue, std::unique_lock<typename P::Lock>& lock,
             std::optional<TimePoint> deadline, auto condition) {
    if (condition()) return true;
    if (deadline == at_once) return false;
    return sleep_until<P>(world_, queue, lock, Queued::exclusive, deadline, condition);
  }

  typename P::World& world_;
  WaitQueue pollers_;
  WaitQueue senders_;
  WaitQueue receivers_;
  std::vector<std::optional<T>> slots_;  // A ring: `size_` items from `head_` on.
  std::size_t head_ = 0;
  std::size_t size_ = 0;
  bool closed_ = false;
};

}  // namespace internal

template <class P, class T>
class Queue : public Handle<P> {
  static_assert(std::is_nothrow_move_constructible_v<T>, "an item must not be lost on the way");
  using Kind = internal::QueueObject<P, T>;

 public:
  /// Requires: `capacity` > 0.
  Queue(System<P>& system, std::size_t capacity)
      : Handle<P>(system, open_new<P>(make_ref<Kind>(system.world(), capacity), O_RDWR)) {
    CHECK(capacity > 0, "a Queue holds at least one item");
  }

  /// Puts `item` into the queue, waiting for room. EPIPE if it is closed, before or meanwhile.
  Result<> send(T item) { return object().send(item, std::nullopt); }
  /// As `send`, but fails with EAGAIN instead of waiting. Moves from `item` only if it succeeds.
  Result<> try_send(T&& item) { return object().send(item, at_once); }

  /// Takes the oldest item, waiting for one. EPIPE once the queue is closed and empty.
  Result<T> receive() { return object().receive(std::nullopt); }
  /// As `receive`, but fails with EAGAIN instead of waiting.
  Result<T> try_receive() { return object().receive(at_once); }

  /// No more items: who sends gets EPIPE; who receives takes what is left, then gets EPIPE. (This
  /// is not the end of the handle, which is `Handle::close`: it ends with its owner.)
  void finish() { object().finish(); }

 private:
  Kind& object() const { return static_cast<Kind&>(this->description().object()); }
};

}  // namespace tocsin::vkern
