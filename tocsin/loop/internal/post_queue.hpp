// SPDX-License-Identifier: MIT
//
// PostQueue: functions from any number of threads, for one that runs them. Internal to loop.
//
//     any thread ──> push ──> [ batches of cells ] ──> run ──> the loop's thread
//
// One word holds which batch is being filled and how many of its cells have been claimed, so that
// one atomic addition gives a poster a cell that is his alone. He fills it and marks it full; the
// loop takes all batches with one exchange, which also tells it how many cells to expect. A cell
// that is claimed and not yet full stops it until the next turn. There is no lock, so a poster that
// is suspended halfway holds up no other poster, and no memory is handed from thread to thread post
// by post: two batches take turns, and a burst is what allocates more.
//
// The road not taken: a list of nodes. Each is allocated on one thread and freed on another, and
// that, with the cache misses on the way, took three times as long. A mutex around a vector blocks.
//
// Ownership: of the functions until they have run. Thread rule: `push` from any thread; the rest
// from one, and the end after the last push.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace tocsin::internal {

class PostQueue {
 public:
  using Function = std::move_only_function<void()>;

  PostQueue() = default;
  PostQueue(const PostQueue&) = delete;
  PostQueue& operator=(const PostQueue&) = delete;
  ~PostQueue();

  /// Adds `function` behind all that the same thread has added. Sequentially consistent with
  /// `is_empty`: of two threads that push and write, one sees what the other did.
  void push(Function&& function);

  /// Whether there is nothing to run: nothing claimed, and nothing left by a `run` that threw.
  bool is_empty() const {
    return taken_ == nullptr && is_empty(state_.load(std::memory_order_seq_cst));
  }

  /// Runs, and destroys, what is there when it begins. What a function throws comes out of here;
  /// the functions after it are run by the next call.
  void run();

  /// Destroys what has not been run.
  void clear();

 private:
  static constexpr std::size_t line = 64;  // What two threads write lies this far apart.
  static constexpr unsigned count_bits = 16;
  static constexpr std::uint64_t cells = 256;

  struct Cell {
    Function function;
    std::atomic<bool> is_full = false;
  };
  struct Batch {
    Batch* other = nullptr;   // Filled before this one; once taken: after this one.
    std::uint64_t count = 0;  // Of claimed cells; known once it is taken.
    std::array<Cell, cells> cell;
  };

  // The batch being filled (the upper 48 bits: every address a process has without asking for
  // more) and the claims on its cells so far. More claims than cells: it is full. No batch counts
  // as full.
  static constexpr std::uint64_t no_batch = cells;
  static std::uint64_t pack(Batch* batch, std::uint64_t count) {
    return reinterpret_cast<std::uintptr_t>(batch) << count_bits | count;
  }
  static Batch* batch_of(std::uint64_t state) {
    return reinterpret_cast<Batch*>(state >> count_bits);
  }
  static std::uint64_t count_of(std::uint64_t state) {
    return state & ((std::uint64_t{1} << count_bits) - 1);
  }
  static bool is_empty(std::uint64_t state) {
    return batch_of(state) == nullptr || count_of(state) == 0;
  }

  Cell& claim();
  Cell& claim_in_new_batch();
  void take();
  void recycle(Batch* batch);

  alignas(line) std::atomic<std::uint64_t> state_ = no_batch;

  // The runner's own.
  alignas(line) Batch* taken_ = nullptr;  // Oldest first. Owned.
  std::uint64_t next_ = 0;                // Cell of the first of those.
  Batch* spare_ = nullptr;                // To be filled next. Owned.
};

}  // namespace tocsin::internal
