// SPDX-License-Identifier: MIT
//
// TcpOutbox, TcpInbox: the bytes of one direction of a connection, and the urgent one among them.
//
//     send ──> [ TcpOutbox ] ──window──> [ TcpInbox ] ──> recv
//
// Both know no socket. Places in the stream are counted from its beginning, as TCP's sequence
// numbers are, so that the urgent mark stays where it is while bytes come and go.
//
// Ownership: each owns its bytes. Thread rule: under the lock of the sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tocsin/base/bytes.hpp"

namespace tocsin::vkern {

/// First in, first out; all of it in one piece.
class ByteQueue {
 public:
  std::size_t size() const { return bytes_.size() - first_; }
  ByteView view() const { return ByteView(bytes_).subspan(first_); }

  void append(ByteView bytes);
  void drop(std::size_t count);
  void clear();

 private:
  std::vector<std::byte> bytes_;
  std::size_t first_ = 0;  // What is before it has been dropped.
};

/// What was sent and is not with the peer yet.
class TcpOutbox {
 public:
  std::size_t size() const { return queue_.size(); }

  void append(ByteView bytes) {
    queue_.append(bytes);
    end_ += bytes.size();
  }
  /// The last byte so far is urgent (MSG_OOB): there is one such byte, the last that was marked.
  void mark_last() { urgent_at_ = end_ - 1; }
  void clear();

 private:
  friend class TcpInbox;

  ByteQueue queue_;
  std::uint64_t end_ = 0;
  std::optional<std::uint64_t> urgent_at_;
};

/// What has come and was not read yet. A mark is where the urgent byte is, or was.
class TcpInbox {
 public:
  /// Takes `count` bytes over. Answers whether the urgent one is among them. `is_inline` as in
  /// SO_OOBINLINE. Requires: `outbox` has as many.
  bool take(TcpOutbox& outbox, std::size_t count, bool is_inline);
  /// The mark alone, of bytes that nobody will read. Answers as `take`.
  bool take_mark(TcpOutbox& outbox, std::size_t count, bool is_inline);

  std::size_t size() const { return queue_.size(); }
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return begin_ + queue_.size(); }

  /// What recv(2) may take at `place` with `room` left; `skipped` is 1 if the urgent byte, which is
  /// not inline, comes first and is left out.
  struct Piece {
    std::size_t skipped;
    ByteView bytes;
  };
  Piece piece(std::uint64_t place, std::size_t room, bool is_inline) const;
  /// Everything before `place` has been read; a mark before it is no more.
  void read_to(std::uint64_t place);

  /// Whether the mark, read or not, is at `place`: a recv(2) stops there, SIOCATMARK tells.
  bool is_marked(std::uint64_t place) const { return has_mark() && mark_ == place; }
  bool has_mark() const { return urgent_ != Urgent::none; }
  /// Whether the urgent byte waits for MSG_OOB.
  bool has_urgent() const { return urgent_ == Urgent::waits; }
  std::byte urgent() const { return urgent_byte_; }
  void urgent_was_read() { urgent_ = Urgent::was_read; }

  /// What FIONREAD tells: how much there is before the mark, if there is one ahead.
  std::size_t unread(bool is_inline) const;

  void clear();

 private:
  enum class Urgent { none, waits, was_read };

  ByteQueue queue_;
  std::uint64_t begin_ = 0;
  Urgent urgent_ = Urgent::none;
  std::uint64_t mark_ = 0;
  std::byte urgent_byte_{};
};

}  // namespace tocsin::vkern
