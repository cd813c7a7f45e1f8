// SPDX-License-Identifier: MIT
#include <fmt/core.h>

#include "cli/watch_kind.hpp"
#include "cli/watch_words.hpp"
#include "tocsin/net/tcp.hpp"
#include "tocsin/net/udp.hpp"
#include "tocsin/net/unix.hpp"

namespace tocsin::cli {
namespace {

WatchComplaint why_not(const Address& address, Errno error) {
  if (error == Errno{EADDRINUSE})
    return fmt::format("{} is in use; choose another", address.text());
  if (error == Errno{EACCES})
    return fmt::format("{} is for privileged users; choose another", address.text());
  return fmt::format("cannot listen there: {}", error.message());
}

// ---- streams ------------------------------------------------------------------------------------

template <class S>
Task<> watch_connection(WatchReport& report, S peer, std::string what, std::string from) {
  const auto event = [&](const char* name) -> WatchEvent {
    return WatchEvent(what, name).with("from", from);
  };
  co_await report.tell(event("connected"));
  while (true) {
    auto bytes = co_await peer.read();
    if (!bytes) {
      if (bytes.error() == Errno::cancelled) co_return;
      co_await report.tell(event("broken").with("error", std::string(bytes.error().name())));
      co_return;
    }
    if (bytes->empty()) break;
    co_await report.tell(event("data").with("text", text_of(*bytes)));
  }
  co_await report.tell(event("closed"));
}

template <class Listener>
Task<Result<>> watch_listener(WatchReport& report, Loop& loop, Listener listener,
                              std::string what) {
  Scope connections(loop);
  while (true) {
    auto peer = co_await listener.accept();
    if (!peer) {
      connections.cancel();
      static_cast<void>(co_await connections.join());
      co_return std::unexpected(peer.error());
    }
    const auto from = peer->peer_address();
    connections.spawn(
        watch_connection(report, std::move(*peer), what, from ? from->text() : std::string()));
  }
}

template <class Listener>
WatchComplaint listen(WatchWorld& world, const Watched& watched, const Address& address) {
  auto listener = Listener::bind(world.loop, address);
  if (!listener) return why_not(address, listener.error());
  world.scope.spawn(watch_listener(world.report, world.loop, std::move(*listener), watched.text));
  return {};
}

WatchComplaint start_tcp(WatchWorld& world, const Watched& watched) {
  const auto address = Address::parse(watched.rest);
  if (!address || address->is_unix()) return "give an address: tcp:127.0.0.1:9000, tcp::9000";
  return listen<TcpListener>(world, watched, *address);
}

WatchComplaint start_unix(WatchWorld& world, const Watched& watched) {
  const auto address = Address::parse(watched.text);
  if (!address) return "give a path: unix:/run/x.sock, unix:@name";
  return listen<UnixListener>(world, watched, *address);
}

// ---- datagrams ----------------------------------------------------------------------------------

Task<Result<>> watch_datagrams(WatchReport& report, UdpSocket socket, std::string what) {
  while (auto datagram = co_await socket.receive()) {
    WatchEvent event = WatchEvent(what, "datagram")
                           .with("from", datagram->from.text())
                           .with("text", text_of(datagram->bytes));
    if (datagram->truncated) event.fields.emplace_back("truncated", "true");
    co_await report.tell(std::move(event));
  }
  co_return {};
}

WatchComplaint start_udp(WatchWorld& world, const Watched& watched) {
  const auto address = Address::parse(watched.rest);
  if (!address || address->is_unix()) return "give an address: udp:127.0.0.1:5353, udp::5353";
  auto socket = UdpSocket::bind(world.loop, *address);
  if (!socket) return why_not(*address, socket.error());
  world.scope.spawn(watch_datagrams(world.report, std::move(*socket), watched.text));
  return {};
}

}  // namespace

std::vector<WatchKind> socket_watch_kinds() {
  return {
      {"tcp", "tcp:HOST:PORT", "connections to it, and what they send", start_tcp},
      {"udp", "udp:HOST:PORT", "datagrams sent to it", start_udp},
      {"unix", "unix:PATH", "connections to a socket made there", start_unix},
  };
}

}  // namespace tocsin::cli
