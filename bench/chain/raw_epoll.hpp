// SPDX-License-Identifier: MIT
//
// The chain on epoll(7) alone: waited for `interest`, and `serve` reads from a pair that is ready
// and writes on.
//
// Thread rule: one thread. The epoll ends with the program.
#pragma once

#include <sys/epoll.h>

#include <array>

#include "bench/chain/chain.hpp"

namespace chain {

template <unsigned interest, void (*serve)(Chain&, std::size_t pair)>
class RawEpoll {
 public:
  explicit RawEpoll(Chain& chain) : chain_(chain), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
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
      if (count < 0) fail("epoll_wait");
      for (int i = 0; i < count; ++i) serve(chain_, events[static_cast<std::size_t>(i)].data.u64);
    }
  }

 private:
  void control_all(int operation) {
    for (std::size_t i = 0; i < chain_.size(); ++i) {
      epoll_event event{.events = interest, .data = {.u64 = i}};
      if (epoll_ctl(epoll_, operation, chain_.reader(i), &event) != 0) fail("epoll_ctl");
    }
  }

  Chain& chain_;
  int epoll_;
};

}  // namespace chain
