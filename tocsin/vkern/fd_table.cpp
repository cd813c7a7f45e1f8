// SPDX-License-Identifier: MIT
#include "tocsin/vkern/fd_table.hpp"

namespace tocsin::vkern {

template <class P>
FdTable<P>::FdTable(const FdTable& other) : most_(other.most_) {
  const std::lock_guard lock(other.lock_);
  slots_ = other.slots_;
  used_ = other.used_;
  full_ = other.full_;
  highest_ = other.highest_;
  for (std::size_t i = 0; i < slots_.size(); ++i)  // What is drawn is so for one process.
    if (is_used(i) && !slots_[i].open) mark(i, false);
}

// In the word of `least` itself, else in the first word after it that is not full.
template <class P>
std::size_t FdTable<P>::lowest_free(std::size_t least) const {
  std::size_t word = least / word_bits;
  if (word >= used_.size()) return least;
  std::uint64_t taken = used_[word] | ((std::uint64_t{1} << (least % word_bits)) - 1);
  if (taken == ~std::uint64_t{0}) {
    word = first_not_full(word + 1);
    taken = word < used_.size() ? used_[word] : 0;
  }
  return word * word_bits + static_cast<std::size_t>(std::countr_one(taken));
}

template <class P>
std::size_t FdTable<P>::first_not_full(std::size_t word) const {
  for (std::size_t i = word / word_bits; i < full_.size(); ++i) {
    std::uint64_t full = full_[i];
    if (i == word / word_bits) full |= (std::uint64_t{1} << (word % word_bits)) - 1;
    if (full != ~std::uint64_t{0})
      return i * word_bits + static_cast<std::size_t>(std::countr_one(full));
  }
  return std::max(word, full_.size() * word_bits);
}

template <class P>
void FdTable<P>::make_room(std::size_t index) {
  if (index >= slots_.size()) slots_.resize(std::max<std::size_t>(index + 1, slots_.size() * 2));
  if (index / word_bits >= used_.size()) used_.resize(slots_.size() / word_bits + 1);
  if (index / word_bits / word_bits >= full_.size()) full_.resize(used_.size() / word_bits + 1);
}

template <class P>
void FdTable<P>::mark(std::size_t index, bool used) {
  const auto set = [](std::vector<std::uint64_t>& words, std::size_t bit, bool value) {
    const std::uint64_t mask = std::uint64_t{1} << (bit % word_bits);
    if (value)
      words[bit / word_bits] |= mask;
    else
      words[bit / word_bits] &= ~mask;
  };
  set(used_, index, used);
  set(full_, index / word_bits, used_[index / word_bits] == ~std::uint64_t{0});
}

// Under the lock.
template <class P>
Result<std::size_t> FdTable<P>::draw_number(std::size_t least, bool close_on_exec) {
  const std::size_t index = lowest_free(least);
  if (index >= static_cast<std::size_t>(most_)) return std::unexpected(Errno{EMFILE});
  make_room(index);
  highest_ = std::max(highest_, index);
  slots_[index].close_on_exec = close_on_exec;
  mark(index, true);
  return index;
}

template <class P>
Result<int> FdTable<P>::add(Open<P> open, bool close_on_exec, int least) {
  const std::lock_guard lock(lock_);
  const auto index = draw_number(static_cast<std::size_t>(least), close_on_exec);
  if (!index) return std::unexpected(index.error());
  slots_[*index].open = std::move(open);
  return static_cast<int>(*index);
}

template <class P>
Result<typename FdTable<P>::Drawn> FdTable<P>::draw(bool close_on_exec) {
  const std::lock_guard lock(lock_);
  const auto index = draw_number(0, close_on_exec);
  if (!index) return std::unexpected(index.error());
  return Drawn(*this, static_cast<int>(*index));
}

template <class P>
void FdTable<P>::fill(int fd, Open<P> open) {
  const std::lock_guard lock(lock_);
  slots_[static_cast<std::size_t>(fd)].open = std::move(open);
}

template <class P>
void FdTable<P>::give_back(int fd) {
  const std::lock_guard lock(lock_);
  mark(static_cast<std::size_t>(fd), false);
}

template <class P>
Result<Open<P>> FdTable<P>::put(int fd, Open<P> open, bool close_on_exec) {
  const std::lock_guard lock(lock_);
  const auto index = static_cast<std::size_t>(fd);
  if (is_used(index) && !slots_[index].open) return std::unexpected(Errno{EBUSY});
  make_room(index);
  highest_ = std::max(highest_, index);
  std::swap(slots_[index].open, open);
  slots_[index].close_on_exec = close_on_exec;
  mark(index, true);
  return open;
}

template <class P>
Open<P> FdTable<P>::take(int fd) {
  const std::lock_guard lock(lock_);
  if (!is_open(fd)) return {};
  const auto index = static_cast<std::size_t>(fd);
  mark(index, false);
  return std::move(slots_[index].open);
}

template <class P>
std::optional<bool> FdTable<P>::close_on_exec(int fd) const {
  const std::lock_guard lock(lock_);
  if (!is_open(fd)) return std::nullopt;
  return slots_[static_cast<std::size_t>(fd)].close_on_exec;
}

template <class P>
bool FdTable<P>::set_close_on_exec(int fd, bool close_on_exec) {
  const std::lock_guard lock(lock_);
  if (!is_open(fd)) return false;
  slots_[static_cast<std::size_t>(fd)].close_on_exec = close_on_exec;
  return true;
}

// It starts with 64 places and grows to powers of two from 256 on.
template <class P>
int FdTable<P>::capacity() const {
  const std::lock_guard lock(lock_);
  if (highest_ < 64) return 64;
  return static_cast<int>(std::bit_ceil(std::max<std::size_t>(highest_ + 1, 256)));
}

// What ends by that ends in the reverse order, as where Linux lets go of files when a call returns.
// Each outside the lock, because closing calls objects.
template <class P>
void FdTable<P>::close_each(bool only_on_exec) {
  std::vector<Open<P>> ending;
  for (int fd = 0; fd < size(); ++fd) {
    if (only_on_exec && !close_on_exec(fd).value_or(false)) continue;
    Open<P> open = take(fd);
    if (open && open->is_open_once()) ending.push_back(std::move(open));
  }
  while (!ending.empty()) ending.pop_back();
}

template <class P>
void FdTable<P>::exec() {
  close_each(true);
}

template <class P>
void FdTable<P>::close_all() {
  close_each(false);
}

template class FdTable<Single>;
template class FdTable<Threads>;

}  // namespace tocsin::vkern
