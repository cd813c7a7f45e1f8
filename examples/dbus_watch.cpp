// SPDX-License-Identifier: MIT
//
// dbus_watch [ADDRESS]: the names on the session's bus of D-Bus, or the one at ADDRESS, and from
// then on who comes and goes, one a line, until it is interrupted.
//
//     ./dev build && build/release/bin/examples/dbus_watch unix:path=/run/dbus/system_bus_socket
#include <cstdio>
#include <string>
#include <vector>

#include "tocsin/adapters/sdbus/bus.hpp"
#include "tocsin/tocsin.hpp"

using namespace tocsin;

namespace {

constexpr const char* the_bus = "org.freedesktop.DBus";

void print(char sign, const std::string& name) {
  std::printf("%c %s\n", sign, name.c_str());
  std::fflush(stdout);
}

std::unexpected<Errno> because(const char* what, const sdbus::Error& error) {
  if (error != Errno::cancelled)
    std::fprintf(stderr, "dbus_watch: %s: %s\n", what, error.message().c_str());
  return std::unexpected(error.number());
}

Task<Result<>> watch(Loop& loop, const char* address) {
  auto connecting =
      address == nullptr ? sdbus::Bus::connect_session(loop) : sdbus::Bus::connect(loop, address);
  auto bus = co_await std::move(connecting);
  if (!bus) co_return because("cannot connect", bus.error());

  // The rule first: who comes in between is told twice, but nobody is missed.
  auto changes =
      bus->match("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'");
  if (!changes) co_return because("cannot listen", changes.error());
  const auto list = co_await bus->call(the_bus, "/org/freedesktop/DBus", the_bus, "ListNames");
  if (!list) co_return because("cannot list the names", list.error());
  std::vector<std::string> names;
  if (list->read(names))
    for (const std::string& name : names) print('=', name);

  while (true) {
    const auto change = co_await changes->next();
    if (!change) co_return because("the bus", change.error());
    std::string name, old_owner, new_owner;
    if (change->message.read(name, old_owner, new_owner))
      print(new_owner.empty() ? '-' : '+', name);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run([&](Loop& loop) { return watch(loop, argc > 1 ? argv[1] : nullptr); }) ? 0 : 1;
}
