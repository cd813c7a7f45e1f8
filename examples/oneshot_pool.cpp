// SPDX-License-Identifier: MIT
//
// oneshot_pool HOST:PORT: sends back what it is sent; four threads on one epoll, and none of them
// waits for another while it serves a connection.
//
// EPOLLONESHOT makes it safe: a registration that has answered is disabled, so no second thread
// hears of the connection until the first has served it and arms it again (epoll(7), "EPOLLONESHOT
// [...] it is the caller's responsibility to rearm the file descriptor using epoll_ctl(2) with
// EPOLL_CTL_MOD"). Arming reads the state anew, so what came meanwhile is not lost. Only the table
// of connections has a lock.
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "examples/listen.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/poll/poller.hpp"

namespace {

using namespace tocsin;

class EchoPool {
 public:
  EchoPool(Kernel& kernel, Poller& poller, const Fd& listener, const Fd& stop)
      : kernel_(kernel), poller_(poller), listener_(listener), stop_(stop) {}

  Result<> run() {
    // Nobody reads the signal, and a level is told to whoever waits: one signal ends all threads.
    if (auto added = poller_.add(stop_.get(), Ready::read, {}, stop_token); !added) return added;
    if (auto added = poller_.add(listener_.get(), Ready::read, oneshot, listener_token); !added)
      return added;
    std::vector<std::jthread> others;
    for (int i = 1; i < thread_count; ++i) others.emplace_back([this] { work(); });
    work();
    return {};
  }

 private:
  struct Connection {
    Fd fd;
    std::string unsent;  // While there is some, we wait for room instead of for more.
  };
  static constexpr int thread_count = 4;
  static constexpr Mode oneshot{.oneshot = true};
  static constexpr Token stop_token{0};
  static constexpr Token listener_token{1};

  // Room for one event: two taken at once would be served one after the other, while another
  // thread is idle.
  void work() {
    std::array<Event, 1> room;
    while (true) {
      const auto events = poller_.wait(room, std::nullopt);
      if (!events) return;
      if (events->empty()) continue;
      const Token token = room.front().token;
      if (token == stop_token) return;
      if (token == listener_token)
        accept_one();
      else
        serve(token);
    }
  }

  void accept_one() {
    auto fd = accept();
    if (is_full(fd)) {  // The listener stays disabled until a connection ends...
      starved_ = true;
      fd = accept();  // ... unless the last one ended before it could read that.
      if (is_full(fd)) return;
    }
    if (fd) open(Fd(kernel_, *fd));
    listen();
  }

  Result<int> accept() {
    return kernel_.accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }

  static bool is_full(const Result<int>& accepted) {
    return !accepted && (accepted.error() == Errno{EMFILE} || accepted.error() == Errno{ENFILE});
  }

  // Armed under the table's lock, here and in `serve`: the event may reach another thread before
  // the call that arms is back, but to look the connection up that thread needs the lock. So it
  // comes after everything that was done here, in the eyes of C++'s memory model too, which knows
  // nothing of the kernel between the two.
  void open(Fd fd) {
    const std::scoped_lock lock(mutex_);
    const int number = fd.get();
    const Token token{next_token_++};
    connections_.emplace(token, Connection{std::move(fd), {}});
    if (!poller_.add(number, Ready::read, oneshot, token)) connections_.erase(token);
  }

  // Whoever is here has the connection to itself, until it arms it again.
  void serve(Token token) {
    Connection& peer = find(token);
    if (!receive(peer) || !send(peer)) return close(token, peer);
    const Ready interest = peer.unsent.empty() ? Ready::read : Ready::write;
    const std::scoped_lock lock(mutex_);
    // Nothing of what epoll_ctl(2) lists befalls a registration that is there and not exclusive.
    static_cast<void>(poller_.modify(peer.fd.get(), interest, oneshot, token));
  }

  // False once the peer has finished, or is gone.
  bool receive(Connection& peer) {
    if (!peer.unsent.empty()) return true;
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

  void close(Token token, Connection& peer) {
    static_cast<void>(poller_.remove(peer.fd.get()));
    {
      const std::scoped_lock lock(mutex_);
      connections_.erase(token);
    }
    if (starved_.exchange(false)) listen();
  }

  void listen() {
    static_cast<void>(poller_.modify(listener_.get(), Ready::read, oneshot, listener_token));
  }

  // The table moves nothing: a reference stays good while others come and go.
  Connection& find(Token token) {
    const std::scoped_lock lock(mutex_);
    return connections_.at(token);
  }

  Kernel& kernel_;
  Poller& poller_;
  const Fd& listener_;
  const Fd& stop_;
  std::atomic<bool> starved_ = false;  // accept4 found no descriptor left.
  std::mutex mutex_;                   // Guards the two below; a Connection is its thread's.
  std::map<Token, Connection> connections_;
  std::uint64_t next_token_ = 2;
};

}  // namespace

int main(int argc, char** argv) {
  Kernel& kernel = LinuxKernel::shared();
  return example::run_server(kernel, argc, argv,
                             [&](const Fd& listener, const Fd& stop) -> Result<> {
                               const auto poller = make_poller(kernel, Mechanism::epoll);
                               if (!poller) return std::unexpected(poller.error());
                               return EchoPool(kernel, **poller, listener, stop).run();
                             });
}
