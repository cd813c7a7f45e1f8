// SPDX-License-Identifier: MIT
#include "tocsin/vkern/udp_socket.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <bit>

#include "tocsin/vkern/internal/scatter.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected not_connected{Errno{ENOTCONN}};
constexpr std::unexpected unsupported{Errno::unsupported};

constexpr std::size_t most_payload = 65'507;  // 65,535 less the headers of IPv4 and UDP (udp(7)).
constexpr std::size_t more_of_v6 = 20;        // Whose header does not count, and is so much larger.

// What the kernel charges for a datagram of `size` bytes: its bookkeeping, and memory in powers of
// two; but small ones have a size of their own, and beyond what is taken in one piece, pages are
// charged for by what is in them.
constexpr int charge_for(std::size_t size, bool is_v6) {
  // IPv4 and UDP, the link's, alignment.
  const std::size_t headers = 28 + 16 + 15 + (is_v6 ? more_of_v6 : 0);
  constexpr std::size_t bookkeeping = 256;
  constexpr std::size_t shared = 320;
  constexpr std::size_t small = 576;
  constexpr std::size_t most_in_one_piece = 16'064;
  const auto linear = [](std::size_t bytes) {
    const std::size_t whole = (bytes + 63) / 64 * 64 + shared;
    return bookkeeping + (whole <= small ? small : std::bit_ceil(whole));
  };
  if (size + headers <= most_in_one_piece) return static_cast<int>(linear(size + headers));
  return static_cast<int>(linear(headers) + size);
}
static_assert(charge_for(0, false) == 832);
static_assert(charge_for(198, false) == 1280);
static_assert(charge_for(178, true) == 1280);

}  // namespace

template <class P>
UdpSocket<P>::UdpSocket(System<P>& system, int its_domain)
    : Base(system, its_domain, InetKind::udp, system.udp_ports()) {
  this->options.send_buffer = usual_buffer;
  this->options.receive_buffer = usual_buffer;
}

// ---- whom it is connected to --------------------------------------------------------------------

template <class P>
Result<> UdpSocket<P>::listen(Process<P>&, int) {
  return unsupported;
}

template <class P>
Result<Open<P>> UdpSocket<P>::accept(Process<P>&, Description<P>&, sockaddr*, socklen_t*, int) {
  return unsupported;
}

template <class P>
Result<> UdpSocket<P>::connect(Process<P>&, Description<P>&, const sockaddr* address,
                               socklen_t length) {
  if (auto done = check_address(address, length); !done) return done;
  const std::lock_guard lock(this->lock());
  if (address->sa_family == AF_UNSPEC) {
    disconnect();
    return {};
  }
  if (auto done = this->autobind(); !done) return done;
  const auto wanted = read_peer(address, length);
  if (!wanted) return std::unexpected(wanted.error());
  const Endpoint to = routed(*wanted, this->local);
  if (auto done = this->check_route(to); !done) return done;
  this->remote = to;
  is_connected_ = true;
  this->local = source_of(this->local, to);
  return {};
}

// A socket of IPv6 can be connected to an address that is IPv4's by its family, too.
template <class P>
Result<Endpoint> UdpSocket<P>::read_peer(const sockaddr* address, socklen_t length) const {
  if (this->domain != AF_INET6 || address->sa_family != AF_INET)
    return read_endpoint(this->domain, address, length);
  if (this->options.v6_only != 0) return std::unexpected(Errno{EAFNOSUPPORT});
  return read_endpoint(AF_INET, address, length);
}

// udp(7): "the peer address can be dissolved with AF_UNSPEC"; what bind(2) did not ask for goes.
template <class P>
void UdpSocket<P>::disconnect() {
  this->remote = {};
  is_connected_ = false;
  if (!this->host_is_asked_for_) this->local = this->unbound();
  if (this->port_is_asked_for_) return;
  this->ports_.leave(*this);
  this->local.port = 0;
}

template <class P>
Result<> UdpSocket<P>::getpeername(sockaddr* address, socklen_t* length) {
  if (address == nullptr) return std::unexpected(Errno{EFAULT});
  const std::lock_guard lock(this->lock());
  if (this->remote.port == 0) return not_connected;
  return store_endpoint(this->domain, this->remote, address, length);
}

// It tells nobody but those who wait here; one that is not connected is shut down nevertheless, and
// says ENOTCONN.
template <class P>
Result<> UdpSocket<P>::shutdown(int how) {
  if (how < SHUT_RD || how > SHUT_RDWR) return invalid;
  const std::lock_guard lock(this->lock());
  shut_ |= how + 1;
  this->tell_change();
  if (!is_connected()) return not_connected;
  return {};
}

