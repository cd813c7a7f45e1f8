// SPDX-License-Identifier: MIT
#include "tocsin/net/uevents.hpp"

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tocsin {
namespace {

constexpr std::uint32_t from_kernel = 1;  // The group; udev sends what it has made of it to 2.

constexpr std::array<std::string_view, 8> actions{"add",    "remove",  "change", "move",
                                                  "online", "offline", "bind",   "unbind"};
static_assert(actions.size() == std::to_underlying(Uevent::Action::unknown));

Uevent::Action action_of(std::string_view name) {
  const auto found = std::ranges::find(actions, name);
  return static_cast<Uevent::Action>(found - actions.begin());
}

// The text up to the next NUL, which `text` begins behind then; nullopt if there is none.
std::optional<std::string_view> take_text(std::string_view& text) {
  const std::size_t end = text.find('\0');
  if (end == text.npos) return std::nullopt;
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end + 1);
  return taken;
}

}  // namespace

std::string_view Uevent::value(std::string_view key) const {
  const auto found = std::ranges::find(values, key, &std::pair<std::string, std::string>::first);
  return found == values.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<Uevent> parse_uevent(ByteView datagram) {
  std::string_view text = as_text(datagram);
  const auto summary = take_text(text);
  if (!summary) return std::nullopt;
  const std::size_t at = summary->find('@');
  if (at == summary->npos) return std::nullopt;
  Uevent event{.action = action_of(summary->substr(0, at)),
               .device = std::string(summary->substr(at + 1)),
               .subsystem = {},
               .values = {}};
  while (const auto pair = take_text(text)) {
    const std::size_t equals = pair->find('=');
    if (equals == pair->npos) continue;
    event.values.emplace_back(pair->substr(0, equals), pair->substr(equals + 1));
  }
  event.subsystem = event.value("SUBSYSTEM");
  const std::string_view sequence = event.value("SEQNUM");
  std::from_chars(sequence.data(), sequence.data() + sequence.size(), event.sequence);
  return event;
}

bool NextUevent::take(ByteView& unread) {
  const ByteView datagram = std::exchange(unread, {});
  if (datagram.empty()) return false;
  auto event = parse_uevent(datagram);
  if (event) event_ = std::move(*event);
  return event.has_value();
}

Result<Uevents> Uevents::create(Loop& loop, const UeventOptions& options,
                                std::source_location where) {
  auto inbox = internal::NetlinkInbox::open(loop,
                                            {.protocol = NETLINK_KOBJECT_UEVENT,
                                             .groups = from_kernel,
                                             .receive_buffer = options.receive_buffer,
                                             .name = "uevents"},
                                            where);
  if (!inbox) return std::unexpected(inbox.error());
  return Uevents(std::make_unique<internal::NetlinkInbox>(std::move(*inbox)));
}

}  // namespace tocsin
