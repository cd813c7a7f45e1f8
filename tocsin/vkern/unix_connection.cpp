// SPDX-License-Identifier: MIT
//
// UnixSocket: listen, connect, accept: how streams and packet sockets find each other.
//
// A connection is complete when connect(2) returns: the socket that accept(2) will answer is made
// then, and waits in the listener's queue; what the client sends goes into that socket's own.
#include <algorithm>
#include <utility>

#include "tocsin/vkern/internal/unix_keys.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"
#include "tocsin/vkern/unix_socket.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};
constexpr unsigned longest_backlog = 4096;  // /proc/sys/net/core/somaxconn.

}  // namespace

template <class P>
Result<> UnixSocket<P>::listen(Process<P>& process, int backlog) {
  if (!makes_connections()) return std::unexpected(Errno::unsupported);
  const std::lock_guard lock(this->lock());
  if (name_.empty() || state_ == State::established) return invalid;
  // A negative one is the largest there is.
  const std::size_t allowed = std::min(static_cast<unsigned>(backlog), longest_backlog);
  if (allowed > backlog_) room_waiters_.wake_all(0);
  backlog_ = allowed;
  state_ = State::listening;  // Nobody is told: whoever waits for it learns it by looking.
  peer_credentials_ = {.pid = process.getpid(), .uid = 0, .gid = 0};
  return {};
}

template <class P>
Result<> UnixSocket<P>::connect(Process<P>& process, Description<P>& description,
                                const sockaddr* address, socklen_t length) {
  if (const auto checked = check_unix_address(address, length); !checked) return checked;
  if (!makes_connections()) return connect_datagram(address, length);
  const auto name = unix_name_of(address, length);
  if (!name) return std::unexpected(name.error());
  return connect_to_listener(process, *name,
                             patience(process, !description.is_nonblocking(), send_limit_));
}

template <class P>
Result<> UnixSocket<P>::connect_to_listener(Process<P>& process, const UnixName& name,
                                            Patience patience) {
  Ref<UnixSocket> listener;  // Let go of after the lock.
  Lock lock(this->lock());
  if (const auto bound = autobind_for_credentials(); !bound) return bound;
  while (true) {
    auto found = find(name);
    if (!found) return std::unexpected(found.error());
    listener = std::move(*found);
    if (listener->state_ != State::listening || (listener->shut_ & way_in) != 0)
      return std::unexpected(Errno{ECONNREFUSED});
    // The backlog comes before what this socket may do.
    if (!listener->is_crowded()) break;
    if (!patience.may_block) return std::unexpected(Errno::again);
    patience.may_block = sleep_until<P>(
        process.world(), listener->room_waiters_, lock, Queued::exclusive, patience.deadline,
        [&listener = *listener] {
          return listener.is_dead_ || (listener.shut_ & way_in) != 0 || !listener.is_crowded();
        });
  }
  if (state_ == State::established) return std::unexpected(Errno{EISCONN});
  if (state_ == State::listening) return invalid;
  listener->admit(*this, {.pid = process.getpid(), .uid = 0, .gid = 0});
  return {};
}

// The client is told nothing: that it is connected now it learns from connect(2).
template <class P>
void UnixSocket<P>::admit(UnixSocket& client, const ucred& credentials) {
  auto embryo = make_ref<UnixSocket>(system_, type_);
  join(*embryo, client, peer_credentials_);
  embryo->peer_credentials_ = credentials;
  embryo->was_accepted_ = false;
  embryo->name_ = name_;
  embryo->wants_credentials_ = wants_credentials_;
  pending_.push_back(std::move(embryo));
  waiters_.wake(internal::readable_key);
}

template <class P>
Result<Open<P>> UnixSocket<P>::accept(Process<P>& process, Description<P>& description,
                                      sockaddr* address, socklen_t* length, int flags) {
  if (!makes_connections()) return std::unexpected(Errno::unsupported);
  Open<P> open;  // Closed after the lock if the address has no place.
  Lock lock(this->lock());
  if (state_ != State::listening) return invalid;
  const Patience waits = patience(process, !description.is_nonblocking(), receive_limit_);
  while (true) {
    if (const auto error = take_error(); !error) return std::unexpected(error.error());
    if (!pending_.empty()) break;
    if (!waits.may_block) return std::unexpected(Errno::again);
    if ((shut_ & way_in) != 0) return invalid;
    const bool in_time = sleep_until<P>(
        process.world(), waiters_, lock, Queued::exclusive, waits.deadline,
        [this] { return !pending_.empty() || error_ != 0 || (shut_ & way_in) != 0; }, by_arrivals);
    if (!in_time) return std::unexpected(Errno::again);
  }
  Ref<UnixSocket> accepted = std::move(pending_.front());
  pending_.pop_front();
  room_waiters_.wake(0);
  accepted->was_accepted_ = true;
  const UnixName client = accepted->peer_ ? accepted->peer_->name_ : UnixName();
  open = open_new<P>(std::move(accepted), O_RDWR | (flags & SOCK_NONBLOCK));
  if (address == nullptr) return open;
  if (const auto stored = store_address(client, address, length); !stored)
    return std::unexpected(stored.error());
  return open;
}

template Result<> UnixSocket<Single>::listen(Process<Single>&, int);
template Result<> UnixSocket<Threads>::listen(Process<Threads>&, int);
template Result<> UnixSocket<Single>::connect(Process<Single>&, Description<Single>&,
                                              const sockaddr*, socklen_t);
template Result<> UnixSocket<Threads>::connect(Process<Threads>&, Description<Threads>&,
                                               const sockaddr*, socklen_t);
template Result<> UnixSocket<Single>::connect_to_listener(Process<Single>&, const UnixName&,
                                                          Patience);
template Result<> UnixSocket<Threads>::connect_to_listener(Process<Threads>&, const UnixName&,
                                                           Patience);
template void UnixSocket<Single>::admit(UnixSocket&, const ucred&);
template void UnixSocket<Threads>::admit(UnixSocket&, const ucred&);
template Result<Open<Single>> UnixSocket<Single>::accept(Process<Single>&, Description<Single>&,
                                                         sockaddr*, socklen_t*, int);
template Result<Open<Threads>> UnixSocket<Threads>::accept(Process<Threads>&, Description<Threads>&,
                                                           sockaddr*, socklen_t*, int);

}  // namespace tocsin::vkern
