// SPDX-License-Identifier: MIT
//
// EpollPoller: the Poller that is epoll(7). It has every mode, and it is the one the Loop runs on.
//
//     epoll_wait(2) --> [ EpollPoller ] --> Loop
//
// Everything is the kernel's: interest list, order (round robin over what stays ready), identity (a
// registration belongs to an open file description). Nothing is kept here but the descriptor.
//
// Thread rule: any number of threads at once, as epoll itself; of those that wait, each event goes
// to one (edge, oneshot) or to any number (level), see epoll(7).
#pragma once

#include <atomic>
#include <memory>

#include "tocsin/kern/fd.hpp"
#include "tocsin/poll/poller.hpp"

namespace tocsin {

class EpollPoller final : public Poller {
 public:
  /// Fails as epoll_create1(2) does: EMFILE, ENFILE, ENOMEM. `kernel` must outlive the Poller.
  static Result<std::unique_ptr<EpollPoller>> create(Kernel& kernel);

  /// Beyond the contract: EINVAL for the epoll itself and for what EXCLUSIVE cannot be combined
  /// with (oneshot, read_hangup, priority, an epoll as target), ELOOP for a circle or more than
  /// five epolls in a chain, ENOSPC at /proc/sys/fs/epoll/max_user_watches (epoll_ctl(2)).
  Result<> add(int fd, Ready interest, Mode mode, Token token) override;
  Result<> modify(int fd, Ready interest, Mode mode, Token token) override;
  Result<> remove(int fd) override;

  Result<std::span<Event>> wait(std::span<Event> out, std::optional<Duration> timeout) override;

  int fd() const override { return epoll_.get(); }

 private:
  EpollPoller(Kernel& kernel, Fd epoll) : kernel_(kernel), epoll_(std::move(epoll)) {}

  Result<> control(int operation, int fd, Ready interest, Mode mode, Token token);
  Count wait_precisely(std::span<epoll_event> room, std::optional<Duration> timeout);

  Kernel& kernel_;
  Fd epoll_;
  std::atomic<bool> has_pwait2_ = true;  // False once epoll_pwait2(2) was found missing.
};

}  // namespace tocsin