template <class P>
void UdpSocket<P>::released(Description<P>&) {
  const std::lock_guard lock(this->lock());
  this->ports_.leave(*this);
  datagrams_.clear();
}

// ---- sending ------------------------------------------------------------------------------------

template <class P>
Result<Endpoint> UdpSocket<P>::destination(const msghdr& message) const {
  std::optional<Endpoint> named;
  if (message.msg_name != nullptr) {
    const auto* const address = static_cast<const sockaddr*>(message.msg_name);
    if (auto done = check_address(address, message.msg_namelen); !done)
      return std::unexpected(done.error());
    if (this->options.v6_only != 0 && address->sa_family == AF_INET)
      return std::unexpected(Errno{ENETUNREACH});
    const auto read = read_destination(this->domain, address, message.msg_namelen);
    if (!read) return std::unexpected(read.error());
    named = *read;
  }
  if (!named) {
    if (!is_connected()) return std::unexpected(Errno{EDESTADDRREQ});
    return this->remote;
  }
  if (named->port == 0) return invalid;
  const Endpoint to = routed(*named, this->local);
  if (auto done = this->check_route(to); !done) return std::unexpected(done.error());
  return to;
}

template <class P>
Count UdpSocket<P>::sendmsg(Process<P>&, Description<P>&, const msghdr& message, int flags) {
  const auto parts = parts_of(message);
  if (!parts) return std::unexpected(parts.error());
  const std::lock_guard lock(this->lock());
  if (!this->autobind()) return std::unexpected(Errno::again);
  const std::size_t size = internal::length_of(*parts);
  if (size > 0xFFFF && this->domain == AF_INET) return std::unexpected(Errno{EMSGSIZE});
  if ((flags & MSG_OOB) != 0) return unsupported;
  const auto to = destination(message);
  if (!to) return std::unexpected(to.error());
  if (size > most_payload + (to->is_v6 ? more_of_v6 : 0)) return std::unexpected(Errno{EMSGSIZE});
  if (const int error = this->take_error(); error != 0) return std::unexpected(Errno{error});
  if (this->is_shut(Base::sending)) return std::unexpected(Errno{EPIPE});

  const Endpoint from = source_of(this->local, *to);
  // The datagram has left the sender's buffer as soon as it is on the loopback.
  this->tell_room();
  if (UdpSocket* const receiver = find_receiver(*to, from)) {
    receiver->receive(from, internal::gather(*parts));
  } else if (is_connected() && score(*this, from, *to) >= 0) {
    // "Port unreachable", by ICMP (udp(7), "ERRORS"), finds whoever an answer would have found.
    error_ = ECONNREFUSED;
    this->tell_error();
  }
  return size;
}

// How well a datagram suits a socket: a negative number if it is not for it.
template <class P>
int UdpSocket<P>::score(const PortUser& user, Endpoint to, Endpoint from) const {
  const bool is_right = user.is_right_at(to);
  if (!is_right && !user.is_everywhere_of(to)) return -1;
  int score = is_right ? 100 : 0;  // Before all else.
  if (!to.is_v6 && user.domain == AF_INET) score += 1;
  if (!user.remote.is_any()) {
    if (user.remote.host != from.host || user.remote.is_v6 != from.is_v6) return -1;
    score += 4;
  }
  if (user.remote.port != 0) {
    if (user.remote.port != from.port) return -1;
    score += 4;
  }
  return score;
}

// The best; of several, whoever came last, unless they are a group of SO_REUSEPORT.
template <class P>
UdpSocket<P>* UdpSocket<P>::find_receiver(Endpoint to, Endpoint from) const {
  int best = -1;
  std::vector<PortUser*> found;
  for (PortUser* const user : this->ports_.users(to.port)) {
    const int its = score(*user, to, from);
    if (its < 0 || its < best) continue;
    if (its > best) found.clear();
    best = its;
    found.push_back(user);
  }
  if (found.empty()) return nullptr;
  const bool is_group = std::ranges::all_of(
      found, [](const PortUser* user) { return user->options.reuse_port != 0; });
  const std::size_t chosen = is_group ? choose_in_group(found.size(), to, from) : found.size() - 1;
  return static_cast<UdpSocket*>(found[chosen]);
}

// ---- receiving ----------------------------------------------------------------------------------

template <class P>
void UdpSocket<P>::receive(Endpoint from, std::vector<std::byte>&& bytes) {
  const int charge = charge_for(bytes.size(), from.is_v6);
  if (charged_ > 0 && charged_ + charge > this->options.receive_buffer) return;  // Dropped.
  charged_ += charge;
  datagrams_.push_back({.bytes = std::move(bytes), .from = from, .charge = charge});
  this->tell_data();
}

