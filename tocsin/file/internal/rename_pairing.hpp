// SPDX-License-Identifier: MIT
//
// RenamePairing: the two halves of a rename become one event (inotify(7), "Dealing with rename()
// events").
//
//     Notifier ──> push ──> [ RenamePairing ] ──> pop ──> WatchedTree
//                              └─ a first half whose second one is not here yet holds up the rest
//
// inotify queues IN_MOVED_FROM and IN_MOVED_TO one after the other, but not as one: other events
// may come between them, a read may end between them, and the second half never comes if the file
// went to where nobody watches. So a first half waits for the second, for a short time, and what
// came later waits with it: a rename is told where its first half stood.
//
// A decision, without I/O and without a clock: time is an argument. Thread rule: one thread.
#pragma once

#include <deque>
#include <optional>
#include <unordered_set>

#include "tocsin/base/time.hpp"
#include "tocsin/file/internal/file_event.hpp"

namespace tocsin::internal {

class RenamePairing {
 public:
  /// A first half waits `hold` for the second.
  explicit RenamePairing(Duration hold) : hold_(hold) {}

  void push(FileEvent event, TimePoint now);

  /// The next event, if there is one that need not wait. No IN_MOVED_FROM or IN_MOVED_TO comes out:
  /// a pair is one event_rename, a lone half one with the other end unknown.
  std::optional<FileEvent> pop(TimePoint now);

  bool empty() const { return queue_.empty(); }

  /// Until when `pop` gives nothing unless more is pushed. Requires: not empty, and `pop` has just
  /// given nothing.
  TimePoint held_until() const;

 private:
  struct Queued {
    FileEvent event;
    TimePoint since;
  };

  FileEvent take_front();
  std::optional<FileEvent> take_second_half(std::uint32_t cookie);

  const Duration hold_;
  std::deque<Queued> queue_;
  std::unordered_set<std::uint32_t> second_halves_;  // The cookies of those in the queue.
  std::size_t overflows_ = 0;  // In the queue: what was lost there may have been a second half.
};

}  // namespace tocsin::internal
