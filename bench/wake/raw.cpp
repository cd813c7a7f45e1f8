// SPDX-License-Identifier: MIT
//
// Waking by the kernel alone: an eventfd(2) in an epoll set, written by one thread, read by the
// other.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "bench/wake/round_trip.hpp"

namespace {

class Raw {
 public:
  explicit Raw(wake::Side& side)
      : side_(side),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        eventfd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = eventfd_}};
    if (epoll_ < 0 || eventfd_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, eventfd_, &event) != 0)
      std::abort();
  }

  void wake() {
    const std::uint64_t one = 1;
    if (write(eventfd_, &one, sizeof one) != sizeof one) std::abort();
  }

  void run() {
    while (!side_.is_done()) {
      epoll_event event{};
      std::uint64_t count = 0;
      if (epoll_wait(epoll_, &event, 1, -1) != 1) std::abort();
      if (read(eventfd_, &count, sizeof count) != sizeof count) std::abort();
      side_.woken();
    }
  }

 private:
  wake::Side& side_;
  int epoll_, eventfd_;
};

}  // namespace

int main(int argc, char** argv) { return wake::measure_wake<Raw>(argc, argv); }