// A reader fetches all there is at once; the room of what it reads is given back when a quarter of
// the buffer is owed, or when nothing is left of what was fetched.
template <class P>
auto UdpSocket<P>::take_first() -> Datagram {
  Datagram first = std::move(datagrams_.front());
  datagrams_.pop_front();
  --fetched_;
  owed_ += first.charge;
  if (owed_ >= this->options.receive_buffer / 4 || fetched_ == 0)
    charged_ -= std::exchange(owed_, 0);
  return first;
}

// nullopt if there is one; what a call answers if not, where EINVAL stands for the end: nothing.
template <class P>
std::optional<Errno> UdpSocket<P>::wait_for_datagram(HeldLock& lock, bool may_block) {
  if (const int error = this->take_error(); error != 0) return Errno{error};
  if (!datagrams_.empty()) return std::nullopt;
  if (!may_block) return Errno::again;
  const bool in_time = sleep_until<P>(
      this->system_.world(), queue_, lock, Queued::exclusive,
      this->deadline(this->options.receive_timeout),
      [this] { return error_ != 0 || !datagrams_.empty() || this->is_shut(Base::receiving); },
      by_arrivals);
  if (const int error = this->take_error(); error != 0) return Errno{error};
  if (!datagrams_.empty()) return std::nullopt;
  return in_time ? Errno{ESHUTDOWN} : Errno::again;
}

template <class P>
Count UdpSocket<P>::recvmsg(Process<P>&, Description<P>& description, msghdr& message, int flags) {
  const auto parts = parts_of(message);
  if (!parts) return std::unexpected(parts.error());
  message.msg_flags = 0;
  message.msg_controllen = 0;
  if ((flags & MSG_ERRQUEUE) != 0) return std::unexpected(Errno::again);
  HeldLock lock(this->lock());
  if (const auto why = wait_for_datagram(lock, this->may_block(description, flags))) {
    message.msg_namelen = 0;
    if (*why == Errno{ESHUTDOWN}) return Count{0};  // It was shut down while the call slept.
    return std::unexpected(*why);
  }
  if (fetched_ == 0) fetched_ = datagrams_.size();
  if ((flags & MSG_PEEK) != 0) return deliver(datagrams_.front(), *parts, message, flags);
  return deliver(take_first(), *parts, message, flags);
}

template <class P>
Count UdpSocket<P>::deliver(const Datagram& datagram, std::span<const iovec> parts, msghdr& message,
                            int flags) const {
  const std::size_t copied = std::min(internal::length_of(parts), datagram.bytes.size());
  internal::scatter(ByteView(datagram.bytes).first(copied), parts);
  if (copied < datagram.bytes.size()) message.msg_flags |= MSG_TRUNC;
  auto* const name = static_cast<sockaddr*>(message.msg_name);
  if (name == nullptr) message.msg_namelen = 0;
  if (auto done = store_endpoint(this->domain, datagram.from, name, &message.msg_namelen); !done)
    return std::unexpected(done.error());
  return (flags & MSG_TRUNC) != 0 ? datagram.bytes.size() : copied;
}

// ---- poll(2), ioctl(2), options -----------------------------------------------------------------

template <class P>
Mask UdpSocket<P>::poll(Description<P>&, PollTable* table, Mask) {
  const std::lock_guard lock(this->lock());
  if (table != nullptr) table->enter(queue_);
  Mask ready = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;  // What is sent is gone at once.
  if (error_ != 0) ready |= EPOLLERR;
  if (this->is_shut(Base::receiving)) ready |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
  if (this->is_shut(Base::both)) ready |= EPOLLHUP;
  if (!datagrams_.empty()) ready |= EPOLLIN | EPOLLRDNORM;
  return ready;
}

// udp(7), FIONREAD: "Returns the size of the next pending datagram in bytes, or 0 when no datagram
// is pending"; nothing is ever left to be sent.
template <class P>
Result<int> UdpSocket<P>::ioctl(Process<P>& process, Description<P>& description,
                                unsigned long request, void* argument) {
  if (request != FIONREAD && request != SIOCOUTQ)
    return Base::ioctl(process, description, request, argument);
  if (argument == nullptr) return std::unexpected(Errno{EFAULT});
  const std::lock_guard lock(this->lock());
  const bool has_next = request == FIONREAD && !datagrams_.empty();
  *static_cast<int*>(argument) = has_next ? static_cast<int>(datagrams_.front().bytes.size()) : 0;
  return 0;
}

template <class P>
std::optional<Result<>> UdpSocket<P>::set_own_option(int, int, const void*, socklen_t) {
  return std::nullopt;
}

template <class P>
std::optional<Result<>> UdpSocket<P>::own_option(int, int, void*, socklen_t*) {
  return std::nullopt;
}

template class UdpSocket<Single>;
template class UdpSocket<Threads>;

}  // namespace tocsin::vkern
