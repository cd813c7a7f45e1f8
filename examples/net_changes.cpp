// SPDX-License-Identifier: MIT
//
// net_changes: what there is of links, addresses and routes, then every change, until SIGINT.
//
//     ./dev build && build/release/bin/examples/net_changes
#include <cstdio>

#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

constexpr std::array kinds{"present", "changed", "removed", "dumped", "resync"};

std::string text(std::monostate) { return {}; }
std::string text(const Link& link) {
  return "link " + link.name + (link.is_up() ? " up" : " down") + " " + link.address.text();
}
std::string text(const InterfaceAddress& of) {
  return "address " + of.address.host() + "/" + std::to_string(of.prefix_length) +
         " of interface " + std::to_string(of.interface);
}
std::string text(const Route& route) {
  const bool is_default = route.destination.size() == 0;
  std::string words = "route to " + (is_default ? "default" : route.destination.host()) + "/" +
                      std::to_string(route.prefix_length);
  if (route.gateway.size() != 0) words += " by " + route.gateway.host();
  return words + " on interface " + std::to_string(route.interface);
}

void print(const RouteEvent& event) {
  const std::string words = std::visit([](const auto& what) { return text(what); }, event.what);
  std::printf("%s %s\n", kinds[std::to_underlying(event.kind)], words.c_str());
  static_cast<void>(std::fflush(stdout));  // Somebody may read it at the end of a pipe.
}

Task<Result<>> report(Loop& loop) {
  auto events = RouteEvents::create(loop);
  if (!events) co_return std::unexpected(events.error());
  auto asked = events->dump();
  while (asked) {
    const auto event = co_await events->next();
    if (!event) co_return std::unexpected(event.error());
    print(*event);
    // Something was missed: what there is now has to be asked for.
    if (event->kind == RouteEvent::Kind::resync) asked = events->dump();
  }
  co_return asked;
}

}  // namespace

int main() {
  const auto done = run(report);
  if (!done) std::fprintf(stderr, "net_changes: %s\n", done.error().message().data());
  return done ? 0 : 1;
}
