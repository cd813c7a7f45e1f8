// SPDX-License-Identifier: MIT
#include "tocsin/vkern/pipe_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tocsin/base/check.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::size_t beyond_pages(std::size_t length) { return length % PipeBuffer::page_size; }

}  // namespace

std::size_t PipeBuffer::bytes() const {
  std::size_t sum = 0;
  for (const Slot& slot : filled_) sum += slot.length;
  return sum;
}

bool PipeBuffer::merges(std::size_t length) const {
  const std::size_t part = beyond_pages(length);
  if (part == 0 || empty() || filled_.back().is_packet) return false;
  return filled_.back().begin + filled_.back().length + part <= page_size;
}

std::size_t PipeBuffer::merge(ByteView bytes) {
  CHECK(merges(bytes.size()), "merged into a slot without room");
  const std::size_t part = beyond_pages(bytes.size());
  Slot& last = filled_.back();
  std::memcpy(last.page.get() + last.begin + last.length, bytes.data(), part);
  last.length = static_cast<std::uint16_t>(last.length + part);
  return part;
}

std::size_t PipeBuffer::append(ByteView bytes, bool is_packet) {
  CHECK(!full(), "a slot was filled in a full pipe");
  const std::size_t part = std::min(bytes.size(), page_size);
  auto page = std::exchange(spare_, nullptr);
  if (!page) page = std::make_unique_for_overwrite<std::byte[]>(page_size);
  std::memcpy(page.get(), bytes.data(), part);
  filled_.push_back({.page = std::move(page),
                     .begin = 0,
                     .length = static_cast<std::uint16_t>(part),
                     .is_packet = is_packet});
  return part;
}

PipeBuffer::Taken PipeBuffer::take(MutableBytes into) {
  Taken taken{.count = 0, .made_room = false};
  while (!empty() && taken.count < into.size()) {
    Slot& first = filled_.front();
    const auto part = std::min<std::size_t>(first.length, into.size() - taken.count);
    std::memcpy(into.data() + taken.count, first.page.get() + first.begin, part);
    taken.count += part;
    first.begin = static_cast<std::uint16_t>(first.begin + part);
    first.length = static_cast<std::uint16_t>(first.length - part);
    const bool ends_here = first.is_packet;
    if (first.length == 0 || ends_here) {
      taken.made_room = taken.made_room || full();
      free_first();
    }
    if (ends_here) break;
  }
  return taken;
}

void PipeBuffer::free_first() {
  spare_ = std::move(filled_.front().page);
  filled_.pop_front();
}

bool PipeBuffer::resize(std::size_t slots) {
  CHECK(slots > 0, "a pipe has a slot at least");
  if (slots < filled_.size()) return false;
  slots_ = slots;
  return true;
}

void PipeBuffer::reset(std::size_t slots) {
  CHECK(slots > 0, "a pipe has a slot at least");
  slots_ = slots;
  filled_.clear();
}

}  // namespace tocsin::vkern
