// SPDX-License-Identifier: MIT
#include "tocsin/vkern/tcp_buffers.hpp"

#include <algorithm>

namespace tocsin::vkern {

// ---- ByteQueue ----------------------------------------------------------------------------------

void ByteQueue::append(ByteView bytes) {
  // What was dropped makes room before more is asked for, so a queue that is never quite empty does
  // not grow for ever.
  if (first_ > 0 && bytes_.size() + bytes.size() > bytes_.capacity()) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void ByteQueue::drop(std::size_t count) {
  first_ += count;
  if (first_ == bytes_.size()) clear();
}

void ByteQueue::clear() {
  constexpr std::size_t kept = 4096;  // A connection that is idle holds no more.
  if (bytes_.capacity() > kept)
    bytes_ = {};
  else
    bytes_.clear();
  first_ = 0;
}

// ---- TcpOutbox ----------------------------------------------------------------------------------

void TcpOutbox::clear() {
  queue_.clear();
  urgent_at_.reset();
}

// ---- TcpInbox -----------------------------------------------------------------------------------

bool TcpInbox::take_mark(TcpOutbox& outbox, std::size_t count, bool is_inline) {
  const std::uint64_t first = outbox.end_ - outbox.size();
  if (!outbox.urgent_at_ || *outbox.urgent_at_ - first >= count) return false;
  const auto place = static_cast<std::size_t>(*outbox.urgent_at_ - first);
  // A mark that everything before was read up to gives way to the next one; its byte was not for
  // reading, and is gone with it.
  if (is_marked(begin_) && !is_inline && size() > 0) {
    queue_.drop(1);
    ++begin_;
  }
  urgent_ = Urgent::waits;
  mark_ = end() + place;
  urgent_byte_ = outbox.queue_.view()[place];
  outbox.urgent_at_.reset();
  return true;
}

bool TcpInbox::take(TcpOutbox& outbox, std::size_t count, bool is_inline) {
  const bool is_urgent = take_mark(outbox, count, is_inline);
  queue_.append(outbox.queue_.view().first(count));
  outbox.queue_.drop(count);
  return is_urgent;
}

auto TcpInbox::piece(std::uint64_t place, std::size_t room, bool is_inline) const -> Piece {
  const ByteView ahead = queue_.view().subspan(static_cast<std::size_t>(place - begin_));
  ByteView bytes = ahead.first(std::min(room, ahead.size()));
  const std::uint64_t to_mark = mark_ - place;  // Huge if it is behind.
  if (!has_mark() || to_mark >= bytes.size()) return {.skipped = 0, .bytes = bytes};
  if (to_mark > 0) return {.skipped = 0, .bytes = bytes.first(to_mark)};
  if (is_inline) return {.skipped = 0, .bytes = bytes};
  return {.skipped = 1, .bytes = bytes.subspan(1)};
}

void TcpInbox::read_to(std::uint64_t place) {
  queue_.drop(static_cast<std::size_t>(place - begin_));
  begin_ = place;
  if (has_mark() && begin_ > mark_) urgent_ = Urgent::none;
}

std::size_t TcpInbox::unread(bool is_inline) const {
  if (is_inline || !has_mark() || mark_ < begin_ || mark_ >= end()) return size();
  return static_cast<std::size_t>(mark_ - begin_);
}

void TcpInbox::clear() {
  begin_ = end();
  queue_.clear();
  urgent_ = Urgent::none;
}

}  // namespace tocsin::vkern
