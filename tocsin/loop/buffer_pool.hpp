// SPDX-License-Identifier: MIT
//
// BufferPool: memory that is lent while there are bytes in it.
//
//     recv(2) ──> Buffer (taken) ──> your line after co_await ──> ~Buffer (given back)
//
// A connection that is idle holds no buffer; one that has just received holds one for as long as
// the reader looks at it. The buffer given back last is lent first, so a loop that serves ten
// thousand echoes works in one buffer that stays in the cache.
//
// Buffers begin at a page, so that files opened with O_DIRECT can be read and written through them.
//
// Ownership: the pool owns what is not lent and must outlive what is. Thread rule: its loop's
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "tocsin/base/bytes.hpp"

namespace tocsin {

class BufferPool;

/// Memory lent by a BufferPool, with `size()` bytes of it filled. Gives itself back.
class Buffer {
 public:
  /// Lent by nobody, with nothing in it.
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        pool_(other.pool_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    reset();
    pool_ = other.pool_;
    memory_ = std::exchange(other.memory_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~Buffer();

  /// Gives the memory back now; empty afterwards.
  void reset();

  /// All the memory there is, filled or not.
  MutableBytes room() const;
  /// Says how much of the room is filled.
  void fill(std::size_t size) { size_ = size; }

  const std::byte* data() const { return memory_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  operator ByteView() const { return {memory_, size_}; }

 private:
  friend class BufferPool;
  Buffer(BufferPool& pool, std::byte* memory, std::size_t size)
      : memory_(memory), size_(size), pool_(&pool) {}

  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  BufferPool* pool_ = nullptr;
};

class BufferPool {
 public:
  /// Lends buffers of `buffer_size` bytes. Nothing is allocated before the first one is taken.
  explicit BufferPool(std::size_t buffer_size) : buffer_size_(buffer_size) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  Buffer take() {
    static_cast<void>(next());
    return {*this, std::exchange(next_, nullptr), 0};
  }

  /// Lends the memory that `next` has shown, with `size` bytes of it filled. Requires: `next` was
  /// called, and nothing taken since.
  Buffer take(std::size_t size) { return {*this, std::exchange(next_, nullptr), size}; }

  /// The memory that `take` would lend now: for whoever reads into it first and takes it only if
  /// something came. Nobody else's until somebody takes it.
  MutableBytes next() {
    if (next_ == nullptr) [[unlikely]]
      next_ = find_next();
    return {next_, buffer_size_};
  }

  /// Whether `next` has memory to show without looking for some.
  bool has_next() const { return next_ != nullptr; }

  std::size_t buffer_size() const { return buffer_size_; }

 private:
  friend class Buffer;
  static constexpr std::size_t most_spare = 16;  // More are freed: a burst is not for ever.

  std::byte* find_next();
  void give_back(std::byte* memory) {
    if (next_ == nullptr) [[likely]]
      next_ = memory;
    else
      put_aside(memory);
  }
  void put_aside(std::byte* memory);

  // Bare pointers on the path of every message: this class owns them, and nobody else sees them.
  std::byte* next_ = nullptr;  // Lent next; null while it is lent.
  std::size_t buffer_size_;
  std::size_t spare_count_ = 0;
  std::array<std::byte*, most_spare> spare_;
};

inline Buffer::~Buffer() {
  if (memory_ != nullptr) pool_->give_back(memory_);
}

inline void Buffer::reset() {
  if (memory_ != nullptr) pool_->give_back(std::exchange(memory_, nullptr));
  size_ = 0;
}

inline MutableBytes Buffer::room() const {
  if (memory_ == nullptr) return {};
  return {memory_, pool_->buffer_size()};
}

}  // namespace tocsin
