// SPDX-License-Identifier: MIT
//
// FdTable: the descriptors of one process: small numbers for open file descriptions.
//
//     call(fd, ...) ──> [ FdTable ] ──> Open<P>: the description, open at least until the call ends
//
// A new descriptor is the lowest number that is free, as POSIX demands. A call that may block
// before it has what the number is for, accept(2) or the open(2) of a FIFO, has drawn it by then:
// nobody else is given it, and whoever uses it finds nothing open.
//
// Ownership: each number keeps its description open. Thread rule: as the policy.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "tocsin/vkern/description.hpp"

namespace tocsin::vkern {

template <class P>
class FdTable {
 public:
  explicit FdTable(int most) : most_(most) {}
  /// What a fork gets: the same descriptions under the same numbers.
  FdTable(const FdTable& other);
  FdTable& operator=(const FdTable&) = delete;

  /// The description of `fd`; none if it is not open.
  Open<P> get(int fd) const {
    const std::lock_guard lock(lock_);
    if (!is_open(fd)) return {};
    return slots_[static_cast<std::size_t>(fd)].open;
  }

  /// Under the lowest number that is free and not below `least`. EMFILE if there is none below the
  /// limit.
  Result<int> add(Open<P> open, bool close_on_exec, int least = 0);

  /// A number that is drawn, and given back with this unless it was filled.
  class Drawn {
   public:
    Drawn(FdTable& table, int fd) : table_(&table), fd_(fd) {}
    Drawn(Drawn&& other) noexcept : table_(std::exchange(other.table_, nullptr)), fd_(other.fd_) {}
    Drawn& operator=(Drawn&&) = delete;
    ~Drawn() {
      if (table_ != nullptr) table_->give_back(fd_);
    }
    /// From now on it stands for `open`. Answers the number.
    int fill(Open<P> open) && {
      std::exchange(table_, nullptr)->fill(fd_, std::move(open));
      return fd_;
    }

   private:
    FdTable* table_;
    int fd_;
  };
  /// The lowest number that is free; EMFILE.
  Result<Drawn> draw(bool close_on_exec);

  /// Under `fd`, whatever that was before, which is answered. EBUSY if it is drawn. Requires:
  /// 0 <= fd < limit.
  Result<Open<P>> put(int fd, Open<P> open, bool close_on_exec);

  /// Frees the number and answers what it stood for; none if it is not open.
  Open<P> take(int fd);

  /// Whether it is open, or drawn: select(2) refuses only what is neither.
  bool is_taken(int fd) const {
    const std::lock_guard lock(lock_);
    return fd >= 0 && is_used(static_cast<std::size_t>(fd));
  }

  std::optional<bool> close_on_exec(int fd) const;
  bool set_close_on_exec(int fd, bool close_on_exec);

  /// Closes what execve(2) closes; what everybody's exit closes.
  void exec();
  void close_all();

  int limit() const { return most_; }
  /// Whether there is room for two more.
  bool has_room_for_two() const {
    const std::lock_guard lock(lock_);
    return lowest_free(lowest_free(0) + 1) < static_cast<std::size_t>(most_);
  }
  /// One more than the highest number that was ever used, roughly.
  int size() const {
    const std::lock_guard lock(lock_);
    return static_cast<int>(slots_.size());
  }
  /// How large the kernel's table would be by now: select(2) does not look behind its end.
  int capacity() const;

 private:
  struct Slot {
    Open<P> open;
    bool close_on_exec = false;
  };
  static constexpr std::size_t word_bits = 64;

  bool is_open(int fd) const {
    return fd >= 0 && static_cast<std::size_t>(fd) < slots_.size() &&
           static_cast<bool>(slots_[static_cast<std::size_t>(fd)].open);
  }
  std::size_t lowest_free(std::size_t least) const;
  std::size_t first_not_full(std::size_t word) const;
  void make_room(std::size_t index);
  void mark(std::size_t index, bool used);
  bool is_used(std::size_t index) const {
    return index / word_bits < used_.size() &&
           ((used_[index / word_bits] >> (index % word_bits)) & 1) != 0;
  }
  Result<std::size_t> draw_number(std::size_t least, bool close_on_exec);
  void fill(int fd, Open<P> open);
  void give_back(int fd);
  void close_each(bool only_on_exec);

  int most_;
  [[no_unique_address]] mutable typename P::Lock lock_;
  std::vector<Slot> slots_;
  std::size_t highest_ = 0;          // Number that was ever used.
  std::vector<std::uint64_t> used_;  // A bit a number...
  std::vector<std::uint64_t> full_;  // ... and one for each word of those that has none free.
};

}  // namespace tocsin::vkern
