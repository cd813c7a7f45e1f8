// SPDX-License-Identifier: MIT
//
// UnixSocket: datagrams, and packets, which are datagrams between two that are connected.
//
// Who sends to a socket that is its own peer is limited by its send buffer alone; who sends to
// another's socket also by the receiver's queue (max_dgram_qlen), and waits for room there.
#include <utility>

#include "tocsin/vkern/internal/unix_keys.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"
#include "tocsin/vkern/unix_cost.hpp"
#include "tocsin/vkern/unix_socket.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected again{Errno::again};
constexpr std::unexpected not_connected{Errno{ENOTCONN}};
constexpr std::unexpected broken_pipe{Errno{EPIPE}};
constexpr std::unexpected not_permitted{Errno::not_permitted};

}  // namespace

// ---- peers --------------------------------------------------------------------------------------

template <class P>
bool UnixSocket<P>::may_send_to(const UnixSocket& other) const {
  return !other.peer_ || other.peer_.get() == this;
}

// Without a peer there is nobody to wait for; that is told whether or not somebody did.
template <class P>
void UnixSocket<P>::stop_relay_and_tell() {
  relay_.unlink();
  waiters_.wake(internal::writable_key);
}

// Whether `other` has no room; then this socket's waiters are told when it has some.
template <class P>
bool UnixSocket<P>::waits_for_room_at(UnixSocket& other) {
  const bool is_new = !relay_.is_linked();
  if (is_new) other.room_waiters_.add(relay_);
  if (other.is_crowded() && !other.is_dead_) return true;
  if (is_new) relay_.unlink();
  return false;
}

template <class P>
Result<> UnixSocket<P>::connect_datagram(const sockaddr* address, socklen_t length) {
  if (length < sizeof(sa_family_t)) return std::unexpected(Errno::invalid);
  Leftovers left;
  const std::lock_guard lock(this->lock());
  if (address->sa_family == AF_UNSPEC) {
    set_peer({}, left);
    return {};
  }
  const auto name = unix_name_of(address, length);
  if (!name) return std::unexpected(name.error());
  if (const auto bound = autobind_for_credentials(); !bound) return bound;
  auto other = find(*name);
  if (!other) return std::unexpected(other.error());
  left.sockets.push_back(*other);
  if (!may_send_to(**other)) return not_permitted;
  // Linux marks both, though only one of them is connected now; nothing shows it.
  state_ = State::established;
  (*other)->state_ = State::established;
  set_peer(std::move(*other), left);
  return {};
}

template <class P>
void UnixSocket<P>::set_peer(Ref<UnixSocket> peer, Leftovers& left) {
  if (!peer_) {
    peer_ = std::move(peer);
    return;
  }
  Ref<UnixSocket> old_peer = std::exchange(peer_, std::move(peer));
  if (!peer_) state_ = State::closed;
  stop_relay_and_tell();
  if (peer_.get() != old_peer.get()) {
    lost_peer(*old_peer, left);
    if (!old_peer->peer_) old_peer->state_ = State::closed;
  }
  left.sockets.push_back(std::move(old_peer));
}

// "If one link of bidirectional dgram pipe is disconnected, we signal error. Messages are lost."
template <class P>
void UnixSocket<P>::lost_peer(UnixSocket& old_peer, Leftovers& left) {
  if (queue_.empty()) return;
  while (!queue_.empty()) discard(queue_.begin(), left);
  room_waiters_.wake_all(0);
  if (old_peer.is_dead_ || old_peer.peer_.get() != this) return;
  old_peer.error_ = ECONNRESET;
  old_peer.waiters_.wake(EPOLLERR);
}

template <class P>
void UnixSocket<P>::peer_has_gone(Leftovers& left) {
  Ref<UnixSocket> old_peer = std::move(peer_);
  stop_relay_and_tell();
  state_ = State::closed;
  lost_peer(*old_peer, left);
  left.sockets.push_back(std::move(old_peer));
}

// ---- sending ------------------------------------------------------------------------------------

