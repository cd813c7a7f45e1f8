// SPDX-License-Identifier: MIT
#include "tocsin/poll/select_poller.hpp"

#include <algorithm>

#include "tocsin/base/check.hpp"
#include "tocsin/poll/internal/timeout.hpp"

namespace tocsin {
namespace {

constexpr Ready words = Ready::read | Ready::write | Ready::priority;
constexpr std::size_t bits = 8 * sizeof(unsigned long);

bool is_lacking(Ready interest) { return any(interest, ~words); }

void set_bit(std::vector<unsigned long>& set, std::size_t number) {
  set[number / bits] |= 1UL << (number % bits);
}

bool has_bit(const std::vector<unsigned long>& set, std::size_t number) {
  return (set[number / bits] >> (number % bits) & 1UL) != 0;
}

}  // namespace

Result<> SelectPoller::add(int fd, Ready interest, Mode mode, Token token) {
  if (is_lacking(interest)) return std::unexpected(Errno::unsupported);
  return list_.add(fd, interest, mode, token);
}

Result<> SelectPoller::modify(int fd, Ready interest, Mode mode, Token token) {
  if (is_lacking(interest)) return std::unexpected(Errno::unsupported);
  return list_.modify(fd, interest, mode, token);
}

// Writes the questions and answers how many descriptors the sets speak of (select(2), "nfds").
int SelectPoller::fill_sets() {
  int count = 0;
  for (const pollfd& watched : list_.fds()) count = std::max(count, watched.fd + 1);
  const std::size_t length = (static_cast<std::size_t>(count) + bits - 1) / bits;
  for (Set* set : {&read_, &write_, &except_}) set->assign(length, 0);

  for (const pollfd& watched : list_.fds()) {
    if (watched.fd < 0) continue;  // Disabled.
    const auto number = static_cast<std::size_t>(watched.fd);
    if ((watched.events & POLLIN) != 0) set_bit(read_, number);
    if ((watched.events & POLLOUT) != 0) set_bit(write_, number);
    if ((watched.events & POLLPRI) != 0) set_bit(except_, number);
  }
  return count;
}

void SelectPoller::read_sets() {
  for (pollfd& watched : list_.fds()) {
    watched.revents = 0;
    if (watched.fd < 0) continue;
    const auto number = static_cast<std::size_t>(watched.fd);
    const int found = (has_bit(read_, number) ? POLLIN : 0) |
                      (has_bit(write_, number) ? POLLOUT : 0) |
                      (has_bit(except_, number) ? POLLPRI : 0);
    watched.revents = static_cast<short>(found);
  }
}

// EBADF says that some descriptor is closed, not which.
bool SelectPoller::mark_closed() {
  bool found = false;
  for (pollfd& watched : list_.fds()) {
    const bool closed = watched.fd >= 0 && !internal::is_open(kernel_, watched.fd);
    watched.revents = closed ? POLLNVAL : 0;
    found = found || closed;
  }
  return found;
}

Result<std::span<Event>> SelectPoller::wait(std::span<Event> out, std::optional<Duration> timeout) {
  CHECK(!out.empty(), "a wait without room for an answer could never tell what is ready");
  internal::Deadline deadline(kernel_, timeout);
  while (true) {
    const int highest = fill_sets();
    const auto count =
        kernel_.pselect(highest, read_.data(), write_.data(), except_.data(), deadline.left());
    if (count) {
      if (*count == 0) return out.first(0);
      read_sets();
      return list_.answer(out);
    }
    if (count.error() == Errno::interrupted) return out.first(0);
    if (count.error() != Errno{EBADF} || !mark_closed()) return std::unexpected(count.error());
    // Nobody has looked at the others yet, so even a wait whose time is over looks again.
    list_.drop_closed();
    deadline.go_on();
  }
}

}  // namespace tocsin
