// SPDX-License-Identifier: MIT
#include "tocsin/net/accept.hpp"

#include <algorithm>
#include <array>

namespace tocsin::internal {
namespace {

// accept(2): "In the case of TCP/IP, these are ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET,
// EHOSTUNREACH, EOPNOTSUPP, and ENETUNREACH", to be treated "like EAGAIN by retrying"; besides,
// ECONNABORTED, "a connection has been aborted", and EPERM, "firewall rules forbid connection".
constexpr std::array of_one_connection{ENETDOWN,     EPROTO,       ENOPROTOOPT, EHOSTDOWN,
                                       ENONET,       EHOSTUNREACH, EOPNOTSUPP,  ENETUNREACH,
                                       ECONNABORTED, EPERM,        ETIMEDOUT,   EINTR};
// accept(2), "ERRORS"; ENOSPC is epoll_ctl(2)'s: the user's limit of watches.
constexpr std::array of_passing_want{EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC};

template <std::size_t n>
bool contains(const std::array<int, n>& errors, Errno error) {
  return std::ranges::find(errors, error.value()) != errors.end();
}

}  // namespace

bool AnyAccept::attempt() {
  // It rests: a new connection is no reason to look, there is still no room for the last one.
  if (rest_.is_linked()) {
    source().blocked(Direction::read);
    return false;
  }
  while (source().may_spend()) {
    const Outcome outcome = accept_one();
    if (outcome != Outcome::next) return outcome == Outcome::ended;
  }
  return false;
}

AnyAccept::Outcome AnyAccept::accept_one() {
  FdSource& listener = source();
  Kernel& kernel = listener.kernel();
  auto fd =
      own(kernel, kernel.accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) return judge(fd.error());
  listener.spend(0);
  auto made = FdSource::create(listener.loop(), std::move(*fd), name_, where_);
  if (!made) return judge(made.error());
  ++counters_.accepted;
  accepted_ = std::move(*made);
  return Outcome::ended;
}

AnyAccept::Outcome AnyAccept::judge(Errno error) {
  FdSource& listener = source();
  if (error == Errno::again) {
    listener.blocked(Direction::read);
    return Outcome::wait;
  }
  if (contains(of_one_connection, error)) {
    ++counters_.aborted;
    listener.spend(0);
    return Outcome::next;
  }
  if (contains(of_passing_want, error)) {
    ++counters_.pauses;
    listener.blocked(Direction::read);
    Loop& loop = listener.loop();
    loop.arm(rest_, saturating_add(loop.now(), accept_pause));
    return Outcome::wait;
  }
  error_ = error.value();
  return Outcome::ended;
}

void AnyAccept::fail(Errno error) {
  error_ = error.value();
  if (!rest_.is_linked()) return;
  // It is not the kernel that said "nothing there": whoever accepts next has to ask.
  rest_.unlink();
  source().try_again(Direction::read);
}

}  // namespace tocsin::internal
