// SPDX-License-Identifier: MIT
#include "tocsin/loop/buffer_pool.hpp"

namespace tocsin {

BufferPool::~BufferPool() {
  delete[] next_;
  while (spare_count_ > 0) delete[] spare_[--spare_count_];
}

std::byte* BufferPool::find_next() {
  return spare_count_ > 0 ? spare_[--spare_count_] : new std::byte[buffer_size_];
}

void BufferPool::put_aside(std::byte* memory) {
  if (spare_count_ < most_spare)
    spare_[spare_count_++] = memory;
  else
    delete[] memory;
}

}  // namespace tocsin
