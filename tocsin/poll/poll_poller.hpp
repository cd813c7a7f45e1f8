// SPDX-License-Identifier: MIT
//
// PollPoller: the Poller that is ppoll(2).
//
//     ppoll(2) --> [ PollPoller ] --> Loop
//
// Level and oneshot; edge and exclusive it lacks. A wait costs what is registered, not what is
// ready. Identity is the fd number; a closed one is dropped at the next wait (see InterestList).
//
// Ownership: of no descriptor, so it never fails with EMFILE. Thread rule: one thread at a time.
#pragma once

#include "tocsin/poll/internal/interest_list.hpp"
#include "tocsin/poll/poller.hpp"

namespace tocsin {

class PollPoller final : public Poller {
 public:
  /// `kernel` must outlive the Poller.
  explicit PollPoller(Kernel& kernel) : kernel_(kernel), list_(kernel) {}

  Result<> add(int fd, Ready interest, Mode mode, Token token) override {
    return list_.add(fd, interest, mode, token);
  }
  Result<> modify(int fd, Ready interest, Mode mode, Token token) override {
    return list_.modify(fd, interest, mode, token);
  }
  Result<> remove(int fd) override { return list_.remove(fd); }

  /// Beyond the contract: EINVAL with more registrations than RLIMIT_NOFILE allows (poll(2)).
  Result<std::span<Event>> wait(std::span<Event> out, std::optional<Duration> timeout) override;

  int fd() const override { return -1; }

 private:
  Kernel& kernel_;
  internal::InterestList list_;
};

}  // namespace tocsin
