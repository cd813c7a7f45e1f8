// SPDX-License-Identifier: MIT
//
// SelectPoller: the Poller that is pselect(2), for any fd number.
//
//     pselect6(2) --> [ SelectPoller ] --> Loop
//
// The limit of 1024 descriptors is the C library's fd_set, not the kernel's (select(2), "BUGS"):
// the sets here are as long as the highest number asks for. Level and oneshot; edge and exclusive
// it lacks. Its words are read, write and priority. An error it answers as whichever of read and
// write was asked for, a hangup as read ("a set in exceptfds" it is not), the way that select(2),
// "Correspondence between select() and poll() notifications", spells out; nothing unasked. Interest
// in read_hangup, error or hangup is refused with EOPNOTSUPP.
//
// Ownership: of no descriptor, so it never fails with EMFILE. Thread rule: one thread at a time.
#pragma once

#include <vector>

#include "tocsin/poll/internal/interest_list.hpp"
#include "tocsin/poll/poller.hpp"

namespace tocsin {

class SelectPoller final : public Poller {
 public:
  /// `kernel` must outlive the Poller.
  explicit SelectPoller(Kernel& kernel) : kernel_(kernel), list_(kernel) {}

  Result<> add(int fd, Ready interest, Mode mode, Token token) override;
  Result<> modify(int fd, Ready interest, Mode mode, Token token) override;
  Result<> remove(int fd) override { return list_.remove(fd); }
  Result<std::span<Event>> wait(std::span<Event> out, std::optional<Duration> timeout) override;
  int fd() const override { return -1; }

 private:
  using Set = std::vector<unsigned long>;

  int fill_sets();
  void read_sets();
  bool mark_closed();

  Kernel& kernel_;
  internal::InterestList list_;
  Set read_, write_, except_;  // Questions before the call, answers after it; reused.
};

}  // namespace tocsin
