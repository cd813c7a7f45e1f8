// SPDX-License-Identifier: MIT
//
// TcpSocket: how a connection begins, and the ways in which it ends (RFC 9293, 3.5 and 3.6).
//
// A packet is a call to the other socket. Where that may be the end of a connection, whoever calls
// holds a reference to both: an end that nobody has open lives by its peer alone.
#include <algorithm>
#include <vector>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/tcp_socket.hpp"

namespace tocsin::vkern {
namespace {

// A SYN that found a full backlog is sent again after a second, four times so, then after twice as
// long each time (/proc/sys/net/ipv4/tcp_syn_linear_timeouts).
constexpr int linear_tries = 4;

Duration pause_after(int tries) {
  return std::chrono::seconds{1} * (std::int64_t{1} << std::clamp(tries - linear_tries, 0, 10));
}

// Of a window that was closed, this share must be open before the sender is told (RFC 9293, 3.8.6).
constexpr std::size_t least_share_announced = 2;

// A SYN that meets what is left of an old connection of the same two ends (RFC 9293, 3.5.1): that
// acknowledges something else and is reset for it, and the SYN is sent again after two ticks of
// Linux (TCP_TIMEOUT_MIN; of 4 ms, HZ being 250).
constexpr Duration after_stray = std::chrono::milliseconds{8};

// A socket that begins anew takes none of the numbers that its peer may still expect: it skips the
// largest window that it was ever offered, over the loopback this one, and two more.
constexpr std::size_t skipped_numbers(bool had_window) { return (had_window ? 65'483 : 0) + 2; }

}  // namespace

// ---- the beginning ------------------------------------------------------------------------------

// The SYN goes out, and the answer comes.
template <class P>
void TcpSocket<P>::knock() {
  TcpSocket* const listener = find_listener();
  TcpSocket* const other = find_other_end();
  if (other != nullptr && other->state_ == TcpState::syn_sent) {
    meet(*other);
  } else if (other != nullptr) {
    other->be_reset();
    try_again_after(after_stray);
  } else if (this->ports_.forget(this->remote, this->local, this->system_.world().now()) &&
             listener == nullptr) {
    try_again_after(after_stray);
  } else if (listener == nullptr) {
    be_reset();
  } else if (listener->is_backlog_full()) {
    try_again_later();
  } else {
    establish(*listener);
  }
}

// Linux drops a SYN that it has no room for, and leaves it to the client to send another.
template <class P>
void TcpSocket<P>::try_again_later() {
  if (tries_ > this->options.syn_count) {
    error_ = ETIMEDOUT;
    finish();
    this->tell_error();
    return;
  }
  try_again_after(pause_after(tries_));
}

template <class P>
void TcpSocket<P>::try_again_after(Duration pause) {
  ++tries_;
  auto& world = this->system_.world();
  next_try_ = world.set_alarm(*this, saturating_add(world.now(), pause));
}

template <class P>
void TcpSocket<P>::alarm(std::uint64_t number) {
  const std::lock_guard lock(this->lock());
  if (number != next_try_ || state_ != TcpState::syn_sent) return;
  next_try_ = 0;
  knock();
}

template <class P>
void TcpSocket<P>::stop_trying() {
  if (next_try_ != 0) this->system_.world().clear_alarm(std::exchange(next_try_, 0));
}

// Whoever listens at the very address comes before whoever listens at all. Several at one are a
// group of SO_REUSEPORT.
template <class P>
TcpSocket<P>* TcpSocket<P>::find_listener() const {
  const Endpoint to = this->remote;
  int best = 0;
  std::vector<PortUser*> group;
  for (PortUser* const user : this->ports_.users(to.port)) {
    // Packets of IPv4 prefer a socket that knows nothing else.
    const int everywhere = user->is_everywhere_of(to) ? (user->domain == AF_INET ? 2 : 1) : 0;
    const int its = user->is_right_at(to) ? 3 : everywhere;
    if (!user->listens || its == 0 || its < best) continue;
    if (its > best) group.clear();
    best = its;
    group.push_back(user);
  }
  if (group.empty()) return nullptr;
  return static_cast<TcpSocket*>(group[choose_in_group(group.size(), to, this->local)]);
}

// Whose packets go where this one's come from, and come from where they go: before it is connected,
// somebody who calls it as well, or an end that was left by what was here before.
template <class P>
TcpSocket<P>* TcpSocket<P>::find_other_end() const {
  return static_cast<TcpSocket*>(this->ports_.find_connected(this->remote, this->local));
}

// Two that call each other are connected (RFC 9293, figure 7): it may be the same.
template <class P>
void TcpSocket<P>::meet(TcpSocket& other) {
  peer_ = Ref<TcpSocket>(other);
  other.peer_ = Ref<TcpSocket>(*this);
  become_established();
  if (&other != this) other.become_established();
  if (this->is_shut(Base::sending) && begin_to_finish()) push();
}

template <class P>
void TcpSocket<P>::establish(TcpSocket& listener) {
  auto child = make_ref<TcpSocket>(this->system_, listener.domain);
  child->become_child_of(listener, *this);
  peer_ = child;
  become_established();
  // One that was shut down before it began to listen has such children: they finish at once.
  if (child->is_shut(Base::sending) && child->begin_to_finish()) child->push();
  listener.accept_queue_.push_back(std::move(child));
  listener.tell_data();
}

// What Linux' tuning makes of the send buffer of a connection over the loopback, at once.
constexpr int connected_send_buffer = 2'626'560;

template <class P>
void TcpSocket<P>::become_established() {
  stop_trying();
  state_ = TcpState::established;
  had_window_ = true;
  if (!this->options.send_buffer_is_set) this->options.send_buffer = connected_send_buffer;
  this->tell_change();
}

template <class P>
void TcpSocket<P>::become_child_of(const TcpSocket& listener, TcpSocket& client) {
  this->options = listener.options;
  shut_ = listener.shut_;
  this->host_is_asked_for_ = listener.host_is_asked_for_;
  this->local = client.remote;
  this->remote = client.local;
  this->has_peer = true;
  this->ports_.join(*this, this->local.port);
  phase_ = Phase::connected;
  peer_ = Ref<TcpSocket>(client);
  become_established();
}

template <class P>
void TcpSocket<P>::stop_listening() {
  this->listens = false;
  for (Ref<TcpSocket> waiting; !accept_queue_.empty();) {
    waiting = std::move(accept_queue_.front());
    accept_queue_.pop_front();
    waiting->is_orphan_ = true;
    waiting->disconnect();
    this->ports_.leave(*waiting);
  }
}

// ---- the end, step by step ----------------------------------------------------------------------

// Nothing more will be sent. Answers whether a FIN has to be, which then waits its turn.
template <class P>
bool TcpSocket<P>::begin_to_finish() {
  if (state_ == TcpState::established)
    state_ = TcpState::fin_wait1;
  else if (state_ == TcpState::close_wait)
    state_ = TcpState::last_ack;
  else if (state_ == TcpState::syn_sent)
    become_closed();
  fin_is_queued_ =
      fin_is_queued_ || ((state_ == TcpState::fin_wait1 || state_ == TcpState::last_ack) && peer_);
  return fin_is_queued_;
}

template <class P>
void TcpSocket<P>::fin_was_acknowledged() {
  switch (state_) {
    case TcpState::fin_wait1:
      state_ = TcpState::fin_wait2;
      shut_ |= Base::sending;
      if (!is_orphan_) return this->tell_change();
      this->ports_.remember(*this, this->system_.world().now() + time_wait);
      return this->ports_.leave(*this);
    case TcpState::closing:
      return enter_time_wait();
    case TcpState::last_ack:
      return finish();
    default:
      return;
  }
}

template <class P>
void TcpSocket<P>::receive_fin() {
  shut_ |= Base::receiving;
  has_fin_ = true;
  if (state_ == TcpState::established)
    state_ = TcpState::close_wait;
  else if (state_ == TcpState::fin_wait1)
    state_ = TcpState::closing;
  else if (state_ == TcpState::fin_wait2)
    enter_time_wait();
  if (!is_orphan_) this->tell_change();
}

template <class P>
void TcpSocket<P>::enter_time_wait() {
  this->ports_.remember(*this, this->system_.world().now() + time_wait);
  finish();
}

// ---- the end, at once ---------------------------------------------------------------------------

// A RST arrives. What was received before can still be read.
template <class P>
void TcpSocket<P>::be_reset(std::size_t in_flight) {
  if (state_ == TcpState::closed) return;
  if (state_ == TcpState::syn_sent)
    error_ = ECONNREFUSED;
  else if (state_ == TcpState::close_wait)
    error_ = EPIPE;
  else
    error_ = ECONNRESET;
  finish();
  unsent_ -= in_flight;
  if (is_orphan_)
    this->ports_.forget(this->local, this->remote, this->system_.world().now());
  else
    this->tell_error();
}

// A RST goes out: the connection is over for both.
template <class P>
void TcpSocket<P>::reset_peer() {
  const Ref<TcpSocket> other = peer_;
  become_closed();
  if (other) other->be_reset();
}

// What connect(2) does with AF_UNSPEC, and close(2) with a linger time of 0: whatever it was, the
// socket is a fresh one then, apart from the error that says what it cost.
template <class P>
void TcpSocket<P>::disconnect() {
  const Ref<TcpSocket> keep(*this);
  const TcpState before = state_;
  const bool owes_fin = fin_is_queued_;
  if (state_ == TcpState::listening) stop_listening();
  const bool resets = before == TcpState::established || before == TcpState::close_wait ||
                      before == TcpState::fin_wait1 || before == TcpState::fin_wait2 ||
                      ((before == TcpState::closing || before == TcpState::last_ack) && owes_fin);
  if (resets)
    reset_peer();
  else if (before != TcpState::closed)  // What only is bound stays so.
    become_closed();
  if (resets || before == TcpState::syn_sent) error_ = ECONNRESET;
  unacknowledged_ += skipped_numbers(had_window_);
  unsent_ += skipped_numbers(had_window_);
  inbox_.clear();
  this->remote = {};
  if (!this->host_is_asked_for_) this->local = this->unbound();
  shut_ = 0;
  has_fin_ = false;
  if (!is_orphan_) this->tell_error();
}

// Over for good, and whoever waits is told.
template <class P>
void TcpSocket<P>::finish() {
  become_closed();
  shut_ = Base::both;
  if (!is_orphan_) this->tell_change();
}

template <class P>
void TcpSocket<P>::become_closed() {
  unacknowledged_ = unacknowledged();
  unsent_ = unsent();
  state_ = TcpState::closed;
  this->has_peer = false;
  stop_trying();
  outbox_.clear();
  fin_is_queued_ = false;
  if (is_orphan_ || !this->port_is_asked_for_) this->ports_.leave(*this);
  cut();
}

// Nothing goes either way from now on.
template <class P>
void TcpSocket<P>::cut() {
  const Ref<TcpSocket> other = std::move(peer_);
  if (other) other->peer_ = {};
}

// ---- what fits ----------------------------------------------------------------------------------

// There is room again. The sender is told when it is enough to be worth a packet.
template <class P>
void TcpSocket<P>::announce_room() {
  const Ref<TcpSocket> sender = peer_;
  if (!sender || sender->outbox_.size() == 0) return;
  if (room() * least_share_announced < window()) return;
  sender->push();
}

// Everything that fits goes over; behind the last byte, the FIN.
template <class P>
void TcpSocket<P>::push() {
  const Ref<TcpSocket> keep(*this);
  const Ref<TcpSocket> to = peer_;
  if (!to) return;
  if (const std::size_t count = std::min(outbox_.size(), to->room()); count > 0) {
    to->receive(*this, count);
    if (wants_space_ && is_writable()) {
      wants_space_ = false;
      this->tell_room();
    }
  }
  if (!peer_ || !fin_is_queued_ || outbox_.size() > 0) return;
  fin_is_queued_ = false;
  to->receive_fin();
  fin_was_acknowledged();
}

// Bytes arrive. To one that has said it will read no more, and will send no more, they are an error
// of the peer's (RFC 1122, 4.2.2.13): it gets a RST. Linux looks for an urgent one before that.
template <class P>
void TcpSocket<P>::receive(TcpSocket& from, std::size_t count) {
  const bool is_deaf = this->is_shut(Base::receiving) &&
                       (state_ == TcpState::fin_wait1 || state_ == TcpState::fin_wait2);
  if (is_deaf) {
    if (inbox_.take_mark(from.outbox_, count, is_inline())) this->tell_data();
    be_reset();
    return from.be_reset(count);
  }
  const bool is_urgent = inbox_.take(from.outbox_, count, is_inline());
  const auto low_water = static_cast<std::size_t>(this->options.receive_low_water);
  if (is_urgent || is_readable(low_water)) this->tell_data();
}

#define TOCSIN_INSTANTIATE(P)                                                \
  template void TcpSocket<P>::knock();                                       \
  template void TcpSocket<P>::try_again_later();                             \
  template void TcpSocket<P>::try_again_after(Duration);                     \
  template void TcpSocket<P>::alarm(std::uint64_t);                          \
  template void TcpSocket<P>::stop_trying();                                 \
  template TcpSocket<P>* TcpSocket<P>::find_listener() const;                \
  template TcpSocket<P>* TcpSocket<P>::find_other_end() const;               \
  template void TcpSocket<P>::meet(TcpSocket&);                              \
  template void TcpSocket<P>::establish(TcpSocket&);                         \
  template void TcpSocket<P>::become_established();                          \
  template void TcpSocket<P>::become_child_of(const TcpSocket&, TcpSocket&); \
  template void TcpSocket<P>::stop_listening();                              \
  template bool TcpSocket<P>::begin_to_finish();                             \
  template void TcpSocket<P>::fin_was_acknowledged();                        \
  template void TcpSocket<P>::receive_fin();                                 \
  template void TcpSocket<P>::enter_time_wait();                             \
  template void TcpSocket<P>::be_reset(std::size_t);                         \
  template void TcpSocket<P>::reset_peer();                                  \
  template void TcpSocket<P>::disconnect();                                  \
  template void TcpSocket<P>::finish();                                      \
  template void TcpSocket<P>::become_closed();                               \
  template void TcpSocket<P>::cut();                                         \
  template void TcpSocket<P>::announce_room();                               \
  template void TcpSocket<P>::push();                                        \
  template void TcpSocket<P>::receive(TcpSocket&, std::size_t)

TOCSIN_INSTANTIATE(Single);
TOCSIN_INSTANTIATE(Threads);
#undef TOCSIN_INSTANTIATE

}  // namespace tocsin::vkern
