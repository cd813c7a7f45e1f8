// SPDX-License-Identifier: MIT
//
// WaitQueue: who is to be told when the state of an object changes.
//
//     Object ──wake(key)──> [ WaitQueue ] ──> WaitEntry::woken: a sleeper, an epoll item, a poll()
//
// As in Linux there are two kinds of entries. Non-exclusive ones are (mostly) inserted at the head,
// and all are told; exclusive ones at the tail, and no more are told than the waker says. So one
// wake-up reaches the non-exclusive entries in the reverse order of their coming, then the
// exclusive ones in the order of theirs. The key says what has happened, in poll's bits; 0 says
// "look yourself".
//
// Ownership: an entry is its owner's, who removes it before either ends.
// Thread rule: everything here under the lock of the object that the queue belongs to.
#pragma once

#include <cstdint>

#include "tocsin/base/list.hpp"
#include "tocsin/vkern/policy.hpp"

namespace tocsin::vkern {

/// Readiness in the bits of poll(2) and epoll_ctl(2): EPOLLIN, EPOLLRDNORM, ...
using Mask = std::uint32_t;

/// What an entry did when it was told.
enum class Woke {
  nobody,    // It goes on to the next: what every non-exclusive entry answers.
  somebody,  // An exclusive entry made use of it, and counts as one of those to be woken.
};

class WaitEntry : public ListLink {
 public:
  /// Something has happened; `key` is what, or 0. It may unlink this entry, and no other. It runs
  /// under the object's lock: it may not call the object, nor take a lock that comes before that.
  virtual Woke woken(Mask key) = 0;

 protected:
  WaitEntry() = default;
  ~WaitEntry() = default;
};

class WaitQueue {
 public:
  bool empty() const { return entries_.empty(); }

  void add(WaitEntry& entry) { entries_.push_front(entry); }
  void add_exclusive(WaitEntry& entry) { entries_.push_back(entry); }
  /// A non-exclusive entry that is told last, or not at all if there are exclusive ones: some
  /// blocked calls wait so.
  void add_last(WaitEntry& entry) { entries_.push_back(entry); }
  /// An exclusive entry that is told before those that came earlier: epoll_wait(2) sleeps so.
  void add_exclusive_first(WaitEntry& entry) { entries_.push_front(entry); }

  /// Tells every non-exclusive entry that comes before the `most`-th exclusive one that woke
  /// somebody. `most` 0: all.
  void wake(Mask key, int most = 1) {
    int left = most;
    entries_.visit_while(
        [&](WaitEntry& entry) { return entry.woken(key) == Woke::nobody || --left != 0; });
  }
  void wake_all(Mask key) { wake(key, 0); }

 private:
  List<WaitEntry> entries_;
};

}  // namespace tocsin::vkern
