// SPDX-License-Identifier: MIT
//
// IoUringEpollPoller: the Poller that is an epoll inside an io_uring (IORING_OP_EPOLL_WAIT).
//
//     epoll_ctl(2) --> epoll --> IORING_OP_EPOLL_WAIT --> io_uring_enter(2) --> Loop
//
// Registrations are epoll's, with every mode it has and its identity; only the wait is a request in
// a ring. That is for programs which move from the one to the other: what is registered stays where
// it is, and whoever waits, waits in a ring. It costs a system call a wait, as epoll_wait(2) does.
//
// A request takes events out of the epoll whenever it completes, so none is left in flight between
// two waits: an edge would lie in the ring, seen by nobody, and a level would be news of yesterday.
// A wait whose time is over therefore calls its request off, and takes what that brings. A wait of
// no time at all asks the epoll directly.
//
// Ownership: of the epoll and the ring. Thread rule: one thread at a time.
#pragma once

#include <memory>
#include <utility>

#include "tocsin/kern/io_uring.hpp"
#include "tocsin/poll/epoll_poller.hpp"

namespace tocsin {

class IoUringEpollPoller final : public Poller {
 public:
  /// Fails as epoll_create1(2) and io_uring_setup(2) do: EPERM where rings are forbidden, ENOSYS
  /// where there are none, or none that knows the request (before Linux 6.15), EMFILE, ENFILE,
  /// ENOMEM. `kernel` must outlive the Poller.
  static Result<std::unique_ptr<IoUringEpollPoller>> create(Kernel& kernel);

  Result<> add(int fd, Ready interest, Mode mode, Token token) override {
    return epoll_->add(fd, interest, mode, token);
  }
  Result<> modify(int fd, Ready interest, Mode mode, Token token) override {
    return epoll_->modify(fd, interest, mode, token);
  }
  Result<> remove(int fd) override { return epoll_->remove(fd); }
  Result<std::span<Event>> wait(std::span<Event> out, std::optional<Duration> timeout) override;
  int fd() const override { return epoll_->fd(); }

 private:
  IoUringEpollPoller(Kernel& kernel, std::unique_ptr<EpollPoller> epoll,
                     std::unique_ptr<IoUring> ring)
      : kernel_(kernel), epoll_(std::move(epoll)), ring_(std::move(ring)) {}

  std::optional<Count> take_answer();
  Count call_off();

  Kernel& kernel_;
  std::unique_ptr<EpollPoller> epoll_;
  std::unique_ptr<IoUring> ring_;
  std::uint64_t request_ = 0;  // The number of the latest.
};

}  // namespace tocsin
