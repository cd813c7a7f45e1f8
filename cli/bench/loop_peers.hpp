// SPDX-License-Identifier: MIT
//
// What benchmarks with a server and its clients have in common: the server of examples/echo.cpp,
// and connections to it.
//
//     Clients (the main thread's loop) ──connections──> serve_echo (a LoopThread)
//
// A template over TcpStream and UnixStream, and their listeners.
//
// Thread rule: the server's tasks in its thread; Clients in the main thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "cli/bench/loop_thread.hpp"
#include "tocsin/net/tcp.hpp"
#include "tocsin/net/unix.hpp"

namespace tocsin::bench {

inline constexpr std::size_t message_size = 64;
inline constexpr Duration patience_with_peers = std::chrono::seconds{10};

/// Sends everything back, as examples/echo.cpp does.
template <class S>
Task<> echo(S peer) {
  while (auto bytes = co_await peer.read()) {
    if (bytes->empty()) co_return;
    if (!co_await peer.write_all(*bytes)) co_return;
  }
}

/// Echoes to whoever comes, until it is destroyed.
template <class Listener>
Task<> serve_echo(Loop& loop, Listener listener) {
  Scope connections(loop);
  while (auto peer = co_await listener.accept()) connections.spawn(echo(std::move(*peer)));
}

/// One message there and back. Says what went wrong.
template <class S>
Task<Result<>> round_trip(S& peer) {
  static constexpr std::array<std::byte, message_size> message{};
  if (const auto sent = co_await peer.write_all(message); !sent) co_return sent;
  for (std::size_t left = message.size(); left > 0;) {
    const auto bytes = co_await peer.read();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (bytes->empty()) co_return std::unexpected(Errno{ECONNRESET});
    left -= bytes->size();
  }
  co_return {};
}

/// Connections of the main thread, and the loop they belong to.
template <class S>
class Clients {
 public:
  explicit Clients(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

  /// Says why there are not `count` more connections to `address`.
  std::string connect(std::size_t count, Address address) {
    Scope scope(*loop_);
    scope.spawn(connect_each(count, address));
    if (auto late = run_until_empty(*loop_, scope, patience_with_peers); !late.empty()) return late;
    return complaint_;
  }

  Loop& loop() { return *loop_; }
  std::vector<S>& peers() { return peers_; }

 private:
  Task<> connect_each(std::size_t count, Address address) {
    for (std::size_t i = 0; i < count; ++i) {
      auto peer = co_await S::connect(*loop_, address);
      if (!peer) {
        complaint_ = why_not(fmt::format("connection number {}", i + 1), peer.error());
        co_return;
      }
      peers_.push_back(std::move(*peer));
    }
  }

  std::unique_ptr<Loop> loop_;
  std::vector<S> peers_;  // They end before the loop.
  std::string complaint_;
};

}  // namespace tocsin::bench
