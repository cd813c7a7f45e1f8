// SPDX-License-Identifier: MIT
//
// InetSocket: what TCP and UDP sockets have in common (ip(7), socket(7)).
//
//     Process::bind, setsockopt, ... ──> [ InetSocket ] <── TcpSocket, UdpSocket
//
// A name in the system's table of ports, options, a pending error, which directions were shut down,
// and one wait queue for everything. The network is a loopback without loss and without time: what
// is sent is in the receiver's queue, and the receiver has been told, when the call returns. That
// is what Linux' loopback does on one processor.
//
// Ownership: counted; sockets that are connected refer to each other.
// Thread rule: as the policy; all sockets of a system share its inet_lock().
#pragma once

#include <netinet/in.h>
#include <sys/epoll.h>

#include <mutex>
#include <optional>
#include <span>

#include "tocsin/vkern/inet_ports.hpp"
#include "tocsin/vkern/socket.hpp"
#include "tocsin/vkern/system.hpp"

namespace tocsin::vkern {

template <class P>
class InetSocket : public Socket<P>, protected PortUser {
 public:
  Result<> bind(Process<P>& process, const sockaddr* address, socklen_t length) override;
  Result<> getsockopt(int level, int name, void* value, socklen_t* length) override;
  Result<> setsockopt(int level, int name, const void* value, socklen_t length) override;
  Result<> getsockname(sockaddr* address, socklen_t* length) override;

 protected:
  using Lock = typename P::Lock;
  using HeldLock = std::unique_lock<Lock>;

  InetSocket(System<P>& system, int its_domain, InetKind kind, PortTable& ports)
      : Socket<P>(system.inet_lock()), system_(system), ports_(ports), kind_(kind) {
    domain = its_domain;
    local = unbound();
  }

  /// Whether bind(2) may be called: EINVAL if not. Under the lock, as all below.
  virtual bool may_bind() const { return occupied == 0; }
  /// An option that a kind has a say in. nullopt: it has none.
  virtual std::optional<Result<>> set_own_option(int level, int name, const void* value,
                                                 socklen_t length) = 0;
  virtual std::optional<Result<>> own_option(int level, int name, void* value,
                                             socklen_t* length) = 0;
  /// SO_RCVBUF was set.
  virtual void receive_buffer_changed() {}

  Result<> occupy(std::uint16_t port) { return ports_.occupy(*this, port, system_.world().now()); }
  /// Where it is if nobody has said: everywhere, with the port that it has.
  Endpoint unbound() const { return {.port = local.port, .is_v6 = domain == AF_INET6}; }
  /// Whether packets can go to `to`, which is routed: ENETUNREACH, EAFNOSUPPORT.
  Result<> check_route(Endpoint to) const;
  /// A port, if it has none (udp(7): "it is automatically bound"): EAGAIN if none is free.
  Result<> autobind();

  /// What is pending, which is no longer then: 0 if nothing is.
  int take_error() { return std::exchange(error_, 0); }
  bool is_shut(int how) const { return (shut_ & how) == how; }

  // What the kernel tells a socket's waiters, by its names for it.
  void tell_change() { queue_.wake_all(0); }  // Whatever it is: look.
  void tell_data() { queue_.wake(EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND); }
  void tell_room() { queue_.wake(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND); }
  void tell_error() { queue_.wake(EPOLLERR); }

  /// When a call that begins now gives up (SO_RCVTIMEO, SO_SNDTIMEO).
  std::optional<TimePoint> deadline(std::optional<Duration> timeout) const {
    if (!timeout) return std::nullopt;
    return saturating_add(system_.world().now(), *timeout);
  }

  // Directions that were shut down, or all that can be (the kernel's RCV_ and SEND_SHUTDOWN).
  static constexpr int receiving = 1;
  static constexpr int sending = 2;
  static constexpr int both = 3;

  System<P>& system_;
  PortTable& ports_;
  WaitQueue queue_;
  InetKind kind_;
  int shut_ = 0;
  int error_ = 0;
  bool host_is_asked_for_ = false;  // By bind(2): what is bound by itself can be bound anew.
  bool port_is_asked_for_ = false;

 private:
  Result<> set_v6_option(int name, const void* value, socklen_t length);
  Result<> set_socket_option(int name, int value);
  std::optional<int> socket_option(int name);
};

/// The parts of a message: EFAULT for one that has a length and no place, EMSGSIZE for too many.
Result<std::span<const iovec>> parts_of(const msghdr& message);

/// A socket of `domain` (AF_INET, AF_INET6) and `type` (SOCK_STREAM, SOCK_DGRAM). Fails as
/// socket(2).
template <class P>
Result<Ref<Socket<P>>> make_inet_socket(System<P>& system, int domain, int type, int protocol);

}  // namespace tocsin::vkern
