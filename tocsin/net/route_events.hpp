// SPDX-License-Identifier: MIT
//
// RouteEvents: what happens to the network: links, addresses, routes (rtnetlink(7)).
//
//     kernel ──> NetlinkInbox ──> [ RouteEvents ] ──> co_await events.next() ──> RouteEvent
//                                    └─ dump(): what there is, as events, too
//
// Whoever wants to know what there is listens first and asks then: create, `dump`, and `next` for
// ever. `present` and `changed` put a thing into the picture, `removed` takes it out, and when
// `dumped` comes the picture is whole. After a `resync` it may be wrong: `dump` again, and when
// `dumped` comes forget what was not told in between.
//
// Ownership: it owns its descriptor and its registration; the loop must outlive it. Thread rule:
// the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>

#include "tocsin/net/internal/netlink_inbox.hpp"
#include "tocsin/net/route_message.hpp"

namespace tocsin {

namespace internal {
struct RouteState;
}

/// See RouteEvents::next.
class [[nodiscard]] NextRouteEvent final : public internal::NetlinkOperation {
 public:
  explicit NextRouteEvent(internal::RouteState& state);
  NextRouteEvent(NextRouteEvent&&) = default;

  Result<RouteEvent> await_resume();

 private:
  bool take(ByteView& unread) override;
  void lost() override { event_ = {.kind = RouteEvent::Kind::resync, .what = {}}; }
  bool drained() override;

  internal::RouteState& state_;
  RouteEvent event_;
};

struct RouteOptions {
  bool links = true;
  bool addresses = true;
  bool routes = true;
  std::uint32_t receive_buffer = 0;  // Bytes (SO_RCVBUF; with CAP_NET_ADMIN any); 0: the default.
};

class RouteEvents {
 public:
  /// Listens from here on, in the network namespace of this thread. It needs no privilege. Fails as
  /// socket(2), bind(2): EMFILE, ENFILE, ENOMEM; EAFNOSUPPORT where there is no netlink. After a
  /// failure nothing is left. Requires: the loop's buffer_size is 8 KiB at least.
  static Result<RouteEvents> create(Loop& loop, const RouteOptions& options = {},
                                    std::source_location where = std::source_location::current());

  RouteEvents(RouteEvents&&) noexcept;
  RouteEvents& operator=(RouteEvents&&) = delete;
  ~RouteEvents();

  /// Waits for the next event. What was lost because it was not taken in time is never silent: it
  /// is an event, `resync`, in its place among the others. Fails with ECANCELED, no event is lost
  /// then; with what the kernel answers to a dump, which is over then; and as recvmsg(2). One at a
  /// time.
  NextRouteEvent next() { return NextRouteEvent(*state_); }

  /// Asks for what there is, of the kinds that were asked for: `next` gives it as `present`, mixed
  /// with changes, and then `dumped`. Asked for again before that, it begins again, and there is
  /// one `dumped` for both. If the answer was lost, `resync` comes in place of `dumped`. Does not
  /// wait. Fails as send(2): ENOBUFS, ENOMEM.
  Result<> dump();

 private:
  explicit RouteEvents(std::unique_ptr<internal::RouteState> state);

  std::unique_ptr<internal::RouteState> state_;  // Operations refer to it.
};

}  // namespace tocsin