template <class P>
Count UnixSocket<P>::send_packet(Process<P>& process, Description<P>& description,
                                 const msghdr& message, int flags) {
  auto ancillary = take_ancillary(process, message);
  Leftovers left;
  Lock lock(this->lock());
  const bool is_packet = type_ == SOCK_SEQPACKET;
  if (is_packet) {
    if (const auto error = take_error(); !error) return std::unexpected(error.error());
    if (state_ != State::established) return not_connected;
  }
  if (!ancillary) return std::unexpected(ancillary.error());
  if ((flags & MSG_OOB) != 0) return std::unexpected(Errno::unsupported);
  std::optional<UnixName> name;
  if (!is_packet && message.msg_name != nullptr && message.msg_namelen > 0) {
    auto named = unix_name_of(static_cast<const sockaddr*>(message.msg_name), message.msg_namelen);
    if (!named) return std::unexpected(named.error());
    name = std::move(*named);
  }
  if (const auto bound = autobind_for_credentials(); !bound) return std::unexpected(bound.error());
  Sending sending{.lock = lock,
                  .from = internal::IovecCursor(message),
                  .ancillary = *ancillary,
                  .patience = patience(process, this->may_block(description, flags), send_limit_),
                  .other = nullptr};
  const std::size_t size = sending.from.left();
  if (size > send_buffer_ - 32) return std::unexpected(Errno{EMSGSIZE});
  if (const auto room = wait_for_room(process, lock, sending.patience); !room)
    return std::unexpected(room.error());
  if (const auto done = deliver_packet(process, sending, name, left); !done) {
    // The memory of the message was taken before its receiver was looked for, and goes back.
    room_freed();
    return std::unexpected(done.error());
  }
  return size;
}

template <class P>
Result<> UnixSocket<P>::deliver_packet(Process<P>& process, Sending& sending,
                                       const std::optional<UnixName>& name, Leftovers& left) {
  Message message;
  message.bytes.resize(sending.from.left());
  if (!sending.from.take(message.bytes)) return std::unexpected(Errno{EFAULT});
  message.cost = internal::packet_cost(message.bytes.size());
  charged_ += message.cost;  // While it waits, too.
  auto receiver = receiver_with_room(process, sending, name, left);
  if (!receiver) {
    charged_ -= message.cost;
    return std::unexpected(receiver.error());
  }
  message.ancillary = std::move(sending.ancillary);
  sign(process, **receiver, message);
  (*receiver)->arrived(std::move(message));
  left.sockets.push_back(std::move(*receiver));
  return {};
}

template <class P>
auto UnixSocket<P>::receiver_with_room(Process<P>& process, Sending& sending,
                                       const std::optional<UnixName>& name, Leftovers& left)
    -> Result<Ref<UnixSocket>> {
  while (true) {
    auto other = name ? find(*name) : Result<Ref<UnixSocket>>(peer_);
    if (!other) return other;
    if (!*other) return not_connected;
    left.sockets.push_back(*other);
    bool has_room = false, was_dead = false;
    do {
      was_dead = (*other)->is_dead_;
      const auto tried = try_receiver(process, sending, **other, left);
      if (!tried) return std::unexpected(tried.error());
      has_room = *tried;
    } while (!has_room && !was_dead);
    if (has_room) return other;
    // It has gone while this call waited for it, and is no peer any more.
    if (!name) return std::unexpected(Errno{ECONNRESET});
  }
}

// Whether `other` can be sent to now. If not, this has waited, or `other` has gone.
template <class P>
Result<bool> UnixSocket<P>::try_receiver(Process<P>& process, Sending& sending, UnixSocket& other,
                                         Leftovers& left) {
  if (!may_send_to(other)) return not_permitted;
  if (other.is_dead_) {
    if (type_ == SOCK_SEQPACKET) return broken_pipe;
    if (peer_.get() != &other) return false;
    peer_has_gone(left);
    return std::unexpected(Errno{ECONNREFUSED});
  }
  if ((other.shut_ & way_in) != 0) return broken_pipe;
  if (&other == this || other.peer_.get() == this || !other.is_crowded()) return true;
  if (!sending.patience.may_block) {
    if (peer_.get() == &other) waits_for_room_at(other);
    return again;
  }
  sending.patience.may_block = sleep_until<P>(
      process.world(), other.room_waiters_, sending.lock, Queued::exclusive,
      sending.patience.deadline,
      [&other] { return other.is_dead_ || (other.shut_ & way_in) != 0 || !other.is_crowded(); });
  return false;
}

