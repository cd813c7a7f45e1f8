// SPDX-License-Identifier: MIT
#include "tocsin/vkern/tcp_socket.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected is_connected{Errno{EISCONN}};
constexpr std::unexpected not_connected{Errno{ENOTCONN}};

// /proc/sys/net/ipv4/tcp_wmem and tcp_rmem, their middle values.
constexpr int first_send_buffer = 16'384;
constexpr int first_receive_buffer = 131'072;

}  // namespace

template <class P>
TcpSocket<P>::TcpSocket(System<P>& system, int its_domain)
    : Base(system, its_domain, InetKind::tcp, system.tcp_ports()) {
  this->options.send_buffer = first_send_buffer;
  this->options.receive_buffer = first_receive_buffer;
}

// ---- listen(2), accept(2) -----------------------------------------------------------------------

template <class P>
Result<> TcpSocket<P>::listen(Process<P>&, int backlog) {
  const std::lock_guard lock(this->lock());
  if (phase_ != Phase::unconnected) return invalid;
  if (state_ != TcpState::closed && state_ != TcpState::listening) return invalid;
  // listen(2): "If the backlog argument is greater than the value in somaxconn, then it is silently
  // capped to that value"; a negative one is taken for a large one.
  backlog_ = static_cast<std::size_t>(
      std::min(static_cast<unsigned>(backlog), static_cast<unsigned>(most_backlog)));
  if (state_ == TcpState::listening) return {};
  if (this->occupied == 0) {
    if (auto done = this->occupy(0); !done) return done;
  } else if (!this->ports_.may_listen(*this)) {
    return std::unexpected(Errno{EADDRINUSE});
  }
  state_ = TcpState::listening;
  this->listens = true;
  return {};
}

template <class P>
Result<Open<P>> TcpSocket<P>::accept(Process<P>& process, Description<P>& description,
                                     sockaddr* address, socklen_t* length, int flags) {
  HeldLock lock(this->lock());
  if (state_ != TcpState::listening) return invalid;
  if (accept_queue_.empty()) {
    if (!this->may_block(description, 0)) return std::unexpected(Errno::again);
    const bool in_time =
        sleep_until<P>(process.world(), queue_, lock, Queued::exclusive,
                       this->deadline(this->options.receive_timeout),
                       [this] { return !accept_queue_.empty() || state_ != TcpState::listening; });
    if (!in_time) return std::unexpected(Errno::again);
    if (accept_queue_.empty()) return invalid;
  }
  Ref<TcpSocket> made = std::move(accept_queue_.front());
  accept_queue_.pop_front();
  if (auto done = store_endpoint(made->domain, made->remote, address, length); !done)
    return std::unexpected(done.error());
  return open_new<P>(std::move(made), O_RDWR | (flags & SOCK_NONBLOCK));
}

// ---- connect(2) ---------------------------------------------------------------------------------

template <class P>
Result<> TcpSocket<P>::connect(Process<P>&, Description<P>& description, const sockaddr* address,
                               socklen_t length) {
  if (auto done = check_address(address, length); !done) return done;
  HeldLock lock(this->lock());
  if (address->sa_family == AF_UNSPEC) {
    disconnect();
    phase_ = Phase::unconnected;
    return {};
  }
  const bool may_block = this->may_block(description, 0);
  if (phase_ == Phase::spent) return invalid;
  if (phase_ == Phase::connected) return is_connected;
  if (phase_ == Phase::connecting) {
    if (state_ == TcpState::syn_sent && !may_block) return std::unexpected(Errno{EALREADY});
    return wait_for_connection(lock, may_block);
  }
  if (state_ != TcpState::closed) return is_connected;
  const auto to = read_endpoint(this->domain, address, length);
  if (!to) return std::unexpected(to.error());
  if (auto done = begin_connect(*to); !done) return done;
  // The answer comes as early as can be, but only after a call that may not block has returned: it
  // says EINPROGRESS in any case.
  knock();
  if (!may_block) return std::unexpected(Errno{EINPROGRESS});
  return wait_for_connection(lock, may_block);
}

template <class P>
Result<> TcpSocket<P>::begin_connect(Endpoint to) {
  to = routed(to, this->local);
  if (auto done = this->check_route(to); !done) return done;
  const Endpoint before = this->local;
  this->local = source_of(this->local, to);
  const bool is_taken =
      this->occupied != 0 && this->ports_.find_connected(this->local, to) != nullptr;
  if (is_taken || (this->occupied == 0 && !this->occupy(0))) {
    this->local = before;
    return std::unexpected(Errno{EADDRNOTAVAIL});
  }
  // One that was bound takes the place of a TIME_WAIT of the same two ends.
  this->ports_.forget(this->local, to, this->system_.world().now());
  this->remote = to;
  this->has_peer = true;
  state_ = TcpState::syn_sent;
  phase_ = Phase::connecting;
  error_ = 0;  // What was pending is of the last connection.
  unacknowledged_ = unsent_ = 0;
  had_window_ = false;
  has_fin_ = false;
  tries_ = 0;
  return {};
}

template <class P>
Result<> TcpSocket<P>::wait_for_connection(HeldLock& lock, bool may_block) {
  if (may_block)
    sleep_until<P>(this->system_.world(), queue_, lock, Queued::shared,
                   this->deadline(this->options.send_timeout),
                   [this] { return state_ != TcpState::syn_sent; });
  if (state_ == TcpState::syn_sent) return std::unexpected(Errno{EINPROGRESS});
  if (state_ != TcpState::closed) {
    phase_ = Phase::connected;
    return {};
  }
  // Refused, or given up. The socket is as it was, and may try again.
  const int error = this->take_error();
  phase_ = Phase::unconnected;
  disconnect();
  return std::unexpected(Errno{error != 0 ? error : ECONNABORTED});
}

