// SPDX-License-Identifier: MIT
#include "tocsin/vkern/inet_socket.hpp"

#include <limits.h>

#include <algorithm>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/tcp_socket.hpp"
#include "tocsin/vkern/udp_socket.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected unknown_option{Errno{ENOPROTOOPT}};

// The kernel counts its own share of the memory, so it doubles (socket(7)), with these minima.
constexpr int least_send_buffer = 4608;
constexpr int least_receive_buffer = 2304;

// A negative size is taken for a large one.
int doubled(int wanted, int least) {
  const auto size = std::min(static_cast<unsigned>(wanted), unsigned{most_buffer});
  return std::max(static_cast<int>(size) * 2, least);
}

}  // namespace

template <class P>
Result<> InetSocket<P>::bind(Process<P>&, const sockaddr* address, socklen_t length) {
  const auto wanted = read_bind_endpoint(domain, address, length);
  if (!wanted) return std::unexpected(wanted.error());
  const std::lock_guard lock(this->lock());
  if (domain == AF_INET6 && !wanted->is_v6 && options.v6_only != 0) return invalid;
  if (!is_local(*wanted)) return std::unexpected(Errno{EADDRNOTAVAIL});
  if (!may_bind()) return invalid;
  const int was_only = options.v6_only;
  local.host = wanted->host;
  local.is_v6 = wanted->is_v6;
  if (wanted->is_v6 && !wanted->is_any()) options.v6_only = 1;
  if (auto done = occupy(wanted->port); !done) {
    options.v6_only = was_only;
    local = unbound();  // Of a port that it once had, getsockname(2) still tells.
    return done;
  }
  // What once was asked for is not forgotten, whatever another bind(2) says.
  host_is_asked_for_ =
      host_is_asked_for_ || !wanted->is_any() || wanted->is_v6 != (domain == AF_INET6);
  port_is_asked_for_ = port_is_asked_for_ || wanted->port != 0;
  return {};
}

template <class P>
Result<> InetSocket<P>::check_route(Endpoint to) const {
  constexpr std::unexpected unreachable{Errno{ENETUNREACH}};
  if (domain == AF_INET6 && !to.is_v6 && options.v6_only != 0) return unreachable;
  if (!is_local(to)) return unreachable;
  if (to.is_v6 && !local.is_v6) return std::unexpected(Errno{EAFNOSUPPORT});
  return {};
}

template <class P>
Result<> InetSocket<P>::autobind() {
  if (occupied == 0 && !occupy(0)) return std::unexpected(Errno::again);
  return {};
}

template <class P>
Result<> InetSocket<P>::getsockname(sockaddr* address, socklen_t* length) {
  if (address == nullptr) return std::unexpected(Errno{EFAULT});
  const std::lock_guard lock(this->lock());
  return store_endpoint(domain, local, address, length);
}

// ---- options ------------------------------------------------------------------------------------

template <class P>
Result<> InetSocket<P>::setsockopt(int level, int name, const void* value, socklen_t length) {
  const std::lock_guard lock(this->lock());
  if (const auto done = set_own_option(level, name, value, length)) return *done;
  if (const auto done = set_plain_option(options, kind_, level, name, value, length)) return *done;
  if (level == IPPROTO_IPV6 && domain == AF_INET6) return set_v6_option(name, value, length);
  if (level != SOL_SOCKET) return unknown_option;
  const auto wanted = read_option(value, length);
  if (!wanted) return std::unexpected(wanted.error());
  if (const auto done = set_structured_option(options, name, value, length)) return *done;
  return set_socket_option(name, *wanted);
}

// ipv6(7), IPV6_V6ONLY: "An IPv4 and an IPv6 application can bind to a single port at the same
// time" where it is set; it is too late for that once the port is taken. No place for the value is
// 0.
template <class P>
Result<> InetSocket<P>::set_v6_option(int name, const void* value, socklen_t length) {
  if (name != IPV6_V6ONLY) return unknown_option;
  if (length < sizeof(int) || occupied != 0) return invalid;
  options.v6_only = value != nullptr && *read_option(value, length) != 0 ? 1 : 0;
  return {};
}

