// SPDX-License-Identifier: MIT
//
// Registry: which registrations there are, by token.
//
// A token is a slot number and the slot's generation, which grows every time the slot is given up:
// so a token is never used twice, and asking whether one is alive is an index and a comparison.
// What an event needs (generation and source) lies apart from what only people and epoll_ctl(2)
// need, so that a busy loop reads 16 bytes an event.
//
// Ownership: it owns no source and no fd. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <source_location>
#include <utility>
#include <vector>

#include "tocsin/base/check.hpp"
#include "tocsin/loop/source.hpp"
#include "tocsin/poll/ready.hpp"

namespace tocsin {

/// One registration of a loop, without its source.
struct Registration {
  const char* name = nullptr;  // For people; static storage.
  std::source_location where;  // Who made it.
  int fd = -1;                 // -1: the slot is free.
  Ready interest = Ready::none;
  Mode mode;
};

class Registry {
 public:
  /// Requires: an fd that is not negative.
  Token add(Source& source, const Registration& registration) {
    CHECK(registration.fd >= 0, "a registration is of an open fd");
    const std::uint32_t index = take_index();
    called_[index].source = &source;
    registrations_[index] = registration;
    ++size_;
    return token_of(index, called_[index].generation);
  }

  /// Null if the registration is gone, or never was.
  Source* source_of(Token token) const {
    return index_of(token) < used_ ? source_of_event(token) : nullptr;
  }

  /// As source_of, for a token that an event brought back. Requires: it came from `add`.
  Source* source_of_event(Token token) const {
    const std::uint32_t index = index_of(token);
    // A free slot's generation is one that no token has yet, so this is the whole question.
    const Called& called = called_[index];
    if (called.generation != generation_of(token)) [[unlikely]]
      return nullptr;
    if (called.source == nullptr) __builtin_unreachable();
    return called.source;
  }

  /// Null if the registration is gone.
  Registration* find(Token token) {
    return source_of(token) == nullptr ? nullptr : &registrations_[index_of(token)];
  }

  /// The poller has taken the registration: from here on its fd's number means this one. Requires:
  /// it is there.
  void take_fd(Token token) {
    CHECK(source_of(token) != nullptr, "an fd is taken for a registration that is there");
    const std::uint32_t index = index_of(token);
    const auto fd = static_cast<std::size_t>(registrations_[index].fd);
    if (fd >= by_fd_.size()) by_fd_.resize(fd + 1);
    by_fd_[fd] = index;
  }

  /// Whether its fd's number means this registration still. If not, the fd that it is about was
  /// closed, and another file was registered under the same number. Requires: it is there.
  bool has_fd(Token token) const {
    CHECK(source_of(token) != nullptr, "it was asked of a registration that is gone");
    const std::uint32_t index = index_of(token);
    return by_fd_[static_cast<std::size_t>(registrations_[index].fd)] == index;
  }

  /// Requires: it is there.
  void remove(Token token) {
    CHECK(source_of(token) != nullptr, "a registration was removed twice, or never made");
    const std::uint32_t index = index_of(token);
    called_[index].source = nullptr;
    registrations_[index] = {};
    --size_;
    // A slot whose generations are used up is left behind rather than used under an old token.
    if (++called_[index].generation != 0) free_.push_back(index);
  }

  std::size_t size() const { return size_; }

  /// Calls `visit(token, registration)` for each, in the order of slots.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::uint32_t index = 0; index < registrations_.size(); ++index)
      if (registrations_[index].fd >= 0)
        visit(token_of(index, called_[index].generation), registrations_[index]);
  }

 private:
  struct Called {
    Source* source = nullptr;
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

  std::uint32_t take_index() {
    if (!free_.empty()) {
      const std::uint32_t index = free_.back();
      free_.pop_back();
      return index;
    }
    called_.emplace_back();
    registrations_.emplace_back();
    return used_++;
  }

  std::vector<Called> called_;
  std::vector<Registration> registrations_;  // By the same index.
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> by_fd_;  // The slot that took each number last.
  std::uint32_t used_ = 0;            // Slots there are.
  std::size_t size_ = 0;
};

}  // namespace tocsin
