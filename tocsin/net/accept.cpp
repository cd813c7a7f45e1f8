// SPDX-License-Identifier: MIT
#include "tocsin/net/accept.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "tocsin/net/internal/inbox.hpp"

namespace tocsin {
namespace {

// Any kind would do that costs nothing and belongs to nobody else.
Result<Fd> spare_descriptor(Kernel& kernel) { return own(kernel, kernel.eventfd(0, EFD_CLOEXEC)); }

}  // namespace

Result<std::unique_ptr<Listening>> Listening::create(std::unique_ptr<FdSource> source) {
  auto reserve = spare_descriptor(source->kernel());
  if (!reserve) return std::unexpected(reserve.error());
  auto listening = std::make_unique<Listening>();
  listening->source = std::move(source);
  listening->reserve = std::move(*reserve);
  return listening;
}

namespace internal {
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

Result<Fd> AnyAccept::next_connection() {
  if (listening_.inbox) {
    Fd connection = listening_.inbox->pop();
    if (!connection) return std::unexpected(Errno::again);
    return connection;
  }
  Kernel& kernel = source().kernel();
  return own(kernel, kernel.accept4(source().fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

AnyAccept::Outcome AnyAccept::accept_one() {
  FdSource& listener = source();
  auto connection = next_connection();
  if (!connection) return judge(connection.error());
  listener.spend(0);
  if (auto kept = keep(std::move(*connection)); !kept) return judge(kept.error());
  ++listening_.counters.accepted;
  if (listening_.accepted) listening_.accepted->fetch_add(1, std::memory_order_relaxed);
  listening_.has_accepted = true;
  if (!listening_.reserve) [[unlikely]]
    listening_.reserve = spare_descriptor(listener.kernel()).value_or(Fd());
  return Outcome::ended;
}

AnyAccept::Outcome AnyAccept::judge(Errno error) {
  FdSource& listener = source();
  if (error == Errno::again) return wait();
  if (contains(of_one_connection, error)) {
    ++listening_.counters.aborted;
    listener.spend(0);
    return Outcome::next;
  }
  if (contains(of_passing_want, error)) {
    ++listening_.counters.pauses;
    if (error == Errno{EMFILE} || error == Errno{ENFILE}) refuse_all();
    rest();
    return Outcome::wait;
  }
  error_ = error.value();
  return Outcome::ended;
}

// The kernel wakes the first who sleeps, and leaves the order as it is: without this, one of many
// accepts nearly everything as long as it keeps up.
AnyAccept::Outcome AnyAccept::wait() {
  FdSource& listener = source();
  listener.blocked(Direction::read);
  if (!listening_.takes_turns || !std::exchange(listening_.has_accepted, false))
    return Outcome::wait;
  if (!listener.go_behind_others("tcp listener", listening_.where))
    rest();  // Not waited for any more: it is tried again.
  return Outcome::wait;
}

// Linux looks for a free descriptor before it looks for a connection: EMFILE does not mean that
// anybody waits. Others may be faster with what is given up here; then whoever waits goes on
// waiting, and the reserve comes back when there are descriptors again.
void AnyAccept::refuse_all() {
  FdSource& listener = source();
  Kernel& kernel = listener.kernel();
  listening_.reserve.reset();
  while (listener.may_spend()) {
    const auto refused = own(kernel, kernel.accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!refused && !contains(of_one_connection, refused.error())) break;
    ++(refused ? listening_.counters.refused : listening_.counters.aborted);
    listener.spend(0);
  }
  listening_.reserve = spare_descriptor(kernel).value_or(Fd());
}

void AnyAccept::rest() {
  FdSource& listener = source();
  listener.blocked(Direction::read);
  Loop& loop = listener.loop();
  loop.arm(rest_, saturating_add(loop.now(), accept_pause));
  loop.after_removal(removal_);
}

void AnyAccept::end_rest() {
  rest_.unlink();
  removal_.unlink();
  source().try_again(Direction::read);
}

Result<> SourceAccept::keep(Fd connection) {
  auto made = registering_(source().loop(), std::move(connection), name_, where_);
  if (!made) return std::unexpected(made.error());
  accepted_ = std::move(*made);
  return {};
}

void AnyAccept::fail(Errno error) {
  error_ = error.value();
  // It is not the kernel that said "nothing there": whoever accepts next has to ask.
  if (rest_.is_linked()) end_rest();
}

}  // namespace internal
}  // namespace tocsin
