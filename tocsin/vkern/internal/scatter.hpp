// SPDX-License-Identifier: MIT
//
// gather, scatter: between the pieces of a readv(2), writev(2) or sendmsg(2) and one run of bytes.
//
// Thread rule: any thread.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "tocsin/base/bytes.hpp"

namespace tocsin::vkern::internal {

inline std::size_t length_of(std::span<const iovec> parts) {
  std::size_t length = 0;
  for (const iovec& part : parts) length += part.iov_len;
  return length;
}

inline std::vector<std::byte> gather(std::span<const iovec> parts) {
  std::vector<std::byte> whole;
  whole.reserve(length_of(parts));
  for (const iovec& part : parts) {
    const auto* const data = static_cast<const std::byte*>(part.iov_base);
    whole.insert(whole.end(), data, data + part.iov_len);
  }
  return whole;
}

/// Fills the parts in order. Requires: they have room for all of it.
inline void scatter(ByteView whole, std::span<const iovec> parts) {
  for (const iovec& part : parts) {
    const std::size_t count = std::min(part.iov_len, whole.size());
    if (count > 0) std::memcpy(part.iov_base, whole.data(), count);
    whole = whole.subspan(count);
  }
}

}  // namespace tocsin::vkern::internal
