// SPDX-License-Identifier: MIT
//
// Uevents: devices that come, go and change, as the kernel tells it (netlink(7),
// NETLINK_KOBJECT_UEVENT).
//
//     kernel ──> NetlinkInbox ──> [ Uevents ] ──> co_await events.next() ──> Uevent
//
// This is what the kernel says, not what udev makes of it: there are no symbolic links yet and no
// properties of the rules. What is there already nobody tells: it stands in /sys/devices, where
// writing "add" to the file `uevent` of a device has it told again.
//
// Ownership: it owns its descriptor and its registration; the loop must outlive it. Thread rule:
// the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/net/internal/netlink_inbox.hpp"

namespace tocsin {

struct Uevent {
  /// As the kernel calls them; `resync` is ours: events were lost here.
  enum class Action : std::uint8_t {
    add,
    remove,
    change,
    move,
    online,
    offline,
    bind,
    unbind,
    unknown,
    resync
  };
  Action action = Action::resync;
  std::string device;          // Its path below /sys: "/devices/virtual/net/lo".
  std::string subsystem;       // "net", "block", ...
  std::uint64_t sequence = 0;  // Of all the machine's: gaps are events for other networks.
  std::vector<std::pair<std::string, std::string>> values;  // All of them, in the kernel's order.

  /// The value of `key` ("INTERFACE", "DEVNAME", ...); empty if there is none.
  std::string_view value(std::string_view key) const;
};

/// Reads what the kernel sends: "ACTION@DEVICE", then "KEY=VALUE" as often as there are, each with
/// a NUL behind it. nullopt for what does not begin like that (udev's own begin with "libudev").
/// What is no KEY=VALUE, or has no NUL behind it, is passed over.
std::optional<Uevent> parse_uevent(ByteView datagram);

/// See Uevents::next.
class [[nodiscard]] NextUevent final : public internal::NetlinkOperation {
 public:
  explicit NextUevent(internal::NetlinkInbox& inbox) : NetlinkOperation(inbox) {}
  NextUevent(NextUevent&&) = default;

  Result<Uevent> await_resume() { return result(std::move(event_)); }

 private:
  bool take(ByteView& unread) override;
  void lost() override { event_ = {}; }

  Uevent event_;
};

struct UeventOptions {
  std::uint32_t receive_buffer = 0;  // Bytes (SO_RCVBUF; with CAP_NET_ADMIN any); 0: the default.
};

class Uevents {
 public:
  /// Listens from here on. It needs no privilege; in a network namespace other than the first one
  /// there are only the network devices of that. Fails as socket(2), bind(2): EMFILE, ENFILE,
  /// ENOMEM; EPROTONOSUPPORT where the kernel was built without. After a failure nothing is left.
  /// Requires: the loop's buffer_size is 8 KiB at least.
  static Result<Uevents> create(Loop& loop, const UeventOptions& options = {},
                                std::source_location where = std::source_location::current());

  /// Waits for the next event. What was lost because it was not taken in time is an event, too:
  /// `resync`, in its place among the others. Fails with ECANCELED, no event is lost then; and as
  /// recvmsg(2). One at a time.
  NextUevent next() { return NextUevent(*inbox_); }

 private:
  explicit Uevents(std::unique_ptr<internal::NetlinkInbox> inbox) : inbox_(std::move(inbox)) {}

  std::unique_ptr<internal::NetlinkInbox> inbox_;  // Operations refer to it.
};

}  // namespace tocsin
