// SPDX-License-Identifier: MIT
//
// echo_edge HOST:PORT: sends back what it is sent; edge-triggered, on the Poller alone.
//
// The second of the two classic servers of epoll(7). Each connection is registered once, for both
// directions, and never touched again: an edge says that something has changed, and what it said
// stays true until a call answers EAGAIN (or a stream is read short). So the server has to remember
// who is ready, and a peer that never stops sending would keep it busy for ever, were it not for
// the ready list of epoll(7), "Starvation (edge-triggered)": everybody on it gets one buffer a
// round.
#include <array>
#include <deque>
#include <map>
#include <string>

#include "examples/listen.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/poll/poller.hpp"

namespace {

using namespace tocsin;

class EchoServer {
 public:
  EchoServer(Kernel& kernel, Poller& poller, const Fd& listener, const Fd& stop)
      : kernel_(kernel), poller_(poller), listener_(listener), stop_(stop) {}

  Result<> run() {
    if (auto added = poller_.add(stop_.get(), Ready::read, edge, stop_token); !added) return added;
    if (auto added = poller_.add(listener_.get(), Ready::read, edge, listener_token); !added)
      return added;
    std::array<Event, 64> room;
    while (true) {
      // With work at hand only look; whoever is ready by now joins the round.
      const auto timeout = ready_.empty() ? std::nullopt : std::optional(Duration::zero());
      const auto events = poller_.wait(room, timeout);
      if (!events) return std::unexpected(events.error());
      for (const Event& event : *events) {
        if (event.token == stop_token) return {};
        if (event.token == listener_token)
          accept_all();
        else
          remember(event);
      }
      serve_round();
    }
  }

 private:
  struct Connection {
    Fd fd;
    std::string unsent;
    bool readable = false;  // By the last edge, until EAGAIN or a short write.
    bool writable = false;
    bool listed = false;  // In ready_.
  };
  static constexpr Mode edge{.trigger = Trigger::edge};
  static constexpr Token stop_token{0};
  static constexpr Token listener_token{1};
  static constexpr std::size_t buffer_size = 16384;

  // The next edge comes with the next connection, not with those that wait already: all of them,
  // until EAGAIN. Out of descriptors, we come back when a connection has ended.
  void accept_all() {
    constexpr int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    while (true) {
      const auto fd = kernel_.accept4(listener_.get(), nullptr, nullptr, flags);
      if (!fd && fd.error() == Errno{ECONNABORTED}) continue;  // That one left again.
      starved_ = !fd && (fd.error() == Errno{EMFILE} || fd.error() == Errno{ENFILE});
      if (!fd) return;
      const Token token{next_token_++};
      Fd owned(kernel_, *fd);
      if (poller_.add(*fd, Ready::read | Ready::write | Ready::read_hangup, edge, token))
        connections_.emplace(token, Connection{.fd = std::move(owned), .unsent = {}});
    }
  }

  void remember(const Event& event) {
    const auto found = connections_.find(event.token);
    if (found == connections_.end()) return;
    Connection& peer = found->second;
    const Ready end = Ready::hangup | Ready::error | Ready::read_hangup;
    if (any(event.ready, Ready::read | end)) peer.readable = true;
    if (any(event.ready, Ready::write | end)) peer.writable = true;
    list(event.token, peer);
  }

  static bool can_go_on(const Connection& peer) {
    return peer.unsent.empty() ? peer.readable : peer.writable;
  }

  void list(Token token, Connection& peer) {
    if (peer.listed || !can_go_on(peer)) return;
    peer.listed = true;
    ready_.push_back(token);
  }

  // Everybody who is ready now, once; whoever is ready still goes to the end of the list.
  void serve_round() {
    for (std::size_t left = ready_.size(); left > 0; --left) {
      const Token token = ready_.front();
      ready_.pop_front();
      const auto found = connections_.find(token);
      Connection& peer = found->second;
      peer.listed = false;
      if (receive(peer) && send(peer))
        list(token, peer);
      else
        close(found);
    }
  }

  // False once the peer has finished, or is gone.
  bool receive(Connection& peer) {
    if (!peer.unsent.empty() || !peer.readable) return true;
    std::array<std::byte, buffer_size> buffer;
    const auto count = kernel_.recv(peer.fd.get(), buffer, 0);
    if (!count) {
      peer.readable = false;
      return count.error() == Errno::again;
    }
    // Readable until EAGAIN, though a short read has drained the socket too: drained of bytes, not
    // of the end of the stream, which makes no edge of its own when it came along with them.
    peer.unsent = as_text(std::span(buffer).first(*count));
    return *count > 0;
  }

  // False if the peer is gone.
  bool send(Connection& peer) {
    if (peer.unsent.empty() || !peer.writable) return true;
    const auto count = kernel_.send(peer.fd.get(), as_bytes(peer.unsent), MSG_NOSIGNAL);
    if (!count) {
      peer.writable = false;
      return count.error() == Errno::again;
    }
    peer.writable = *count == peer.unsent.size();  // Short: there is no more room.
    peer.unsent.erase(0, *count);
    return true;
  }

  void close(std::map<Token, Connection>::iterator peer) {
    static_cast<void>(poller_.remove(peer->second.fd.get()));
    connections_.erase(peer);
    if (starved_) accept_all();
  }

  Kernel& kernel_;
  Poller& poller_;
  const Fd& listener_;
  const Fd& stop_;
  std::map<Token, Connection> connections_;
  std::deque<Token> ready_;  // Exactly those whose `listed` is set.
  std::uint64_t next_token_ = 2;
  bool starved_ = false;  // accept4 found no descriptor left.
};

}  // namespace

int main(int argc, char** argv) {
  Kernel& kernel = LinuxKernel::shared();
  return example::run_server(kernel, argc, argv,
                             [&](const Fd& listener, const Fd& stop) -> Result<> {
                               const auto poller = make_poller(kernel, Mechanism::epoll);
                               if (!poller) return std::unexpected(poller.error());
                               return EchoServer(kernel, **poller, listener, stop).run();
                             });
}
