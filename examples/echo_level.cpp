// SPDX-License-Identifier: MIT
//
// echo_level HOST:PORT: sends back what it is sent; level-triggered, on the Poller alone.
//
// The first of the two classic servers of epoll(7). A level is told of at every wait as long as it
// holds, so nothing needs to be remembered: read once, write once, and what is left will be
// announced again. The price is an epoll_ctl(2) whenever the interest changes, and that an interest
// nobody serves (a full output, no descriptor left for accept) has to be withdrawn, or every wait
// returns at once.
#include <array>
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
    if (auto added = poller_.add(stop_.get(), Ready::read, level, stop_token); !added) return added;
    if (auto added = poller_.add(listener_.get(), Ready::read, level, listener_token); !added)
      return added;
    std::array<Event, 64> room;
    while (true) {
      const auto events = poller_.wait(room, std::nullopt);
      if (!events) return std::unexpected(events.error());
      for (const Event& event : *events) {
        if (event.token == stop_token) return {};
        if (event.token == listener_token)
          accept_one();
        else
          serve(event.token);
      }
    }
  }

 private:
  struct Connection {
    Fd fd;
    std::string unsent;  // While there is some, we wait for room instead of for more.
  };
  static constexpr Mode level{};
  static constexpr Token stop_token{0};
  static constexpr Token listener_token{1};

  // One is enough: if there are more, the listener is still ready at the next wait.
  void accept_one() {
    const auto fd =
        kernel_.accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (!fd) {
      if (fd.error() == Errno{EMFILE} || fd.error() == Errno{ENFILE}) listen_for(Ready::none);
      return;  // Anything else is the peer's affair: it left before we came.
    }
    const Token token{next_token_++};
    Fd owned(kernel_, *fd);
    if (poller_.add(*fd, Ready::read, level, token))
      connections_.emplace(token, Connection{std::move(owned), {}});
  }

  void serve(Token token) {
    const auto found = connections_.find(token);
    if (found == connections_.end()) return;  // Closed by an earlier event of the same harvest.
    Connection& peer = found->second;
    const bool waited_for_room = !peer.unsent.empty();
    if ((!waited_for_room && !receive(peer)) || !send(peer)) return close(found);
    const bool waits_for_room = !peer.unsent.empty();
    if (waits_for_room == waited_for_room) return;
    const Ready interest = waits_for_room ? Ready::write : Ready::read;
    if (!poller_.modify(peer.fd.get(), interest, level, token)) close(found);
  }

  // False once the peer has finished, or is gone.
  bool receive(Connection& peer) {
    std::array<std::byte, 16384> buffer;
    const auto count = kernel_.recv(peer.fd.get(), buffer, 0);
    if (!count) return count.error() == Errno::again;
    peer.unsent = as_text(std::span(buffer).first(*count));
    return *count > 0;
  }

  // False if the peer is gone.
  bool send(Connection& peer) {
    if (peer.unsent.empty()) return true;
    const auto count = kernel_.send(peer.fd.get(), as_bytes(peer.unsent), MSG_NOSIGNAL);
    if (!count) return count.error() == Errno::again;
    peer.unsent.erase(0, *count);
    return true;
  }

  void close(std::map<Token, Connection>::iterator peer) {
    static_cast<void>(poller_.remove(peer->second.fd.get()));
    connections_.erase(peer);
    if (!listening_) listen_for(Ready::read);  // There is a descriptor again.
  }

  void listen_for(Ready interest) {
    listening_ = interest != Ready::none;
    static_cast<void>(poller_.modify(listener_.get(), interest, level, listener_token));
  }

  Kernel& kernel_;
  Poller& poller_;
  const Fd& listener_;
  const Fd& stop_;
  std::map<Token, Connection> connections_;
  std::uint64_t next_token_ = 2;
  bool listening_ = true;
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
