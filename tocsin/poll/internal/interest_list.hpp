// SPDX-License-Identifier: MIT
//
// InterestList: who is watched, for the mechanisms whose kernel side remembers nothing between two
// calls (poll, select). Internal to poll.
//
//     add, modify, remove --> [ InterestList ] --> ppoll(2), pselect(2) --> answer
//
// The list is an array of pollfd, ready to be handed to ppoll(2); select makes its sets from it and
// writes what it learns into `revents`. Identity is the number of the fd, because that is all that
// these calls know: a number that was closed without `remove` and taken again answers under its old
// token. A number that is closed when the kernel looks is dropped without a word, as epoll drops a
// closed description: answering POLLNVAL would make every wait return at once, for ever.
//
// Ownership: of no fd. Thread rule: one thread at a time.
#pragma once

#include <poll.h>

#include <cstddef>
#include <span>
#include <vector>

#include "tocsin/kern/kernel.hpp"
#include "tocsin/poll/ready.hpp"

namespace tocsin::internal {

/// Whether `fd` is open and of a kind that can be waited for. EBADF; EPERM for a regular file, a
/// directory or a block device. poll(2) and select(2) would call those always ready; epoll refuses
/// them. All Pollers refuse them, because "ready" is a promise that reading does not block, and
/// about a disk nobody can promise that: whoever believed it would stall the whole loop.
Result<> check_can_wait(Kernel& kernel, int fd);

/// Whether `fd` names anything (fcntl(2), F_GETFD).
bool is_open(Kernel& kernel, int fd);

class InterestList {
 public:
  /// `kernel` must outlive the list.
  explicit InterestList(Kernel& kernel) : kernel_(kernel) {}

  // As the calls of Poller. Edge and exclusive fail with EOPNOTSUPP: both need a memory of what has
  // been answered on the kernel's side of the fence. Oneshot is exact: disabled between two calls.
  Result<> add(int fd, Ready interest, Mode mode, Token token);
  Result<> modify(int fd, Ready interest, Mode mode, Token token);
  Result<> remove(int fd);

  /// One entry for each registration, in the order of adding; `fd` is negative while it is
  /// disabled, as poll(2) has it. Valid until the next change; only `revents` is the caller's.
  std::span<pollfd> fds() { return fds_; }

  /// Forgets every registration whose `revents` holds POLLNVAL.
  void drop_closed();

  /// Fills `out` from `revents`, beginning behind the registration that was answered last, so that
  /// whoever found no room is first in the next round. Disables oneshot registrations it answers.
  std::span<Event> answer(std::span<Event> out);

 private:
  struct Watch {
    Token token;
    bool oneshot;
  };
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

  std::size_t find(int fd) const;
  void assign(std::size_t place, int fd, Ready interest, Mode mode, Token token);
  void erase(std::size_t place);

  Kernel& kernel_;
  std::vector<pollfd> fds_;
  std::vector<Watch> watches_;       // Beside fds_: same size, same order.
  std::vector<std::size_t> places_;  // By fd number: its index in fds_, or nowhere.
  std::size_t next_ = 0;             // Where the next answer begins to look.
};

}  // namespace tocsin::internal
