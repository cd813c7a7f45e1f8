// SPDX-License-Identifier: MIT
#include "tocsin/poll/poller.hpp"

#include <utility>

#include "tocsin/poll/epoll_poller.hpp"
#include "tocsin/poll/io_uring_epoll_poller.hpp"
#include "tocsin/poll/io_uring_poller.hpp"
#include "tocsin/poll/poll_poller.hpp"
#include "tocsin/poll/select_poller.hpp"

namespace tocsin {

std::string_view name_of(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::epoll:
      return "epoll";
    case Mechanism::poll:
      return "poll";
    case Mechanism::select:
      return "select";
    case Mechanism::io_uring:
      return "io_uring";
    case Mechanism::io_uring_epoll:
      return "io_uring_epoll";
  }
  std::unreachable();
}

Result<std::unique_ptr<Poller>> make_poller(Kernel& kernel, Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::epoll:
      return EpollPoller::create(kernel);
    case Mechanism::poll:
      return std::make_unique<PollPoller>(kernel);
    case Mechanism::select:
      return std::make_unique<SelectPoller>(kernel);
    case Mechanism::io_uring:
      return IoUringPoller::create(kernel);
    case Mechanism::io_uring_epoll:
      return IoUringEpollPoller::create(kernel);
  }
  std::unreachable();
}

}  // namespace tocsin