template <class P>
Result<> InetSocket<P>::set_socket_option(int name, int value) {
  switch (name) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
      options.send_buffer = doubled(value, least_send_buffer);
      options.send_buffer_is_set = true;
      tell_room();  // Whoever waits for room may have it now.
      return {};
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
      options.receive_buffer = doubled(value, least_receive_buffer);
      options.receive_buffer_is_set = true;
      receive_buffer_changed();
      return {};
    case SO_RCVLOWAT:
      options.receive_low_water = value < 0 ? INT_MAX : std::max(value, 1);
      return {};
    case SO_TYPE:
    case SO_PROTOCOL:
    case SO_DOMAIN:
    case SO_ERROR:
    default:
      return unknown_option;
  }
}

template <class P>
Result<> InetSocket<P>::getsockopt(int level, int name, void* value, socklen_t* length) {
  const int own_level = kind_ == InetKind::tcp ? IPPROTO_TCP : IPPROTO_UDP;
  const bool is_v6 = level == IPPROTO_IPV6 && domain == AF_INET6;
  const bool is_known = level == SOL_SOCKET || level == own_level || level == IPPROTO_IP || is_v6;
  if (!is_known) return std::unexpected(Errno::unsupported);  // To set it, ENOPROTOOPT.
  if (length == nullptr) return std::unexpected(Errno{EFAULT});
  if (*length > INT_MAX) return invalid;
  const std::lock_guard lock(this->lock());
  if (const auto done = own_option(level, name, value, length)) return *done;
  if (const auto plain = plain_option(options, kind_, level, name))
    return store_option(*plain, value, length);
  if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
    return store_option(options.v6_only, value, length);
  if (level != SOL_SOCKET) return unknown_option;
  if (const auto done = structured_option(options, name, value, length)) return *done;
  if (const auto told = socket_option(name)) return store_option(*told, value, length);
  return unknown_option;
}

template <class P>
std::optional<int> InetSocket<P>::socket_option(int name) {
  switch (name) {
    case SO_SNDBUF:
      return options.send_buffer;
    case SO_RCVBUF:
      return options.receive_buffer;
    case SO_RCVLOWAT:
      return options.receive_low_water;
    case SO_SNDLOWAT:
      return 1;
    case SO_ERROR:
      return take_error();
    case SO_DOMAIN:
      return domain;
    case SO_TYPE:
      return kind_ == InetKind::tcp ? SOCK_STREAM : SOCK_DGRAM;
    case SO_PROTOCOL:
      return kind_ == InetKind::tcp ? IPPROTO_TCP : IPPROTO_UDP;
    case SO_ACCEPTCONN:
      return listens ? 1 : 0;
    default:
      return std::nullopt;
  }
}

template class InetSocket<Single>;
template class InetSocket<Threads>;

// ---- helpers ------------------------------------------------------------------------------------

Result<std::span<const iovec>> parts_of(const msghdr& message) {
  if (message.msg_iovlen > IOV_MAX) return std::unexpected(Errno{EMSGSIZE});
  const std::span<const iovec> parts(message.msg_iov, message.msg_iovlen);
  const bool is_bad = std::ranges::any_of(
      parts, [](const iovec& part) { return part.iov_base == nullptr && part.iov_len > 0; });
  if (is_bad) return std::unexpected(Errno{EFAULT});
  return parts;
}

template <class P>
Result<Ref<Socket<P>>> make_inet_socket(System<P>& system, int domain, int type, int protocol) {
  constexpr std::unexpected no_such_protocol{Errno{EPROTONOSUPPORT}};
  if (protocol < 0 || protocol > 255) return invalid;
  switch (type) {
    case SOCK_STREAM:
      if (protocol != 0 && protocol != IPPROTO_TCP) return no_such_protocol;
      return Ref<Socket<P>>(make_ref<TcpSocket<P>>(system, domain));
    case SOCK_DGRAM:
      if (protocol != 0 && protocol != IPPROTO_UDP) return no_such_protocol;
      return Ref<Socket<P>>(make_ref<UdpSocket<P>>(system, domain));
    default:
      return std::unexpected(Errno{ESOCKTNOSUPPORT});
  }
}

template Result<Ref<Socket<Single>>> make_inet_socket(System<Single>&, int, int, int);
template Result<Ref<Socket<Threads>>> make_inet_socket(System<Threads>&, int, int, int);

}  // namespace tocsin::vkern
