// SPDX-License-Identifier: MIT
//
// The table of operations, by subject: one function for each file ops_*.cpp.
//
// A new operation is one entry in one of these: what it takes, what it does through a Kernel, and
// what it does in C. Nothing else has to know of it.
//
// Thread rule: any thread; buffers of operations belong to the one thread that performs sequences.
#pragma once

#include <sys/types.h>

#include <vector>

#include "tests/differential/op.hpp"
#include "tests/differential/side.hpp"

namespace tocsin::differential {

std::vector<OpSpec> descriptor_ops();
std::vector<OpSpec> transfer_ops();
std::vector<OpSpec> event_ops();
std::vector<OpSpec> epoll_ops();
std::vector<OpSpec> poll_ops();

/// Sizes at which something changes in some buffer: pages, slots of a pipe, parts of a message.
inline constexpr std::array<std::int64_t, 22> sizes{
    8,    1,    0,    7,    9,    192,   193,   704,   705,   1728,  1729,
    3776, 3777, 4095, 4096, 4097, 16064, 16065, 36544, 36545, 65535, 65536};
inline constexpr std::size_t most_bytes = 1 << 18;

/// The first `count` bytes of a buffer for whatever an op reads.
MutableBytes room_for(std::int64_t count);
/// `count` bytes that tell their place, the first of which is `first`.
ByteView pattern(std::int64_t count, std::int64_t first);

}  // namespace tocsin::differential
