// SPDX-License-Identifier: MIT
//
// IovecCursor: a place in the pieces of a msghdr, where the next bytes come from or go to.
//
// A piece without an address fails as EFAULT would have it; other wrong addresses cannot be seen
// from in here.
//
// Thread rule: one thread at a time.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "tocsin/base/bytes.hpp"

namespace tocsin::vkern::internal {

class IovecCursor {
 public:
  explicit IovecCursor(const msghdr& message) : pieces_(message.msg_iov, message.msg_iovlen) {
    for (const iovec& piece : pieces_) left_ += piece.iov_len;
  }

  /// How many bytes lie behind the cursor.
  std::size_t left() const { return left_; }

  /// Fills `into`. False if there is nothing to read at some address, or less than that is left.
  bool take(MutableBytes into) {
    return walk(into.size(), [&](std::byte* data, std::size_t size) {
      std::memcpy(into.data(), data, size);
      into = into.subspan(size);
    });
  }

  /// Stores `bytes`, as far as there is room.
  bool put(ByteView bytes) {
    return walk(bytes.size(), [&](std::byte* data, std::size_t size) {
      std::memcpy(data, bytes.data(), size);
      bytes = bytes.subspan(size);
    });
  }

 private:
  template <class Copy>
  bool walk(std::size_t size, Copy copy) {
    if (size > left_) return false;
    while (size > 0) {
      const iovec& piece = pieces_.front();
      const std::size_t here = std::min(size, piece.iov_len - offset_);
      if (here > 0) {
        if (piece.iov_base == nullptr) return false;
        copy(static_cast<std::byte*>(piece.iov_base) + offset_, here);
      }
      offset_ += here;
      size -= here;
      left_ -= here;
      if (offset_ < piece.iov_len) continue;
      pieces_ = pieces_.subspan(1);
      offset_ = 0;
    }
    return true;
  }

  std::span<const iovec> pieces_;
  std::size_t offset_ = 0;  // In the first of them.
  std::size_t left_ = 0;
};

}  // namespace tocsin::vkern::internal
