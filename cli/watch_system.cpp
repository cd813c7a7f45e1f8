// SPDX-License-Identifier: MIT
#include <array>
#include <charconv>
#include <variant>

#include <fmt/core.h>

#include "cli/watch_kind.hpp"
#include "cli/watch_words.hpp"
#include "tocsin/net/route_events.hpp"
#include "tocsin/source/mounts.hpp"
#include "tocsin/source/pressure.hpp"

namespace tocsin::cli {
namespace {

// ---- mounts -------------------------------------------------------------------------------------

WatchEvent event_of(const MountChange& change, const std::string& what) {
  using Kind = MountChange::Kind;
  const char* const name = change.kind == Kind::added     ? "mounted"
                           : change.kind == Kind::removed ? "unmounted"
                                                          : "changed";
  return WatchEvent(what, name)
      .with("path", change.mount.point)
      .with("type", change.mount.type)
      .with("source", change.mount.source)
      .with("options", change.mount.options);
}

Task<Result<>> watch_mounts(WatchReport& report, Mounts mounts, std::string what) {
  while (true) {
    const auto changes = co_await mounts.next();
    if (!changes) co_return std::unexpected(changes.error());
    for (const MountChange& change : *changes) co_await report.tell(event_of(change, what));
  }
}

WatchComplaint start_mounts(WatchWorld& world, const Watched& watched) {
  auto mounts = Mounts::create(world.loop);
  if (!mounts)
    return fmt::format("/proc/self/mountinfo: {}; is /proc mounted?", mounts.error().message());
  world.scope.spawn(watch_mounts(world.report, std::move(*mounts), watched.text));
  return {};
}

// ---- pressure -----------------------------------------------------------------------------------

constexpr const char* pressure_form =
    "give a resource (cpu, memory, io), some or full, a stall and a window: "
    "psi:memory:some:100ms:2s";

struct PressureAsked {
  Resource resource;
  PressureTrigger trigger;
};

std::optional<PressureAsked> parse_pressure_form(std::string_view text) {
  std::array<std::string_view, 4> parts;
  for (std::string_view& part : parts) {
    const std::size_t colon = text.find(':');
    part = text.substr(0, colon);
    text = colon == text.npos ? std::string_view() : text.substr(colon + 1);
  }
  const auto [resource, share, stall, window] = parts;
  const auto stall_length = parse_duration(stall);
  const auto window_length = parse_duration(window);
  if (!text.empty() || !stall_length || !window_length) return std::nullopt;
  if (share != "some" && share != "full") return std::nullopt;
  const PressureTrigger trigger{*stall_length, *window_length, share == "full"};
  if (resource == "cpu") return PressureAsked{Resource::cpu, trigger};
  if (resource == "memory") return PressureAsked{Resource::memory, trigger};
  if (resource == "io") return PressureAsked{Resource::io, trigger};
  return std::nullopt;
}

Task<Result<>> watch_pressure(WatchReport& report, Pressure pressure, bool full, std::string what) {
  while (true) {
    const auto info = co_await pressure.next();
    if (!info) co_return std::unexpected(info.error());
    const PressureLine& line = full ? info->full : info->some;
    const auto percent = [](double value) { return fmt::format("{:.2f}", value); };
    WatchEvent event = WatchEvent(what, "pressure")
                           .with("average_10s", percent(line.average_10s))
                           .with("average_60s", percent(line.average_60s))
                           .with("average_300s", percent(line.average_300s));
    co_await report.tell(std::move(event));
  }
}

WatchComplaint start_pressure(WatchWorld& world, const Watched& watched) {
  const auto asked = parse_pressure_form(watched.rest);
  if (!asked) return pressure_form;
  auto pressure = Pressure::create(world.loop, asked->resource, asked->trigger);
  if (!pressure) {
    const Errno error = pressure.error();
    if (error == Errno{ENOENT}) return "this kernel does not measure it (CONFIG_PSI)";
    if (error == Errno::unsupported) return "it is switched off; boot with psi=1";
    if (error == Errno::invalid)
      return "the window lies between 500ms and 10s, the stall within it; without "
             "CAP_SYS_RESOURCE the window is a multiple of 2s";
    return fmt::format("cannot be watched: {}", error.message());
  }
  world.scope.spawn(
      watch_pressure(world.report, std::move(*pressure), asked->trigger.full, watched.text));
  return {};
}

// ---- the network --------------------------------------------------------------------------------

void describe(const Link& link, WatchEvent& event) {
  event.fields = {{"link", link.name},
                  {"state", !link.is_up()       ? "down"
                            : link.is_running() ? "running"
                                                : "up"},
                  {"mtu", std::to_string(link.mtu)}};
}
void describe(const InterfaceAddress& address, WatchEvent& event) {
  event.fields = {{"address", host_of(address.address)},
                  {"prefix", std::to_string(address.prefix_length)},
                  {"link", std::to_string(address.interface)}};
}
void describe(const Route& route, WatchEvent& event) {
  const bool is_default = route.destination.family() == AF_UNSPEC;
  event.fields = {{"route", is_default ? "default" : host_of(route.destination)},
                  {"prefix", std::to_string(route.prefix_length)},
                  {"link", std::to_string(route.interface)}};
  if (route.gateway.family() != AF_UNSPEC)
    event.fields.emplace_back("gateway", host_of(route.gateway));
}
void describe(std::monostate, WatchEvent&) {}

WatchEvent event_of(const RouteEvent& event, const std::string& what) {
  using Kind = RouteEvent::Kind;
  WatchEvent words(what, event.kind == Kind::removed  ? "removed"
                         : event.kind == Kind::resync ? "lost"
                                                      : "changed");
  std::visit([&](const auto& thing) { describe(thing, words); }, event.what);
  return words;
}

Task<Result<>> watch_network(WatchReport& report, RouteEvents events, std::string what) {
  while (auto event = co_await events.next()) co_await report.tell(event_of(*event, what));
  co_return {};
}

WatchComplaint start_network(WatchWorld& world, const Watched& watched) {
  RouteOptions options{.links = watched.rest == "link",
                       .addresses = watched.rest == "address",
                       .routes = watched.rest == "route"};
  if (!options.links && !options.addresses && !options.routes)
    return "give what of the network: netlink:link, netlink:address, netlink:route";
  auto events = RouteEvents::create(world.loop, options);
  if (!events) return fmt::format("no netlink socket: {}", events.error().message());
  world.scope.spawn(watch_network(world.report, std::move(*events), watched.text));
  return {};
}

}  // namespace

std::vector<WatchKind> system_watch_kinds() {
  return {
      {"netlink", "netlink:link|address|route", "changes of the network", start_network},
      {"mounts", "mounts", "what is mounted and unmounted", start_mounts},
      {"psi", "psi:RES:some|full:STALL:WIN", "stalls of cpu, memory or io", start_pressure},
  };
}

}  // namespace tocsin::cli
