// SPDX-License-Identifier: MIT
#include "tests/differential/ops.hpp"

#include <algorithm>
#include <iterator>

namespace tocsin::differential {
namespace {

std::vector<OpSpec> make_table() {
  std::vector<OpSpec> table;
  for (const auto part :
       {descriptor_ops, transfer_ops, event_ops, epoll_ops, poll_ops, pipe_ops, local_ops,
        message_ops, signal_ops, timer_ops, queue_ops, file_ops, process_ops, time_ops, inet_ops,
        inet_data_ops, inet_option_ops, inet_flood_ops, blocking_ops})
    std::ranges::move(part(), std::back_inserter(table));
  return table;
}

using Buffers = std::array<std::vector<std::byte>, most_buffers>;

thread_local std::size_t buffers_in_use = 0;

MutableBytes first_of(Buffers& buffers, std::int64_t count) {
  std::vector<std::byte>& buffer = buffers[buffers_in_use];
  buffer.resize(most_bytes);
  return std::span(buffer).first(std::min(most_bytes, static_cast<std::size_t>(count)));
}

}  // namespace

std::span<const OpSpec> all_ops() {
  static const std::vector<OpSpec> table = make_table();
  return table;
}

const OpSpec* find_op(std::string_view name) {
  const auto ops = all_ops();
  const auto found = std::ranges::find(ops, name, [](const OpSpec& spec) { return spec.name; });
  return found == ops.end() ? nullptr : &*found;
}

std::uint32_t kinds_of(const Sequence& sequence) {
  std::uint32_t used = 0;
  for (const Op& op : sequence) used |= bit(op.spec->kind);
  return used;
}

void use_buffers(std::size_t which) { buffers_in_use = which; }

MutableBytes room_for(std::int64_t count) {
  static Buffers buffers;
  return first_of(buffers, count);
}

ByteView pattern(std::int64_t count, std::int64_t first) {
  static Buffers buffers;
  const MutableBytes bytes = first_of(buffers, count);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(static_cast<std::size_t>(first) + i + (i >> 8));
  return bytes;
}

}  // namespace tocsin::differential
