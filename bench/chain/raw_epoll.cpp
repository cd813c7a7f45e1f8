// SPDX-License-Identifier: MIT
//
// The chain on epoll(7) alone, level-triggered: the least that waiting by epoll can cost.
#include <sys/epoll.h>

#include <array>

#include "bench/chain/chain.hpp"

namespace {

class RawEpoll {
 public:
  explicit RawEpoll(chain::Chain& chain) : chain_(chain), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
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
      for (int i = 0; i < count; ++i)
        chain_.on_readable(events[static_cast<std::size_t>(i)].data.u64);
    }
  }

 private:
  void control_all(int operation) {
    for (std::size_t i = 0; i < chain_.size(); ++i) {
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      if (epoll_ctl(epoll_, operation, chain_.reader(i), &event) != 0) chain::fail("epoll_ctl");
    }
  }

  chain::Chain& chain_;
  int epoll_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<RawEpoll>(argc, argv); }
