// SPDX-License-Identifier: MIT
//
// Match: signals of D-Bus as events.
//
//     the bus ──> rule ──> [ queue of the last so many ] ──> co_await match.next() ──> Signal
//
// A reader that is too slow loses the oldest, and is told how many, in their place. Back-pressure,
// the road not taken, would hold up the whole connection: who asks for something because of a
// signal would wait for an answer that is behind the signals that wait for him. A reader that
// awaits nothing else loses nothing: no more than Match::capacity come in a turn of the loop.
//
// Ownership: it owns its place at the bus and its queue. It may outlive its Bus, and then tells
// what is queued, and ECANCELED. Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "tocsin/adapters/sdbus/error.hpp"
#include "tocsin/adapters/sdbus/message.hpp"
#include "tocsin/task/channel.hpp"

namespace tocsin::sdbus {

namespace internal {
class MatchQueue;
}  // namespace internal

struct Signal {
  Message message;
  std::uint64_t lost = 0;  // How many came before this one and were not taken in time.
};

/// See Match::next.
class [[nodiscard]] NextSignal final {
 public:
  explicit NextSignal(std::shared_ptr<internal::MatchQueue> queue);

  bool await_ready() { return receive_.await_ready(); }
  bool suspend(Waiter waiter) { return receive_.suspend(waiter); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return receive_.await_suspend(waiter);
  }
  Outcome<Signal> await_resume();

 private:
  std::shared_ptr<internal::MatchQueue> queue_;  // The match may end before who waits goes on.
  Channel<Message>::Receive receive_;
};

class Match {
 public:
  /// How many signals wait for a slow reader.
  static constexpr std::size_t capacity = 256;

  /// See Bus::match.
  explicit Match(std::shared_ptr<internal::MatchQueue> queue);
  Match(Match&&) noexcept;
  Match& operator=(Match&&) = delete;
  /// Takes the rule back. Who waits gets ECANCELED, after what is queued.
  ~Match();

  /// Waits for the next signal. Several may wait, each signal is for one of them. When the
  /// connection is lost, or the bus refuses the rule (LimitsExceeded), what is queued is told, and
  /// then that: ECONNRESET, or the bus' own error. Fails with ECANCELED; nothing is lost then.
  NextSignal next() { return NextSignal(queue_); }

 private:
  std::shared_ptr<internal::MatchQueue> queue_;  // Null once moved from.
};

}  // namespace tocsin::sdbus

/// It waits for one thing: the channel's next item.
template <>
inline constexpr bool tocsin::is_single_wait<tocsin::sdbus::NextSignal> = true;
