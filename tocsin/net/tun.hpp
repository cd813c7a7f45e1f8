// SPDX-License-Identifier: MIT
//
// TunDevice: a network interface whose wire is this program (TUN/TAP).
//
//     the machine's routes ──> interface ──> [ TunDevice ] ──> co_await device.read() ──> Packet
//                                               └─ write(): arrives as if it came by that wire
//
// A TUN interface carries IP packets, a TAP interface Ethernet frames. It needs CAP_NET_ADMIN in
// the user namespace that owns the network (and access to /dev/net/tun), unless the interface was
// made for this user (`ip tuntap add ... user`). Its addresses and routes are somebody else's to
// set: it is down at first, and a packet can only be written while it is up.
//
// Ownership: it owns its descriptor, its registration and, unless that was there before, the
// interface, which is gone with it; the loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>

#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// A packet (TUN) or a frame (TAP), in memory that is lent until `bytes` is destroyed.
struct Packet {
  Buffer bytes;
  std::uint16_t protocol = 0;  // ETH_P_IP, ETH_P_IPV6, ...; in host byte order.
  bool truncated = false;      // The loop's buffer_size was less than its length; the rest is lost.
};

/// See TunDevice::read.
class [[nodiscard]] ReadPacket final : public FallibleOperation<Direction::read> {
 public:
  explicit ReadPacket(FdSource& source) : FallibleOperation(source) {}
  ReadPacket(ReadPacket&&) = default;

  Result<Packet> await_resume() { return result(std::move(packet_)); }

 private:
  bool attempt() override;

  Packet packet_;
};

/// See TunDevice::write.
class [[nodiscard]] WritePacket final : public FallibleOperation<Direction::write> {
 public:
  WritePacket(FdSource& source, ByteView bytes) : FallibleOperation(source), bytes_(bytes) {}
  WritePacket(WritePacket&&) = default;

  Result<> await_resume() const { return result(); }

 private:
  bool attempt() override;

  ByteView bytes_;
};

enum class TunKind : std::uint8_t { tun, tap };

struct TunOptions {
  TunKind kind = TunKind::tun;
  std::string name =
      {};  // Of the interface; "vpn%d" for the first free number; empty: the kernel's.
};

class TunDevice {
 public:
  /// Makes the interface, or attaches to one of that name and kind that was made to persist. Fails
  /// with ENOENT or ENODEV where the kernel has no TUN (`modprobe tun`), EACCES without access to
  /// /dev/net/tun, EPERM without CAP_NET_ADMIN, EBUSY if somebody else is attached, EINVAL for a
  /// name that is too long (15 bytes) or of an interface that is none of these. After a failure
  /// nothing is left.
  static Result<TunDevice> create(Loop& loop, const TunOptions& options = {},
                                  std::source_location where = std::source_location::current());

  /// Waits for the next packet that is sent to the interface. Fails with ECANCELED, no packet is
  /// lost then; with EBADFD once the interface was deleted. One at a time.
  ReadPacket read() { return ReadPacket(*source_); }
  ReadPacket next() { return read(); }  // For on_each.

  /// Has a packet, or a frame, arrive; `bytes` stay the caller's and unchanged until it has ended.
  /// Fails with EIO while the interface is down; EINVAL for a frame shorter than its header; EBADFD
  /// once it was deleted. After a failure nothing has arrived. A packet that is nonsense arrives,
  /// and is IP's to drop. One at a time.
  WritePacket write(ByteView bytes) { return {*source_, bytes}; }

  /// The interface's name, as the kernel has made it of the one that was asked for.
  const std::string& name() const { return name_; }

  /// The descriptor, for what is not offered here (TUNSETPERSIST, ...). It stays the device's.
  int fd() const { return source_->fd(); }

 private:
  TunDevice(std::unique_ptr<FdSource> source, std::string name)
      : source_(std::move(source)), name_(std::move(name)) {}

  std::unique_ptr<FdSource> source_;
  std::string name_;
};

}  // namespace tocsin