// ---- receiving ----------------------------------------------------------------------------------

// Until there is one; false if there will be none, which reads as an end.
template <class P>
Result<bool> UnixSocket<P>::wait_for_packet(Process<P>& process, Lock& lock,
                                            const Patience& patience) {
  while (true) {
    if (const auto error = take_error(); !error) return std::unexpected(error.error());
    if (!queue_.empty()) return true;
    const bool has_ended = (shut_ & way_in) != 0;
    // Only a packet socket tells the end to one that does not wait.
    if (has_ended && (patience.may_block || type_ == SOCK_SEQPACKET)) return false;
    if (!patience.may_block) return again;
    const bool in_time = sleep_until<P>(
        process.world(), waiters_, lock, Queued::exclusive, patience.deadline,
        [this] { return !queue_.empty() || error_ != 0 || (shut_ & way_in) != 0; }, by_arrivals);
    if (!in_time) return again;
  }
}

template <class P>
Count UnixSocket<P>::receive_packet(Process<P>& process, Description<P>& description,
                                    msghdr& message, int flags) {
  Leftovers left;
  UnixReceipt<P> receipt;
  std::size_t count = 0;
  {
    Lock lock(this->lock());
    if (type_ == SOCK_SEQPACKET && state_ != State::established) return not_connected;
    if ((flags & MSG_OOB) != 0) return std::unexpected(Errno::unsupported);
    const auto has_come = wait_for_packet(
        process, lock, patience(process, this->may_block(description, flags), receive_limit_));
    if (!has_come) return std::unexpected(has_come.error());
    if (*has_come) {
      // Who waits for room is told before there is any, and even by a peek.
      room_waiters_.wake(internal::writable_key);
      const Place at = queue_.begin();
      internal::IovecCursor into(message);
      const std::size_t whole = at->bytes.size();
      const std::size_t size = std::min(whole, into.left());
      const bool stored = into.put(ByteView(at->bytes).first(size));
      const bool peeks = (flags & MSG_PEEK) != 0;
      receipt.sender = at->sender->name_;
      if (stored) receipt.ancillary.credentials = at->ancillary.credentials;
      if (stored && peeks) receipt.ancillary.files = at->ancillary.files;
      if (stored && !peeks) receipt.ancillary.files = std::exchange(at->ancillary.files, {});
      if (!peeks) discard(at, left);
      if (!stored) return std::unexpected(Errno{EFAULT});
      if (size < whole) receipt.flags = MSG_TRUNC;
      receipt.shows_credentials = wants_credentials_;
      count = (flags & MSG_TRUNC) != 0 ? whole : size;
    }
  }
  if (const auto done = hand_over(process, receipt, message, flags); !done)
    return std::unexpected(done.error());
  return count;
}

// The others are instantiated by these, which alone are called from another file.
template bool UnixSocket<Single>::waits_for_room_at(UnixSocket&);
template bool UnixSocket<Threads>::waits_for_room_at(UnixSocket&);
template Result<> UnixSocket<Single>::connect_datagram(const sockaddr*, socklen_t);
template Result<> UnixSocket<Threads>::connect_datagram(const sockaddr*, socklen_t);
template Count UnixSocket<Single>::send_packet(Process<Single>&, Description<Single>&,
                                               const msghdr&, int);
template Count UnixSocket<Threads>::send_packet(Process<Threads>&, Description<Threads>&,
                                                const msghdr&, int);
template Count UnixSocket<Single>::receive_packet(Process<Single>&, Description<Single>&, msghdr&,
                                                  int);
template Count UnixSocket<Threads>::receive_packet(Process<Threads>&, Description<Threads>&,
                                                   msghdr&, int);

}  // namespace tocsin::vkern
