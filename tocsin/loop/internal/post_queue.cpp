// SPDX-License-Identifier: MIT
#include "tocsin/loop/internal/post_queue.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "tocsin/base/check.hpp"

namespace tocsin::internal {

PostQueue::~PostQueue() {
  clear();
  delete batch_of(state_.load(std::memory_order_acquire));
  delete spare_;
}

void PostQueue::push(Function&& function) {
  Cell& cell = claim();
  cell.function = std::move(function);
  cell.is_full.store(true, std::memory_order_release);
}

// A claim keeps the batch alive: the runner waits for every cell that was claimed.
PostQueue::Cell& PostQueue::claim() {
  const std::uint64_t state = state_.fetch_add(1, std::memory_order_seq_cst);
  const std::uint64_t index = count_of(state);
  if (index >= cells) [[unlikely]]
    return claim_in_new_batch();
  return batch_of(state)->cell[index];
}

// Of those who find the batch full the first puts a new one in its place. The count cannot run over
// into the address: whoever finds it too large adds to it no more.
PostQueue::Cell& PostQueue::claim_in_new_batch() {
  auto fresh = std::make_unique<Batch>();
  CHECK(batch_of(pack(fresh.get(), 0)) == fresh.get(), "an address has more than 48 bits");
  std::uint64_t state = state_.load(std::memory_order_relaxed);
  while (true) {
    const bool is_full = count_of(state) >= cells;
    if (is_full) fresh->other = batch_of(state);
    const std::uint64_t claimed = is_full ? pack(fresh.get(), 1) : state + 1;
    if (!state_.compare_exchange_weak(state, claimed, std::memory_order_seq_cst)) continue;
    return is_full ? fresh.release()->cell[0] : batch_of(state)->cell[count_of(state)];
  }
}

// Takes everything over, oldest first.
void PostQueue::take() {
  if (is_empty(state_.load(std::memory_order_relaxed))) return;
  Batch* const spare = std::exchange(spare_, nullptr);
  const std::uint64_t state =
      state_.exchange(spare == nullptr ? no_batch : pack(spare, 0), std::memory_order_acq_rel);
  std::uint64_t count = std::min(count_of(state), cells);
  for (Batch* batch = batch_of(state); batch != nullptr;) {
    batch->count = std::exchange(count, cells);  // All but the newest were full.
    Batch* const older = std::exchange(batch->other, taken_);
    taken_ = std::exchange(batch, older);
  }
}

void PostQueue::recycle(Batch* batch) {
  batch->other = nullptr;
  if (spare_ == nullptr)
    spare_ = batch;
  else
    delete batch;
}

void PostQueue::run() {
  if (taken_ == nullptr) take();
  while (taken_ != nullptr) {
    while (next_ < taken_->count) {
      Cell& cell = taken_->cell[next_];
      if (!cell.is_full.load(std::memory_order_acquire)) return;  // Its poster is about to.
      ++next_;
      cell.is_full.store(false, std::memory_order_relaxed);
      const struct Emptied {  // Even if it throws.
        Function& function;
        ~Emptied() { function = nullptr; }
      } emptied{cell.function};
      cell.function();
    }
    next_ = 0;
    recycle(std::exchange(taken_, taken_->other));
  }
}

void PostQueue::clear() {
  if (taken_ == nullptr) take();
  while (taken_ != nullptr) {
    for (; next_ < taken_->count; ++next_) {
      taken_->cell[next_].is_full.store(false, std::memory_order_relaxed);
      taken_->cell[next_].function = nullptr;
    }
    next_ = 0;
    recycle(std::exchange(taken_, taken_->other));
    if (taken_ == nullptr) take();
  }
}

}  // namespace tocsin::internal
