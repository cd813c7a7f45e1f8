// SPDX-License-Identifier: MIT
//
// PipeBuffer: the bytes in a pipe, in slots of up to a page, as Linux keeps them (pipe(7)).
//
//     write ──merge, append──> [ slot | slot | slot ] ──take──> read
//
// How full a pipe is counts in slots, not in bytes: 16 writes of 2,049 bytes fill one of 65,536,
// because the second of two never fits behind the first. POLLOUT says that a slot is free; so to
// be right about it is to be right about which write shares a slot with which.
//
// Ownership: the pages, each from the first byte in its slot until the last has been taken.
// Thread rule: one thread at a time: under the pipe's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "tocsin/base/bytes.hpp"

namespace tocsin::vkern {

class PipeBuffer {
 public:
  static constexpr std::size_t page_size = 4096;

  /// Empty, with room for `slots` slots. Requires: one at least.
  explicit PipeBuffer(std::size_t slots) : slots_(slots) {}

  bool empty() const { return filled_.empty(); }
  /// No slot is free. Even so the last one may have room to merge into.
  bool full() const { return filled_.size() >= slots_; }
  std::size_t slots() const { return slots_; }
  /// In all slots together: what FIONREAD answers.
  std::size_t bytes() const;

  /// Whether a write of `length` bytes begins in the slot of the one before: if what it has beyond
  /// whole pages fits there. Never behind a packet, and never in an empty pipe.
  bool merges(std::size_t length) const;
  /// Puts what `bytes` has beyond whole pages, its first bytes, into the last slot, and answers how
  /// many those are. Requires: merges(bytes.size()).
  std::size_t merge(ByteView bytes);
  /// Fills one more slot with the first of `bytes`, a page at most, and answers how many those are.
  /// A packet is read alone and merged with nothing (O_DIRECT, pipe(2)). Requires: it is not full.
  std::size_t append(ByteView bytes, bool is_packet);

  struct Taken {
    std::size_t count;  // Of bytes.
    bool made_room;     // It was full when a slot became free.
  };
  /// Moves the first bytes into `into`, up to its size or to the end of the first packet. What does
  /// not fit of a packet is lost. Requires: room for one byte at least.
  Taken take(MutableBytes into);

  /// Makes it `slots` slots; false, and nothing has changed, if more than that are in use.
  /// Requires: one at least.
  bool resize(std::size_t slots);

  /// As new, with room for `slots` slots. Requires: one at least.
  void reset(std::size_t slots);

 private:
  struct Slot {
    std::unique_ptr<std::byte[]> page;
    std::uint16_t begin;
    std::uint16_t length;
    bool is_packet;
  };

  void free_first();

  std::size_t slots_;
  std::deque<Slot> filled_;
  std::unique_ptr<std::byte[]> spare_;  // The page that was freed last, for the next slot.
};

}  // namespace tocsin::vkern
