// SPDX-License-Identifier: MIT
//
// What a system call returned, as an answer of Kernel: the one place where -1 and errno become one.
//
//     linux_*.cpp ──> [ nothing_or_errno, fd_or_errno, count_or_errno ] ──> Result, Count
//
// To be called before anything else can change errno. Thread rule: any thread.
#pragma once

#include <cerrno>
#include <cstddef>

#include "tocsin/base/result.hpp"
#include "tocsin/kern/count.hpp"

namespace tocsin::internal {

inline Result<> nothing_or_errno(long returned) {
  if (returned == -1) [[unlikely]]
    return std::unexpected(Errno{errno});
  return {};
}

inline Result<int> fd_or_errno(long returned) {
  if (returned == -1) [[unlikely]]
    return std::unexpected(Errno{errno});
  return static_cast<int>(returned);
}

inline Count count_or_errno(long returned) {
  return Count::from_kernel(returned == -1 ? -errno : returned);
}

/// The kernel counts these in an int, and no caller has more: the rest is simply not offered.
inline int as_int(std::size_t count) {
  constexpr std::size_t most = 0x7fffffff;
  return static_cast<int>(count < most ? count : most);
}

}  // namespace tocsin::internal
