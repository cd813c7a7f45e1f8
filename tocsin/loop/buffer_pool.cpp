// SPDX-License-Identifier: MIT
#include "tocsin/loop/buffer_pool.hpp"

#include <new>

namespace tocsin {
namespace {

// A page's, as O_DIRECT wants it (open(2), "NOTES").
constexpr std::align_val_t alignment{4096};

void release(std::byte* memory) { operator delete[](memory, alignment); }

}  // namespace

BufferPool::~BufferPool() {
  release(next_);
  while (spare_count_ > 0) release(spare_[--spare_count_]);
}

std::byte* BufferPool::find_next() {
  return spare_count_ > 0 ? spare_[--spare_count_] : new (alignment) std::byte[buffer_size_];
}

void BufferPool::put_aside(std::byte* memory) {
  if (spare_count_ < most_spare)
    spare_[spare_count_++] = memory;
  else
    release(memory);
}

}  // namespace tocsin
