// SPDX-License-Identifier: MIT
//
// NetlinkInbox: a netlink socket that listens to groups, and what of it nobody has looked at yet.
//
//     kernel ──> socket ──> [ NetlinkInbox ] ──> NextRouteEvent, NextUevent
//
// When the socket has no room for a message the kernel drops it, and from then on everything else
// until the queue is empty: recvmsg(2) fails with ENOBUFS, once, before it gives what was queued
// (netlink(7), "Netlink is not a reliable protocol"). So the gap is not where the error is but
// behind the queue, and whoever looked at the state of things before the queue is empty would miss
// what is still being dropped. That is why the error is kept until the queue is: `Got::gap`.
//
// Ownership: it owns its descriptor and its registration. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>

#include "tocsin/source/fallible_operation.hpp"

namespace tocsin::internal {

struct NetlinkOptions {
  int protocol;                  // NETLINK_ROUTE, ...
  std::uint32_t groups;          // A bit for each, of the first 32.
  std::uint32_t receive_buffer;  // Bytes; 0: the default.
  const char* name;              // For people; static.
};

class NetlinkInbox {
 public:
  /// The least that a buffer of the loop holds: as large as the kernel makes its datagrams.
  static constexpr std::size_t least_buffer_size = 8192;

  /// Fails as socket(2), bind(2), setsockopt(2). Requires: the loop's buffer_size is not less than
  /// `least_buffer_size`.
  static Result<NetlinkInbox> open(Loop& loop, const NetlinkOptions& options,
                                   std::source_location where);

  FdSource& source() const { return *source_; }

  /// What was received and is not yet taken: `take` advances it. Empty if there is nothing.
  ByteView unread() const { return unread_; }
  void set_unread(ByteView rest);

  enum class Got : std::uint8_t { datagram, truncated, gap, blocked };

  /// Receives the next datagram of the kernel's; what was unread is dropped. `truncated`: it had no
  /// room in a buffer, and is lost. `gap`: the queue is empty, and messages were lost behind it.
  /// Fails as recvmsg(2).
  Result<Got> receive();

 private:
  explicit NetlinkInbox(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

  std::unique_ptr<FdSource> source_;
  Buffer buffer_;  // Held only while there is something unread in it.
  ByteView unread_;
  bool overrun_ = false;  // ENOBUFS was seen; what was queued before is still to be received.
};

/// The base of operations that look for their event in what an inbox receives. An author writes
/// `take`, `lost` and `await_resume`.
class NetlinkOperation : public FallibleOperation<Direction::read> {
 protected:
  explicit NetlinkOperation(NetlinkInbox& inbox)
      : FallibleOperation(inbox.source()), inbox_(&inbox) {}
  NetlinkOperation(NetlinkOperation&&) = default;
  ~NetlinkOperation() = default;

  /// Takes messages off `unread` until one is the event. False: none is; what is left of `unread`
  /// then is no message, and counts as lost.
  virtual bool take(ByteView& unread) = 0;
  /// The event is that messages were lost.
  virtual void lost() = 0;
  /// The queue is empty. True: that is the event.
  virtual bool drained() { return false; }

 private:
  bool attempt() final;

  NetlinkInbox* inbox_;
};

}  // namespace tocsin::internal
