// SPDX-License-Identifier: MIT
#include "tocsin/vkern/unix_socket.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <cstdio>
#include <utility>

#include "tocsin/vkern/internal/unix_keys.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"
#include "tocsin/vkern/unix_names.hpp"

namespace tocsin::vkern {

using internal::readable_key;
using internal::writable_key;

template <class P>
UnixSocket<P>::UnixSocket(System<P>& system, int type)
    : Socket<P>(system.unix_lock()),
      system_(system),
      type_(type),
      backlog_(static_cast<std::size_t>(system.options().most_datagrams)) {}

template <class P>
void UnixSocket<P>::join(UnixSocket& a, UnixSocket& b, const ucred& both) {
  a.peer_ = Ref<UnixSocket>(b);
  b.peer_ = Ref<UnixSocket>(a);
  a.state_ = b.state_ = State::established;
  a.peer_credentials_ = b.peer_credentials_ = both;
}

// ---- names --------------------------------------------------------------------------------------

template <class P>
Result<> UnixSocket<P>::bind(Process<P>&, const sockaddr* address, socklen_t length) {
  if (const auto checked = check_unix_address(address, length); !checked) return checked;
  const std::lock_guard lock(this->lock());
  if (length == offsetof(sockaddr, sa_data) && address->sa_family == AF_UNIX) {
    if (!name_.empty()) return {};
    auto any = system_.unix_names().add_any(type_, *this);
    if (!any) return std::unexpected(any.error());
    name_ = std::move(*any);
    return {};
  }
  auto name = unix_name_of(address, length);
  if (!name) return std::unexpected(name.error());
  // A path is made before the socket is looked at, and taken back.
  const bool is_bound = !name_.empty();
  if (is_bound && is_abstract(*name)) return std::unexpected(Errno::invalid);
  if (const auto added = system_.unix_names().add(type_, *name, *this); !added) return added;
  if (is_bound) {
    name->pop_back();
    system_.unix_names().unlink(*name);
    return std::unexpected(Errno::invalid);
  }
  name_ = std::move(*name);
  return {};
}

// Whoever wants to be told who sent wants to be somebody as well (unix(7), SO_PASSCRED).
template <class P>
Result<> UnixSocket<P>::autobind_for_credentials() {
  if (!wants_credentials_ || !name_.empty()) return {};
  auto any = system_.unix_names().add_any(type_, *this);
  if (!any) return std::unexpected(any.error());
  name_ = std::move(*any);
  return {};
}

template <class P>
auto UnixSocket<P>::find(const UnixName& name) const -> Result<Ref<UnixSocket>> {
  const auto found = system_.unix_names().find(type_, name);
  if (!found) return std::unexpected(found.error());
  return Ref<UnixSocket>(**found);
}

template <class P>
Result<> UnixSocket<P>::getsockname(sockaddr* address, socklen_t* length) {
  const std::lock_guard lock(this->lock());
  return store_address(name_, address, length);
}

template <class P>
Result<> UnixSocket<P>::getpeername(sockaddr* address, socklen_t* length) {
  const std::lock_guard lock(this->lock());
  if (!peer_) return std::unexpected(Errno{ENOTCONN});
  return store_address(peer_->name_, address, length);
}

// ---- readiness ----------------------------------------------------------------------------------

// `base` is one, the socket's own; one more while a message is being freed.
template <class P>
bool UnixSocket<P>::is_writable(std::size_t base) const {
  return state_ != State::listening && (charged_ + base) * 4 <= send_buffer_;
}

template <class P>
Mask UnixSocket<P>::poll_common() const {
  Mask ready = 0;
  if (error_ != 0) ready |= EPOLLERR;
  if (shut_ == both_ways) ready |= EPOLLHUP;
  if ((shut_ & way_in) != 0) ready |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
  if (!queue_.empty() || !pending_.empty()) ready |= EPOLLIN | EPOLLRDNORM;
  if (urgent_ != nullptr) ready |= EPOLLPRI;
  if (makes_connections() && state_ == State::closed) ready |= EPOLLHUP;
  return ready;
}

template <class P>
bool UnixSocket<P>::may_write_to_peer() {
  if (is_stream() || !peer_ || peer_->peer_.get() == this) return true;
  return !peer_->is_crowded() || !waits_for_room_at(*peer_);
}

template <class P>
Mask UnixSocket<P>::poll(Description<P>&, PollTable* table, Mask requested) {
  const std::lock_guard lock(this->lock());
  if (table != nullptr) table->enter(waiters_);
  Mask ready = poll_common();
  // To ask a datagram socket has the effect of waiting for room at the peer, so it is asked only
  // if somebody wants to know.
  if (!is_stream() && (requested & (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)) == 0) return ready;
  if (is_writable() && may_write_to_peer()) ready |= writable_key;
  return ready;
}

template <class P>
std::string UnixSocket<P>::fdinfo() const {
  const std::lock_guard lock(this->lock());
  std::size_t files = 0;
  const auto count = [&files](const UnixSocket& socket) {
    for (const Message& message : socket.queue_) files += message.ancillary.files.size();
  };
  count(*this);
  for (const auto& embryo : pending_) count(*embryo);
  return "scm_fds: " + std::to_string(files) + "\n";
}

// ---- messages and room --------------------------------------------------------------------------

template <class P>
Result<> UnixSocket<P>::take_error() {
  if (error_ == 0) return {};
  return std::unexpected(Errno{std::exchange(error_, 0)});
}

template <class P>
void UnixSocket<P>::uncharge(std::size_t cost) {
  charged_ -= cost;
  room_freed();
}

template <class P>
void UnixSocket<P>::room_freed() {
  if (is_writable(2)) waiters_.wake(writable_key);
}

template <class P>
void UnixSocket<P>::arrived(Message message) {
  queue_.push_back(std::move(message));
  ++arrivals_;
  waiters_.wake(readable_key);
}

template <class P>
void UnixSocket<P>::discard(Place at, Leftovers& left) {
  if (&*at == urgent_) urgent_ = nullptr;
  left.messages.splice(left.messages.end(), queue_, at);
  at->sender->uncharge(at->cost);
}

template <class P>
auto UnixSocket<P>::patience(Process<P>& process, bool may_block,
                             std::optional<Duration> limit) const -> Patience {
  if (!may_block || !limit) return {may_block, std::nullopt};
  return {*limit > Duration::zero(), saturating_add(process.world().now(), *limit)};
}

// Those who wait for their own send buffer are all told when there is room, and look again.
template <class P>
Result<> UnixSocket<P>::wait_for_room(Process<P>& process, Lock& lock, const Patience& patience) {
  while (true) {
    if (const auto error = take_error(); !error) return error;
    if ((shut_ & way_out) != 0) return std::unexpected(Errno{EPIPE});
    if (charged_ < send_buffer_) return {};
    if (!patience.may_block) return std::unexpected(Errno::again);
    const bool in_time = sleep_until<P>(
        process.world(), waiters_, lock, Queued::shared, patience.deadline,
        [this] { return charged_ + 1 < send_buffer_ || (shut_ & way_out) != 0 || error_ != 0; });
    if (!in_time) return std::unexpected(Errno::again);
  }
}

template <class P>
void UnixSocket<P>::sign(Process<P>& process, const UnixSocket& receiver, Message& message) {
  message.sender = Ref<UnixSocket>(*this);
  if (message.ancillary.credentials.pid != 0) return;
  if (wants_credentials_ || receiver.wants_credentials_ || !receiver.was_accepted_)
    message.ancillary.credentials = {.pid = process.getpid(), .uid = 0, .gid = 0};
}

template <class P>
Count UnixSocket<P>::sendmsg(Process<P>& process, Description<P>& description,
                             const msghdr& message, int flags) {
  if (message.msg_name != nullptr && message.msg_namelen > INT_MAX)
    return std::unexpected(Errno::invalid);
  if (message.msg_iovlen > 1024) return std::unexpected(Errno{EMSGSIZE});
  return is_stream() ? send_stream(process, description, message, flags)
                     : send_packet(process, description, message, flags);
}

template <class P>
Count UnixSocket<P>::recvmsg(Process<P>& process, Description<P>& description, msghdr& message,
                             int flags) {
  if (message.msg_iovlen > 1024) return std::unexpected(Errno{EMSGSIZE});
  return is_stream() ? receive_stream(process, description, message, flags)
                     : receive_packet(process, description, message, flags);
}

// With no lock held: descriptors are made, or files closed.
template <class P>
Result<> UnixSocket<P>::hand_over(Process<P>& process, UnixReceipt<P>& receipt, msghdr& message,
                                  int flags) {
  message.msg_flags = (flags & MSG_CMSG_CLOEXEC) | receipt.flags;
  give_ancillary(process, receipt.ancillary, receipt.shows_credentials, message, flags);
  if (message.msg_name == nullptr) return {};
  if (!receipt.sender.empty())
    return store_address(receipt.sender, static_cast<sockaddr*>(message.msg_name),
                         &message.msg_namelen);
  message.msg_namelen = 0;
  return {};
}

// ---- the end ------------------------------------------------------------------------------------

template <class P>
Result<> UnixSocket<P>::shutdown(int how) {
  if (how < SHUT_RD || how > SHUT_RDWR) return std::unexpected(Errno::invalid);
  const unsigned ways = static_cast<unsigned>(how) + 1;
  const std::lock_guard lock(this->lock());
  shut_ |= ways;
  waiters_.wake_all(0);
  if (!peer_ || !makes_connections()) return {};
  if ((ways & way_in) != 0) peer_->shut_ |= way_out;
  if ((ways & way_out) != 0) peer_->shut_ |= way_in;
  peer_->waiters_.wake_all(0);
  return {};
}

template <class P>
void UnixSocket<P>::tell_of_end(UnixSocket& peer, bool with_error) {
  peer.shut_ = both_ways;
  if (with_error) peer.error_ = ECONNRESET;
  peer.waiters_.wake_all(0);
}

template <class P>
void UnixSocket<P>::end(Leftovers& left, bool was_never_accepted) {
  if (!name_.empty()) system_.unix_names().leave(type_, name_, *this);
  is_dead_ = true;
  shut_ = both_ways;
  state_ = State::closed;
  urgent_ = nullptr;
  Ref<UnixSocket> peer = std::move(peer_);
  room_waiters_.wake_all(0);
  if (peer) {
    if (makes_connections()) {
      auto unread = queue_.begin();
      if (unread != queue_.end() && unread->left() == 0) ++unread;
      tell_of_end(*peer, unread != queue_.end() || was_never_accepted);
    }
    relay_.unlink();
    left.sockets.push_back(std::move(peer));
  }
  while (!pending_.empty()) {
    pending_.front()->end(left, true);
    left.sockets.push_back(std::move(pending_.front()));
    pending_.pop_front();
  }
  while (!queue_.empty()) discard(queue_.begin(), left);
}

template <class P>
void UnixSocket<P>::released(Description<P>&) {
  Leftovers left;
  const std::lock_guard lock(this->lock());
  end(left, false);
}

template class UnixSocket<Single>;
template class UnixSocket<Threads>;

// ---- socket(2), socketpair(2) -------------------------------------------------------------------

namespace {

// SOCK_RAW is taken for SOCK_DGRAM, "for compatibility".
Result<int> type_of(int type, int protocol) {
  if (protocol != 0 && protocol != PF_UNIX) return std::unexpected(Errno{EPROTONOSUPPORT});
  if (type == SOCK_RAW) type = SOCK_DGRAM;
  if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
    return std::unexpected(Errno{ESOCKTNOSUPPORT});
  return type;
}

}  // namespace

template <class P>
Result<Ref<Socket<P>>> make_unix_socket(System<P>& system, int type, int protocol) {
  const auto known = type_of(type, protocol);
  if (!known) return std::unexpected(known.error());
  return Ref<Socket<P>>(make_ref<UnixSocket<P>>(system, *known));
}

template <class P>
Result<std::array<Ref<Socket<P>>, 2>> make_unix_pair(Process<P>& process, int type, int protocol) {
  const auto known = type_of(type, protocol);
  if (!known) return std::unexpected(known.error());
  auto a = make_ref<UnixSocket<P>>(process.system(), *known);
  auto b = make_ref<UnixSocket<P>>(process.system(), *known);
  UnixSocket<P>::join(*a, *b, {.pid = process.getpid(), .uid = 0, .gid = 0});
  return std::array<Ref<Socket<P>>, 2>{Ref<Socket<P>>(std::move(a)), Ref<Socket<P>>(std::move(b))};
}

template Result<Ref<Socket<Single>>> make_unix_socket(System<Single>&, int, int);
template Result<Ref<Socket<Threads>>> make_unix_socket(System<Threads>&, int, int);
template Result<std::array<Ref<Socket<Single>>, 2>> make_unix_pair(Process<Single>&, int, int);
template Result<std::array<Ref<Socket<Threads>>, 2>> make_unix_pair(Process<Threads>&, int, int);

}  // namespace tocsin::vkern
