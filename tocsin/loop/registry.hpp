// SPDX-License-Identifier: MIT
//
// Registry: which registrations there are, by token.
//
// A token is a slot number and the slot's generation, which grows every time the slot is given up:
// so a token is never used twice, and asking whether one is alive is an index and a comparison.
// Slots live in blocks that never move and are never freed before the registry.
//
// Ownership: it owns no source and no fd. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <utility>
#include <vector>

#include "tocsin/base/check.hpp"
#include "tocsin/loop/source.hpp"
#include "tocsin/poll/ready.hpp"

namespace tocsin {

/// One registration of a loop.
struct Registration {
  Source* source = nullptr;    // Null: the slot is free.
  const char* name = nullptr;  // For people; static storage.
  std::source_location where;  // Who made it.
  int fd = -1;
  Ready interest = Ready::none;
  Mode mode;
};

class Registry {
 public:
  Token add(const Registration& registration) {
    CHECK(registration.source != nullptr, "a registration needs a source to call");
    const std::uint32_t index = take_index();
    Slot& slot = slot_at(index);
    slot.registration = registration;
    ++size_;
    return token_of(index, slot.generation);
  }

  /// Null if the registration is gone.
  Registration* find(Token token) {
    const std::uint32_t index = index_of(token);
    if (index >= used_) [[unlikely]]
      return nullptr;
    Slot& slot = slot_at(index);
    // A free slot's generation is one that no token has yet, so this is the whole question.
    return slot.generation == generation_of(token) ? &slot.registration : nullptr;
  }

  /// Requires: it is there.
  void remove(Token token) {
    CHECK(find(token) != nullptr, "a registration was removed twice, or never made");
    Slot& slot = slot_at(index_of(token));
    slot.registration = {};
    --size_;
    // A slot whose generations are used up is left behind rather than used under an old token.
    if (++slot.generation != 0) free_.push_back(index_of(token));
  }

  std::size_t size() const { return size_; }

  /// Calls `visit(token, registration)` for each, in the order of slots.
  template <class Visit>
  void for_each(Visit visit) {
    for (std::uint32_t index = 0; index < used_; ++index) {
      Slot& slot = slot_at(index);
      if (slot.registration.source != nullptr)
        visit(token_of(index, slot.generation), slot.registration);
    }
  }

 private:
  static constexpr std::uint32_t block_bits = 8;
  static constexpr std::uint32_t block_size = 1U << block_bits;

  struct Slot {
    Registration registration;
    std::uint32_t generation = 1;
  };

  static Token token_of(std::uint32_t index, std::uint32_t generation) {
    return Token{(std::uint64_t{generation} << 32) | index};
  }
  static std::uint32_t index_of(Token token) {
    return static_cast<std::uint32_t>(std::to_underlying(token));
  }
  static std::uint32_t generation_of(Token token) {
    return static_cast<std::uint32_t>(std::to_underlying(token) >> 32);
  }
  Slot& slot_at(std::uint32_t index) {
    return blocks_[index >> block_bits][index & (block_size - 1)];
  }

  std::uint32_t take_index() {
    if (!free_.empty()) {
      const std::uint32_t index = free_.back();
      free_.pop_back();
      return index;
    }
    if (used_ == blocks_.size() * block_size) blocks_.emplace_back(new Slot[block_size]);
    return used_++;
  }

  std::vector<std::unique_ptr<Slot[]>> blocks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t used_ = 0;  // Slots that have ever been used.
  std::size_t size_ = 0;
};

}  // namespace tocsin
