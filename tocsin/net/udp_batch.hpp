// SPDX-License-Identifier: MIT
//
// Many datagrams for one system call (recvmmsg(2), sendmmsg(2)), and many for one pass through the
// kernel (UDP_SEGMENT and UDP_GRO, udp(7)).
//
//     UdpSocket ──> [ ReceiveBatchOperation, SendBatchOperation ] ──> your line after co_await
//
// A batch spares system calls; segments spare what the kernel does for each datagram. Both have an
// end in sight: a batch is what there is now, nobody waits for it to become full.
//
// Ownership: a DatagramBatch owns its memory, and stays the caller's while it is received into.
// Thread rule: the loop's thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tocsin/net/address.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// One datagram of a batch, or several of one length that came from one sender in a row.
struct BatchedDatagram {
  ByteView bytes;  // In the batch: until it is received into again.
  Address from;
  bool truncated = false;          // It had no room; the rest is lost.
  std::uint16_t segment_size = 0;  // Not 0: of each datagram in `bytes`; the last may be shorter.
};

/// Room for the datagrams of one call, made once and used again and again.
class DatagramBatch {
 public:
  /// Requires: `most` is 1 to 1024 (UIO_MAXIOV). With UdpOptions::coalesce, `bytes_each` should be
  /// 65,535: what has been coalesced is truncated like any datagram.
  explicit DatagramBatch(std::size_t most = 64, std::size_t bytes_each = 2048);

  /// What the last call received: none before the first, or after a failure.
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Requires: `index` is less than `size()`.
  BatchedDatagram operator[](std::size_t index) const;

 private:
  friend class ReceiveBatchOperation;
  struct Slot {
    sockaddr_in6 from;
    alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(int))];
    iovec part;
  };

  std::span<mmsghdr> prepare();

  std::size_t bytes_each_;
  std::size_t size_ = 0;
  std::unique_ptr<std::byte[]> memory_;
  std::vector<Slot> slots_;
  std::vector<mmsghdr> messages_;  // By the same index.
};

/// See UdpSocket::receive_batch.
class [[nodiscard]] ReceiveBatchOperation final : public FallibleOperation<Direction::read> {
 public:
  ReceiveBatchOperation(FdSource& source, DatagramBatch& into, bool skip_errors)
      : FallibleOperation(source), skip_errors_(skip_errors), into_(&into) {}
  ReceiveBatchOperation(ReceiveBatchOperation&&) = default;

  Result<> await_resume() const { return result(); }

 private:
  bool attempt() override;
  void fail(Errno error) override {
    FallibleOperation::fail(error);
    into_->size_ = 0;
  }

  bool skip_errors_;
  DatagramBatch* into_;
};

/// A datagram to be sent, or several in one piece.
struct OutgoingDatagram {
  ByteView bytes;
  Address to{};                    // None: whom the socket is connected to.
  std::uint16_t segment_size = 0;  // Not 0: the kernel cuts `bytes` into datagrams of that size.
};

/// See UdpSocket::send_batch.
class [[nodiscard]] SendBatchOperation final : public FallibleOperation<Direction::write> {
 public:
  SendBatchOperation(FdSource& source, std::span<const OutgoingDatagram> batch, bool skip_errors)
      : FallibleOperation(source), skip_errors_(skip_errors), left_(batch) {}
  SendBatchOperation(SendBatchOperation&&) = default;

  Result<std::size_t> await_resume() const {
    if (has_failed() && sent_ == 0) return failure();
    return sent_;
  }

 private:
  bool attempt() override;
  Count send_some();

  bool skip_errors_;  // One more may fail for what came back for a datagram sent before.
  std::size_t sent_ = 0;
  std::span<const OutgoingDatagram> left_;
};

/// Calls `visit(ByteView)` with each datagram of what was coalesced; with all of it if it was not.
template <class Visit>
void for_each_segment(ByteView bytes, std::size_t segment_size, Visit visit) {
  if (segment_size == 0) return visit(bytes);
  for (; bytes.size() > segment_size; bytes = bytes.subspan(segment_size))
    visit(bytes.first(segment_size));
  visit(bytes);
}

namespace internal {
/// What UDP_GRO says beside a message that was received: 0 if nothing.
std::uint16_t segment_size_of(const msghdr& message);
/// Whether a send may have failed for a datagram that was sent before: one that is too long does
/// for itself, and is in the error queue already; EAGAIN is no failure.
bool may_be_anothers(Errno error);
}  // namespace internal

}  // namespace tocsin
