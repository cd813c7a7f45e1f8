// SPDX-License-Identifier: MIT
//
// The chain on epoll(7) alone, edge-triggered: the kernel does not look again at a pair it has told
// of, and a read takes whatever is there, which was all once it is less than asked for. The least
// that can be done with three system calls, so the least a library can come to.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>

#include "bench/chain/chain.hpp"

namespace {

class RawEpollEdge {
 public:
  explicit RawEpollEdge(chain::Chain& chain) : chain_(chain), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) chain::fail("epoll_create1");
    control_all(EPOLL_CTL_ADD);
  }

  void wait_again() {
    control_all(EPOLL_CTL_DEL);
    control_all(EPOLL_CTL_ADD);
  }

  void run() {
    std::array<epoll_event, 1024> events;
    while (!chain_.is_complete()) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0) chain::fail("epoll_wait");
      for (int i = 0; i < count; ++i) read_all(events[static_cast<std::size_t>(i)].data.u64);
    }
  }

 private:
  void control_all(int operation) {
    for (std::size_t i = 0; i < chain_.size(); ++i) {
      epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = i}};
      if (epoll_ctl(epoll_, operation, chain_.reader(i), &event) != 0) chain::fail("epoll_ctl");
    }
  }

  void read_all(std::size_t pair) {
    std::array<char, 64> bytes;
    std::size_t count = bytes.size();
    while (count == bytes.size()) {
      const ssize_t got = recv(chain_.reader(pair), bytes.data(), bytes.size(), 0);
      if (got <= 0) return;
      count = static_cast<std::size_t>(got);
      for (std::size_t i = 0; i < count; ++i)
        if (chain_.passes_on()) chain_.write(chain_.after(pair));
    }
  }

  chain::Chain& chain_;
  int epoll_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<RawEpollEdge>(argc, argv); }
