// SPDX-License-Identifier: MIT
//
// What a message weighs: how much of its sender's SO_SNDBUF it takes until it was read.
//
//     sendmsg ──> [ stream_part, stream_cost, packet_cost ] ──> room left ──> EPOLLOUT
//
// Linux charges not the bytes but the memory that it keeps them in: a header, one run of memory
// that is rounded up to a power of two, and whole pages. When a socket is full, and when it becomes
// writable, follows from that, so the sums have to be the same to the byte. They are constants of a
// build of the kernel, as measured (x86-64, pages of 4 KiB).
//
// Thread rule: pure functions.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>

namespace tocsin::vkern::internal {

inline constexpr std::size_t page = 4096;
inline constexpr std::size_t stream_head = 3776;             // Fits one page with what Linux adds.
inline constexpr std::size_t stream_most = 3776 + 8 * page;  // What one message holds at most.
inline constexpr std::size_t packet_head = 16064;
inline constexpr std::size_t packet_pages = 17 * page;

constexpr std::size_t round_up(std::size_t size, std::size_t to) {
  return (size + to - 1) / to * to;
}

/// One run of memory for `size` bytes, with its header.
constexpr std::size_t run_cost(std::size_t size) {
  return 256 + std::max<std::size_t>(512, std::bit_ceil(round_up(size, 64) + 320));
}
static_assert(run_cost(0) == 768 && run_cost(192) == 768 && run_cost(193) == 1280);
static_assert(run_cost(704) == 1280 && run_cost(705) == 2304 && run_cost(1728) == 2304);
static_assert(run_cost(1729) == 4352 && run_cost(3776) == 4352);

/// How much of what is left to be sent the next message of a stream takes.
constexpr std::size_t stream_part(std::size_t left, std::size_t send_buffer) {
  // "Keep two messages in the pipe" is what Linux is after with the half.
  return std::min({left, send_buffer / 2 - 64, stream_most});
}

constexpr std::size_t stream_cost(std::size_t size) {
  if (size <= stream_head) return run_cost(size);
  const std::size_t in_pages = std::min(size, round_up(size - stream_head, page));
  return run_cost(size - in_pages) + round_up(in_pages, page);
}

constexpr std::size_t packet_cost(std::size_t size) {
  if (size <= packet_head) return run_cost(size);
  const std::size_t in_pages = round_up(std::min(size - packet_head, packet_pages), page);
  return run_cost(size - in_pages) + in_pages;
}
static_assert(stream_cost(1024) * 92 < 212'992 && stream_cost(1024) * 93 >= 212'992);

}  // namespace tocsin::vkern::internal
