// SPDX-License-Identifier: MIT
#include "tocsin/net/route_events.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <span>
#include <vector>

namespace tocsin {
namespace internal {

/// A netlink socket has one dump at a time (EBUSY), of one kind of things: so they are asked for
/// one after the other.
struct RouteState {
  NetlinkInbox inbox;
  std::vector<std::uint16_t> requests;  // RTM_GETLINK, ...: what a dump consists of.
  std::size_t asked = 0;                // Which of them is being answered.
  std::uint32_t sequence = 0;           // Of the last request.
  bool is_dumping = false;
  bool is_inconsistent = false;  // Something changed while it was told (NLM_F_DUMP_INTR).
  bool begin_again = false;

  Result<> ask();
  Result<bool> end_of_part();
};

// Asks for the part that is due.
Result<> RouteState::ask() {
  struct {
    nlmsghdr header;
    ifinfomsg filter;  // The longest of the three; all of them begin with the family, all zero.
  } request{};
  static_assert(sizeof(ifinfomsg) >= sizeof(rtmsg) && sizeof(ifinfomsg) >= sizeof(ifaddrmsg));
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = requests[asked];
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = ++sequence;
  FdSource& to = inbox.source();
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const auto sent = to.kernel().sendto(to.fd(), std::as_bytes(std::span(&request, 1)), 0,
                                       reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  is_dumping = sent.has_value();
  is_inconsistent = false;
  if (!sent) return std::unexpected(sent.error());
  return {};
}

// Goes on with the next part of the dump. True: there is none.
Result<bool> RouteState::end_of_part() {
  if (std::exchange(begin_again, false))
    asked = 0;
  else if (!is_inconsistent)
    ++asked;
  is_dumping = asked < requests.size();
  if (!is_dumping) return true;
  if (auto done = ask(); !done) return std::unexpected(done.error());
  return false;
}

}  // namespace internal

namespace {

constexpr std::uint32_t bit(unsigned group) { return 1u << (group - 1); }

std::uint32_t groups_of(const RouteOptions& options) {
  std::uint32_t groups = 0;
  if (options.links) groups |= bit(RTNLGRP_LINK);
  if (options.addresses) groups |= bit(RTNLGRP_IPV4_IFADDR) | bit(RTNLGRP_IPV6_IFADDR);
  if (options.routes) groups |= bit(RTNLGRP_IPV4_ROUTE) | bit(RTNLGRP_IPV6_ROUTE);
  return groups;
}

std::vector<std::uint16_t> requests_of(const RouteOptions& options) {
  std::vector<std::uint16_t> requests;
  if (options.links) requests.push_back(RTM_GETLINK);
  if (options.addresses) requests.push_back(RTM_GETADDR);
  if (options.routes) requests.push_back(RTM_GETROUTE);
  return requests;
}

// Of NLMSG_ERROR, and of the NLMSG_DONE of a dump that failed: an errno below zero; 0 for none.
int error_in(const NetlinkMessage& message) {
  return -value_as<std::int32_t>(message.payload).value_or(0);
}

}  // namespace

// ---- RouteEvents --------------------------------------------------------------------------------

Result<RouteEvents> RouteEvents::create(Loop& loop, const RouteOptions& options,
                                        std::source_location where) {
  auto inbox = internal::NetlinkInbox::open(loop,
                                            {.protocol = NETLINK_ROUTE,
                                             .groups = groups_of(options),
                                             .receive_buffer = options.receive_buffer,
                                             .name = "route events"},
                                            where);
  if (!inbox) return std::unexpected(inbox.error());
  return RouteEvents(std::make_unique<internal::RouteState>(
      internal::RouteState{.inbox = std::move(*inbox), .requests = requests_of(options)}));
}

RouteEvents::RouteEvents(std::unique_ptr<internal::RouteState> state) : state_(std::move(state)) {}
RouteEvents::RouteEvents(RouteEvents&&) noexcept = default;
RouteEvents::~RouteEvents() = default;

Result<> RouteEvents::dump() {
  CHECK(!state_->requests.empty(), "nothing was asked for, so there is nothing to dump");
  if (state_->is_dumping) {
    state_->begin_again = true;
    return {};
  }
  state_->asked = 0;
  return state_->ask();
}

// ---- NextRouteEvent -----------------------------------------------------------------------------

NextRouteEvent::NextRouteEvent(internal::RouteState& state)
    : NetlinkOperation(state.inbox), state_(state) {}

bool NextRouteEvent::take(ByteView& unread) {
  while (const auto message = take_message(unread)) {
    const bool answer = state_.is_dumping && message->sequence == state_.sequence;
    if (answer && (message->flags & NLM_F_DUMP_INTR) != 0) state_.is_inconsistent = true;
    if (answer && (message->type == NLMSG_ERROR || message->type == NLMSG_DONE)) {
      if (const int error = error_in(*message); error > 0) {
        state_.is_dumping = false;
        fail(Errno{error});
        return true;
      }
      const auto ended = state_.end_of_part();
      if (!ended) fail(ended.error());
      if (!ended) return true;
      if (!*ended) continue;
      event_ = {.kind = RouteEvent::Kind::dumped, .what = {}};
      return true;
    }
    auto event = parse_route_message(*message);
    if (!event) continue;
    if (answer) event->kind = RouteEvent::Kind::present;
    event_ = std::move(*event);
    return true;
  }
  return false;
}

// The kernel has answered when send(2) returns, and goes on with a dump as it is read: what is not
// in the queue by now was dropped, like anything else without room. The answer may be an error,
// too.
bool NextRouteEvent::drained() {
  if (!state_.is_dumping) return false;
  state_.is_dumping = false;
  if (!std::exchange(state_.begin_again, false)) {
    lost();
    return true;
  }
  state_.asked = 0;
  const auto asked = state_.ask();
  if (!asked) fail(asked.error());
  return !asked;
}

Result<RouteEvent> NextRouteEvent::await_resume() { return result(std::move(event_)); }

}  // namespace tocsin
