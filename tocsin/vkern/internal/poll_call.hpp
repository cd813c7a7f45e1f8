// SPDX-License-Identifier: MIT
//
// PollCall: one poll(2) or select(2): many descriptions, one sleep.
//
//     ppoll, pselect ──> [ PollCall ] ──> Object::poll of each ──> WaitEntry in each queue
//
// Everything is looked at in the order it was given, and again after every wake-up. Up to the first
// that is ready each is also waited in; after it there is no need to.
//
// Each look goes by the numbers: what was closed meanwhile is not open (NVAL), and what another
// thread has put in its place is looked at, but not waited in. Linux does so, and so a poll(2)
// whose descriptor is closed sleeps on until something else wakes it.
//
// A wake-up whose key is not what is wanted does not count; what is not open answers NVAL. One wake
// ends the sleep, however many come.
//
// Ownership: it keeps open what it waits in. Thread rule: one thread; it is woken by any.
#pragma once

#include <poll.h>

#include <atomic>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "tocsin/vkern/description.hpp"
#include "tocsin/vkern/fd_table.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern::internal {

template <class P>
class PollCall {
 public:
  /// Keys of `always_woken_by` make it look again, wanted or not: a select(2) has POLLPRI.
  PollCall(typename P::World& world, FdTable<P>& table, Mask always_woken_by = 0)
      : descriptors_(table), parker_(world), always_woken_by_(always_woken_by) {}
  PollCall(const PollCall&) = delete;
  PollCall& operator=(const PollCall&) = delete;
  ~PollCall() {
    for (Entry& entry : entries_) {
      const std::lock_guard lock(entry.open->object().lock());
      entry.unlink();
    }
    // What is open only here by now ends, the last one first: Linux lets go of files when a call
    // returns, in the reverse order.
    while (!entries_.empty()) entries_.pop_back();
  }

  /// One more; a number that is not open answers POLLNVAL. What is not `wanted` does not end the
  /// wait: a poll(2) wants ERR and HUP always, a select(2) does not.
  void watch(int fd, Mask wanted) { watched_.push_back({.fd = fd, .wanted = wanted, .answer = 0}); }

  /// Until one is ready or `deadline` has passed. Answers how many are.
  std::size_t wait(std::optional<TimePoint> deadline) {
    bool timed_out = deadline == at_once;
    bool enter = !timed_out;
    while (true) {
      told_.store(false, std::memory_order_relaxed);
      const std::size_t found = look(enter);
      enter = false;  // Once is enough: the entries stay.
      if (found > 0 || timed_out) return found;
      timed_out = !parker_.park(deadline);
    }
  }

  /// What the `index`-th that was given answered.
  Mask answer(std::size_t index) const { return watched_[index].answer; }

 private:
  struct Watched {
    int fd;
    Mask wanted;
    Mask answer;
  };

  struct Entry final : WaitEntry {
    Entry(PollCall& of, const Open<P>& in, Mask key) : call(of), open(in), wanted(key) {}
    Woke woken(Mask key) override {
      if (key != 0 && (key & wanted) == 0) return Woke::nobody;
      // One wake is enough for one sleep.
      if (!call.told_.exchange(true, std::memory_order_acq_rel)) call.parker_.wake();
      return Woke::nobody;  // Not exclusive: it does not count.
    }
    PollCall& call;
    Open<P> open;
    Mask wanted;
  };

  class Entering final : public PollTable {
   public:
    Entering(PollCall& call, const Open<P>& open, Mask wanted)
        : call_(call), open_(open), wanted_(wanted) {}
    void enter(WaitQueue& queue) override {
      queue.add(call_.entries_.emplace_back(call_, open_, wanted_));
    }

   private:
    PollCall& call_;
    const Open<P>& open_;
    Mask wanted_;
  };

  std::size_t look(bool enter) {
    std::size_t found = 0;
    for (Watched& one : watched_) {
      one.answer = POLLNVAL;
      if (const Open<P> open = descriptors_.get(one.fd)) {
        Entering entering(*this, open, one.wanted | always_woken_by_);
        PollTable* const table = enter && found == 0 ? &entering : nullptr;
        one.answer = open->poll(table, one.wanted) & one.wanted;
      }
      if (one.answer != 0) ++found;
    }
    return found;
  }

  FdTable<P>& descriptors_;
  std::vector<Watched> watched_;
  std::deque<Entry> entries_;  // They must not move once they wait.
  typename P::Parker parker_;
  Mask always_woken_by_;
  std::atomic<bool> told_ = false;
};

/// The three sets of a select(2): which descriptors are wanted for what, and the answer to it.
class SelectSets {
 public:
  SelectSets(int count, unsigned long* read, unsigned long* write, unsigned long* except)
      : count_(count), read_(read), write_(write), except_(except) {
    for (int fd = 0; fd < count_; ++fd)
      if (const Mask mask = wanted_of(fd); mask != 0) wanted_.emplace_back(fd, mask);
  }

  /// Number and bits of each that is in a set, in ascending order.
  const std::vector<std::pair<int, Mask>>& wanted() const { return wanted_; }

  /// Leaves in the sets what is ready, as `next` answers for each of `wanted()` in turn. Answers
  /// how many bits are left, counting each set. Of the last word of each, the bits beyond `count`
  /// are cleared as well: the kernel writes whole words.
  template <class Next>
  std::size_t answer(Next next) {
    std::size_t left = 0;
    for (unsigned long* const set : {read_, write_, except_})
      if (set != nullptr && count_ % word_bits != 0)
        set[count_ / word_bits] &= (1UL << (count_ % word_bits)) - 1;
    for (const auto& [fd, mask] : wanted_) {
      const Mask ready = next();
      left += keep(read_, fd, (ready & read_bits) != 0);
      left += keep(write_, fd, (ready & write_bits) != 0);
      left += keep(except_, fd, (ready & except_bits) != 0);
    }
    return left;
  }

 private:
  // As poll's bits stand for select's sets (select(2), "Correspondence between select() and poll()
  // notifications").
  static constexpr Mask read_bits = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR | POLLNVAL;
  static constexpr Mask write_bits = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR | POLLNVAL;
  static constexpr Mask except_bits = POLLPRI | POLLNVAL;
  static constexpr int word_bits = 8 * sizeof(unsigned long);

  static bool has(const unsigned long* set, int fd) {
    return set != nullptr && ((set[fd / word_bits] >> (fd % word_bits)) & 1) != 0;
  }
  Mask wanted_of(int fd) const {
    return (has(read_, fd) ? read_bits : 0) | (has(write_, fd) ? write_bits : 0) |
           (has(except_, fd) ? except_bits : 0);
  }
  // Answers 1 if the bit was set and stays.
  static std::size_t keep(unsigned long* set, int fd, bool ready) {
    if (!has(set, fd)) return 0;
    if (!ready) set[fd / word_bits] &= ~(1UL << (fd % word_bits));
    return ready ? 1 : 0;
  }

  int count_;
  unsigned long* read_;
  unsigned long* write_;
  unsigned long* except_;
  std::vector<std::pair<int, Mask>> wanted_;
};

}  // namespace tocsin::vkern::internal
