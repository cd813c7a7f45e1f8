// SPDX-License-Identifier: MIT
//
// Network interfaces: their addresses on the link, and their names (netdevice(7)).
//
//     PacketSocket, RouteEvents, TunDevice ──> [ LinkAddress, interface_index, interface_name ]
//
// An interface is known by its index, which it keeps as long as it exists; its name can change.
//
// It owns nothing but bytes. Thread rule: values, and functions for any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "tocsin/base/bytes.hpp"
#include "tocsin/base/result.hpp"
#include "tocsin/kern/kernel.hpp"

namespace tocsin {

/// The address of a station on its link: six bytes of Ethernet, twenty of InfiniBand, none of a
/// tunnel.
class LinkAddress {
 public:
  static constexpr std::size_t longest = 32;  // MAX_ADDR_LEN of the kernel.

  /// Of no bytes.
  LinkAddress() = default;

  /// What is beyond the `longest` that the kernel has is dropped.
  static LinkAddress from(ByteView bytes);

  ByteView bytes() const { return ByteView(bytes_).first(size_); }

  /// "02:fc:00:00:00:01"; "" for no bytes.
  std::string text() const;

  bool operator==(const LinkAddress&) const = default;

 private:
  std::array<std::byte, longest> bytes_{};  // Zero beyond `size_`: == compares them all.
  std::uint8_t size_ = 0;
};

/// The index of the interface `name`. Fails with ENODEV if there is none, with EINVAL for what is
/// too long for a name (15 bytes), and as socket(2).
Result<unsigned> interface_index(Kernel& kernel, std::string_view name);

/// The name the interface has now. Fails with ENODEV if there is none, and as socket(2).
Result<std::string> interface_name(Kernel& kernel, unsigned index);

}  // namespace tocsin