template <class P>
Result<> TcpSocket<P>::getpeername(sockaddr* address, socklen_t* length) {
  if (address == nullptr) return std::unexpected(Errno{EFAULT});
  const std::lock_guard lock(this->lock());
  if (this->remote.port == 0 || state_ == TcpState::closed || state_ == TcpState::syn_sent)
    return not_connected;
  return store_endpoint(this->domain, this->remote, address, length);
}

// ---- shutdown(2), close(2) ----------------------------------------------------------------------

template <class P>
Result<> TcpSocket<P>::shutdown(int how) {
  if (how < SHUT_RD || how > SHUT_RDWR) return invalid;
  const int directions = how + 1;
  Ref<TcpSocket> keep(*this);
  const std::lock_guard lock(this->lock());
  if (phase_ == Phase::connecting)
    phase_ = state_ == TcpState::closed ? Phase::spent : Phase::connected;
  Result<> answer;
  const bool stops_listening = state_ == TcpState::listening && (directions & Base::receiving) != 0;
  if (state_ == TcpState::syn_sent || stops_listening) {
    disconnect();
    phase_ = Phase::unconnected;
  } else if (state_ != TcpState::listening) {
    // One that never was connected is shut down nevertheless, and says ENOTCONN.
    if (state_ == TcpState::closed) answer = not_connected;
    shut_ |= directions;
    if ((directions & Base::sending) != 0 && begin_to_finish()) push();
  }
  this->tell_change();
  return answer;
}

template <class P>
void TcpSocket<P>::released(Description<P>&) {
  Ref<TcpSocket> keep(*this);
  HeldLock lock(this->lock());
  shut_ = Base::both;
  if (state_ == TcpState::listening) {
    stop_listening();
    become_closed();
  } else {
    close_gracefully();
    wait_for_close(lock);
  }
  is_orphan_ = true;
  stop_trying();
  const TimePoint until = this->system_.world().now() + time_wait;
  if (state_ == TcpState::fin_wait2) this->ports_.remember(*this, until);
  if (state_ == TcpState::fin_wait2 || state_ == TcpState::closed) this->ports_.leave(*this);
}

// "If there is unread data, the connection is reset" is what RFC 2525, 2.17 asks for.
template <class P>
void TcpSocket<P>::close_gracefully() {
  const bool is_unread = inbox_.size() > 0;
  inbox_.clear();
  if (state_ == TcpState::closed) return;
  const linger& lingering = this->options.linger_for;
  if (is_unread)
    reset_peer();
  else if (lingering.l_onoff != 0 && lingering.l_linger == 0)
    disconnect();
  else if (begin_to_finish())
    push();
}

// socket(7), SO_LINGER: "a close(2) or shutdown(2) will not return until all queued messages for
// the socket have been successfully sent or the linger timeout has been reached."
template <class P>
void TcpSocket<P>::wait_for_close(HeldLock& lock) {
  if (this->options.linger_for.l_onoff == 0) return;
  const auto length = std::chrono::seconds{this->options.linger_for.l_linger};
  sleep_until<P>(this->system_.world(), queue_, lock, Queued::shared, this->deadline(length),
                 [this] {
                   return state_ != TcpState::fin_wait1 && state_ != TcpState::closing &&
                          state_ != TcpState::last_ack;
                 });
}

// ---- poll(2), ioctl(2) --------------------------------------------------------------------------

template <class P>
Mask TcpSocket<P>::poll(Description<P>&, PollTable* table, Mask) {
  const std::lock_guard lock(this->lock());
  if (table != nullptr) table->enter(queue_);
  if (state_ == TcpState::listening) return accept_queue_.empty() ? 0 : EPOLLIN | EPOLLRDNORM;
  Mask ready = 0;
  if (this->is_shut(Base::both) || state_ == TcpState::closed) ready |= EPOLLHUP;
  if (this->is_shut(Base::receiving)) ready |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
  if (state_ != TcpState::syn_sent) {
    const auto low_water = static_cast<std::size_t>(this->options.receive_low_water);
    // The urgent byte that comes next does not count: reading would leave it out.
    const bool leaves_one_out = inbox_.is_marked(inbox_.begin()) && !is_inline();
    if (is_readable(low_water + (leaves_one_out ? 1 : 0))) ready |= EPOLLIN | EPOLLRDNORM;
    if (this->is_shut(Base::sending) || is_writable())
      ready |= EPOLLOUT | EPOLLWRNORM;
    else
      wants_space_ = true;
    if (inbox_.has_urgent()) ready |= EPOLLPRI;
  }
  if (error_ != 0) ready |= EPOLLERR;
  return ready;
}

template <class P>
Result<int> TcpSocket<P>::ioctl(Process<P>& process, Description<P>& description,
                                unsigned long request, void* argument) {
  if (request != FIONREAD && request != SIOCOUTQ && request != SIOCOUTQNSD && request != SIOCATMARK)
    return Base::ioctl(process, description, request, argument);
  const std::lock_guard lock(this->lock());
  if (request != SIOCATMARK && state_ == TcpState::listening) return invalid;
  if (argument == nullptr) return std::unexpected(Errno{EFAULT});
  std::size_t told = 0;
  if (request == SIOCATMARK)
    told = inbox_.is_marked(inbox_.begin()) ? 1 : 0;
  else if (request == FIONREAD)
    told = inbox_.unread(is_inline());
  else if (state_ != TcpState::syn_sent)
    told = request == SIOCOUTQ ? unacknowledged() : unsent();
  *static_cast<int*>(argument) = static_cast<int>(told);
  return 0;
}

template class TcpSocket<Single>;
template class TcpSocket<Threads>;

}  // namespace tocsin::vkern
