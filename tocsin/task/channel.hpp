// SPDX-License-Identifier: MIT
//
// Channel: a bounded first-in first-out queue between lines of execution.
//
//     send(x) ──> [ senders wait | buffer of `capacity` items | receivers wait ] ──> receive()
//
// Both directions are Operations: whoever has to wait waits in a list that runs through the
// coroutine frames, so that the buffer, made once, is all a Channel ever allocates.
//
// An item is in one place at a time: with its sender until there is room, then in the buffer until
// a receiver goes on. A receiver that is woken has an item set aside, in the buffer; if its frame
// is destroyed before it goes on, the item is for the next one. So cancelling, timing out or
// destroying either side neither loses nor doubles an item: a cancelled receive took nothing, a
// cancelled send left nothing. (The road not taken, to move the item straight into the receiver's
// frame, saves one move and loses the item with the frame.) For the same reason there is no
// capacity 0: a rendezvous would tie an item to two frames, either of which may vanish.
//
// Ownership: the Channel owns the items in its buffer; it must outlive whoever waits in it: declare
// it before the Scope. Thread rule: one thread; between threads there is Waker.
#pragma once

#include <cerrno>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "tocsin/base/list.hpp"
#include "tocsin/base/result.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin {

template <class T>
class Channel {
  static_assert(std::is_nothrow_move_constructible_v<T>, "an item must not be lost on the way");

 public:
  class Send;
  class Receive;

  /// Requires: `capacity` > 0.
  explicit Channel(std::size_t capacity) : slots_(capacity) {
    CHECK(capacity > 0, "a Channel holds at least one item");
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  /// Destroys the items that nobody received. Requires: nobody waits in it.
  ~Channel() {
    CHECK(senders_.empty() && receivers_.empty() && set_aside_ == 0,
          "a Channel was destroyed while somebody waits in it");
  }

  /// Awaiting it puts `item` into the buffer, waiting for room behind the senders that wait
  /// already. Gives EPIPE if the Channel is closed, before or meanwhile; ECANCELED. After a failure
  /// the item is not in the Channel and dies with the awaitable: use `try_send` to keep it.
  Send send(T item) { return Send(*this, std::move(item)); }

  /// Awaiting it takes the oldest item, waiting for one behind the receivers that wait already.
  /// Gives EPIPE once the Channel is closed and its buffer empty (where read(2) of a pipe gives 0:
  /// here no item is special), so `while (auto item = co_await channel.receive())` reads it to the
  /// end; ECANCELED. After a failure nothing was taken.
  Receive receive() { return Receive(*this); }

  /// As `send`, but fails with EAGAIN instead of waiting. Moves from `item` only if it succeeds.
  Result<> try_send(T&& item) {
    if (closed_) return std::unexpected(Errno{EPIPE});
    if (size_ == slots_.size()) return std::unexpected(Errno::again);
    put(std::move(item));
    return {};
  }

  /// As `receive`, but fails with EAGAIN instead of waiting.
  Result<T> try_receive() {
    if (size_ > set_aside_) return take();
    return std::unexpected(closed_ ? Errno{EPIPE} : Errno::again);
  }

  /// No more items: senders, those that wait included, get EPIPE; receivers drain the buffer, then
  /// get EPIPE. A second call does nothing.
  void close() {
    closed_ = true;
    while (Send* send = senders_.pop_front()) send->settle(std::unexpected(Errno{EPIPE}));
    while (Receive* receive = receivers_.pop_front()) receive->settle(Outcome::closed);
  }

  bool is_closed() const { return closed_; }
  std::size_t capacity() const { return slots_.size(); }

  /// Items in the buffer, those included that are set aside for a receiver about to go on.
  std::size_t size() const { return size_; }

 private:
  enum class Outcome : unsigned char { waiting, item, closed, cancelled };

  // Always true: a sender waits only if the buffer is full; a receiver waits only if every item in
  // the buffer is set aside, and neither waits once the Channel is closed.

  void put(T&& item) {
    const std::size_t last = head_ + size_;
    slots_[last < slots_.size() ? last : last - slots_.size()].emplace(std::move(item));
    ++size_;
    offer();
  }

  T take() {
    T item = std::move(*slots_[head_]);
    slots_[head_].reset();
    head_ = head_ + 1 < slots_.size() ? head_ + 1 : 0;
    --size_;
    if (Send* const send = senders_.pop_front()) {
      put(std::move(send->item_));
      send->settle({});
    }
    return item;
  }

  /// An item is free: set it aside for whoever has waited longest.
  void offer() {
    if (Receive* const receive = receivers_.pop_front()) {
      ++set_aside_;
      receive->settle(Outcome::item);
    }
  }

  std::vector<std::optional<T>> slots_;  // A ring: `size_` items from `head_` on.
  std::size_t head_ = 0;
  std::size_t size_ = 0;
  std::size_t set_aside_ = 0;  // For receivers that were woken and have not gone on.
  bool closed_ = false;
  List<Send> senders_;
  List<Receive> receivers_;
};

/// The awaitable of `send`.
template <class T>
class [[nodiscard]] Channel<T>::Send final : public Operation {
 public:
  bool await_ready() {
    result_ = channel_->try_send(std::move(item_));
    return result_.has_value() || result_.error() != Errno::again;
  }
  Result<> await_resume() const { return result_; }

 private:
  friend class Channel;
  Send(Channel& channel, T item) : channel_(&channel), item_(std::move(item)) {}

  void start() override { channel_->senders_.push_back(*this); }
  void abandon() override {
    unlink();
    result_ = std::unexpected(Errno::cancelled);
  }
  void settle(Result<> result) {
    result_ = result;
    resume_later();
  }

  Channel* channel_;
  T item_;
  Result<> result_;
};

/// The awaitable of `receive`.
template <class T>
class [[nodiscard]] Channel<T>::Receive final : public Operation {
 public:
  Receive(Receive&&) = default;
  ~Receive() {
    if (outcome_ != Outcome::item) return;
    --channel_->set_aside_;
    channel_->offer();
  }

  bool await_ready() {
    if (channel_->size_ > channel_->set_aside_) {
      ++channel_->set_aside_;
      outcome_ = Outcome::item;
    } else if (channel_->closed_) {
      outcome_ = Outcome::closed;
    }
    return outcome_ != Outcome::waiting;
  }
  Result<T> await_resume() {
    // Not the Channel's flag: a Channel may be closed and destroyed before its receivers go on.
    if (outcome_ == Outcome::closed) return std::unexpected(Errno{EPIPE});
    if (outcome_ == Outcome::cancelled) return std::unexpected(Errno::cancelled);
    outcome_ = Outcome::waiting;
    --channel_->set_aside_;
    return channel_->take();
  }

 private:
  friend class Channel;
  explicit Receive(Channel& channel) : channel_(&channel) {}

  void start() override { channel_->receivers_.push_back(*this); }
  void abandon() override {
    unlink();
    outcome_ = Outcome::cancelled;
  }
  void settle(Outcome outcome) {
    outcome_ = outcome;
    resume_later();
  }

  Channel* channel_;
  Outcome outcome_ = Outcome::waiting;  // `item`: one in the buffer is set aside for this.
};

}  // namespace tocsin
