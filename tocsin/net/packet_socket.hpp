// SPDX-License-Identifier: MIT
//
// PacketSocket: the frames that pass an interface, whole, before or after the machine's own
// protocols see them (packet(7)).
//
//     interface ──> [ PacketSocket ] ──> co_await frames.receive() ──> Frame
//
// It needs CAP_NET_RAW in the user namespace that owns the network. Frames that come faster than
// they are received are dropped by the kernel, which counts them: see `statistics`.
//
// Ownership: it owns its descriptor and its registration; the loop must outlive it. Thread rule:
// the loop's thread.
#pragma once

#include <linux/if_ether.h>
#include <time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>

#include "tocsin/net/interface.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// How a frame came by; the values are those of packet(7), sll_pkttype.
enum class FrameDirection : std::uint8_t { to_us, broadcast, multicast, to_another, outgoing };

/// One frame, in memory that is lent until `bytes` is destroyed.
struct Frame {
  Buffer bytes;                     // From the link's header on, if the socket has those.
  unsigned interface = 0;           // Where it was seen: the index.
  std::uint16_t protocol = 0;       // ETH_P_IP, ...: what the frame holds, in host byte order.
  std::uint16_t hardware_type = 0;  // ARPHRD_ETHER, ...: which header it begins with.
  FrameDirection direction = FrameDirection::to_us;
  LinkAddress from;         // At most eight bytes of it.
  std::size_t length = 0;   // What there was; more than `bytes` holds if it is truncated.
  bool truncated = false;   // The loop's buffer_size was less than that; the rest is lost.
  bool checksummed = true;  // False: its checksum is still to be made, by the device that sends it.
  std::optional<std::uint16_t> vlan;  // The tag that the kernel took out of the header.
  timespec time{};                    // When the kernel saw it (CLOCK_REALTIME).
};

/// See PacketSocket::receive.
class [[nodiscard]] ReceiveFrame final : public FallibleOperation<Direction::read> {
 public:
  explicit ReceiveFrame(FdSource& source) : FallibleOperation(source) {}
  ReceiveFrame(ReceiveFrame&&) = default;

  Result<Frame> await_resume() { return result(std::move(frame_)); }

 private:
  bool attempt() override;

  Frame frame_;
};

struct PacketOptions {
  unsigned interface = 0;              // Its index (interface_index); 0: all of them.
  std::uint16_t protocol = ETH_P_ALL;  // Only this one, in host byte order. Outgoing frames are
                                       // seen with ETH_P_ALL alone.
  bool link_header = true;   // False: without it, as SOCK_DGRAM of packet(7): all links are alike.
  bool promiscuous = false;  // What is for other stations, too. Of one interface, not of all.
  std::uint32_t receive_buffer = 0;  // Bytes (SO_RCVBUF; with CAP_NET_ADMIN any); 0: the default.
};

/// Since the socket was made.
struct PacketStatistics {
  std::uint64_t seen = 0;     // Frames that were meant for it, the dropped ones included.
  std::uint64_t dropped = 0;  // Of these: there was no room for them in its receive buffer.
};

class PacketSocket {
 public:
  /// Sees frames from here on. Fails with EPERM without CAP_NET_RAW; ENODEV if there is no such
  /// interface; EINVAL for promiscuous without an interface; and as socket(2), bind(2). After a
  /// failure nothing is left.
  static Result<PacketSocket> create(Loop& loop, const PacketOptions& options = {},
                                     std::source_location where = std::source_location::current());

  /// Waits for the next frame. Fails with ECANCELED; with ENETDOWN, once, when the one interface it
  /// looks at goes down or away: the socket stays usable, and sees frames again when that interface
  /// is up again. No frame is lost by a failure. One at a time.
  ReceiveFrame receive() { return ReceiveFrame(*source_); }
  ReceiveFrame next() { return receive(); }  // For on_each.

  /// How many frames there were, and how many of them were lost. Fails as getsockopt(2), which
  /// is never.
  Result<PacketStatistics> statistics();

  /// The descriptor, for what is not offered here (SO_ATTACH_FILTER, ...). It stays the socket's.
  int fd() const { return source_->fd(); }

 private:
  explicit PacketSocket(std::unique_ptr<FdSource> source) : source_(std::move(source)) {}

  std::unique_ptr<FdSource> source_;
  PacketStatistics total_;  // The kernel begins anew whenever it is asked.
};

}  // namespace tocsin
