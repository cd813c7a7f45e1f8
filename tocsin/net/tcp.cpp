// SPDX-License-Identifier: MIT
#include "tocsin/net/tcp.hpp"

#include <linux/mptcp.h>  // Uses sockaddr of sys/socket.h without including it.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

#include "tocsin/net/connect.hpp"
#include "tocsin/net/internal/socket_option.hpp"
#include "tocsin/net/internal/tcp_socket.hpp"

namespace tocsin {
namespace {

using internal::set_option;

Result<Fd> tcp_socket(Kernel& kernel, const Address& address, Multipath multipath) {
  const auto make = [&](int protocol) {
    const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    return own(kernel, kernel.socket(address.family(), type, protocol));
  };
  if (multipath == Multipath::off) return make(0);
  auto made = make(IPPROTO_MPTCP);
  if (made || multipath == Multipath::required) return made;
  for (const int absent : {EPROTONOSUPPORT, ENOPROTOOPT, EINVAL})
    if (made.error() == Errno{absent}) return make(0);
  return made;
}

Result<> prepare_listener(Kernel& kernel, int fd, const Address& address,
                          const TcpListenOptions& options) {
  struct {
    bool wanted;
    int level;
    int name;
    int value;
  } const wishes[] = {
      {options.reuse_address, SOL_SOCKET, SO_REUSEADDR, 1},
      {options.reuse_port, SOL_SOCKET, SO_REUSEPORT, 1},
      // Said in any case: its default is the machine's (ipv6(7), bindv6only).
      {address.family() == AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0},
      {true, IPPROTO_TCP, TCP_NODELAY, 1},
  };
  for (const auto& wish : wishes) {
    if (!wish.wanted) continue;
    if (auto done = set_option(kernel, fd, wish.level, wish.name, wish.value); !done) return done;
  }
  return {};
}

}  // namespace

bool internal::is_tcp(const Address& address) {
  return address.family() == AF_INET || address.family() == AF_INET6;
}

Result<Fd> internal::tcp_listening_socket(Kernel& kernel, const Address& address,
                                          const TcpListenOptions& options) {
  auto made = tcp_socket(kernel, address, options.multipath);
  if (!made) return made;
  if (auto done = prepare_listener(kernel, made->get(), address, options); !done)
    return std::unexpected(done.error());
  if (auto done = kernel.bind(made->get(), address.data(), address.size()); !done)
    return std::unexpected(done.error());
  if (auto done = kernel.listen(made->get(), options.backlog); !done)
    return std::unexpected(done.error());
  return made;
}

// ---- TcpListener --------------------------------------------------------------------------------

Result<TcpListener> TcpListener::bind(Loop& loop, const Address& address,
                                      const TcpListenOptions& options, std::source_location where) {
  if (!internal::is_tcp(address)) return std::unexpected(Errno{EAFNOSUPPORT});
  auto fd = internal::tcp_listening_socket(loop.kernel(), address, options);
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), "tcp listener", where);
  if (!source) return std::unexpected(source.error());
  auto listening = Listening::create(std::move(*source));
  if (!listening) return std::unexpected(listening.error());
  return TcpListener(std::move(*listening));
}

// ---- TcpStream ----------------------------------------------------------------------------------

Task<Result<TcpStream>> TcpStream::connect(Loop& loop, Address address, TcpConnectOptions options,
                                           std::source_location where) {
  if (!internal::is_tcp(address)) co_return std::unexpected(Errno{EAFNOSUPPORT});
  Kernel& kernel = loop.kernel();
  auto fd = tcp_socket(kernel, address, options.multipath);
  if (!fd) co_return std::unexpected(fd.error());
  if (auto done = set_option(kernel, fd->get(), IPPROTO_TCP, TCP_NODELAY, 1); !done)
    co_return std::unexpected(done.error());

  const auto begun = kernel.connect(fd->get(), address.data(), address.size());
  if (!begun && begun.error() != Errno{EINPROGRESS}) co_return std::unexpected(begun.error());
  auto source = FdSource::create(loop, std::move(*fd), name, where);
  if (!source) co_return std::unexpected(source.error());
  if (!begun) {
    const auto connected = co_await internal::ConnectOperation(**source);
    if (!connected) co_return std::unexpected(connected.error());
  }
  co_return TcpStream(std::move(*source));
}

// A connection that has fallen back says so here only. (An accepted one may be a plain TCP socket,
// to which the option means nothing: EOPNOTSUPP.)
bool TcpStream::is_multipath() {
  mptcp_info info{};
  socklen_t size = sizeof info;
  const auto done = source().kernel().getsockopt(fd(), SOL_MPTCP, MPTCP_INFO, &info, &size);
  return done && (info.mptcpi_flags & MPTCP_INFO_FLAG_FALLBACK) == 0 &&
         (info.mptcpi_flags & MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED) != 0;
}

Result<> TcpStream::set_nodelay(bool enabled) {
  return set_option(source().kernel(), fd(), IPPROTO_TCP, TCP_NODELAY, enabled ? 1 : 0);
}

Result<> TcpStream::set_keepalive(std::chrono::seconds idle, std::chrono::seconds interval,
                                  int count) {
  // What an int does not hold the kernel refuses anyhow: its most is 32767 s (tcp(7)).
  const auto seconds = [](std::chrono::seconds length) {
    return static_cast<int>(std::clamp<std::chrono::seconds::rep>(length.count(), 0, 1 << 30));
  };
  Kernel& kernel = source().kernel();
  if (auto done = set_option(kernel, fd(), IPPROTO_TCP, TCP_KEEPIDLE, seconds(idle)); !done)
    return done;
  if (auto done = set_option(kernel, fd(), IPPROTO_TCP, TCP_KEEPINTVL, seconds(interval)); !done)
    return done;
  if (auto done = set_option(kernel, fd(), IPPROTO_TCP, TCP_KEEPCNT, count); !done) return done;
  return set_option(kernel, fd(), SOL_SOCKET, SO_KEEPALIVE, 1);
}

Result<bool> TcpStream::at_urgent_mark() {
  int marked = 0;
  const auto done = source().kernel().ioctl(fd(), SIOCATMARK, &marked);
  if (!done) return std::unexpected(done.error());
  return marked != 0;
}

Result<> TcpStream::set_linger(std::optional<std::chrono::seconds> length) {
  linger value{};
  value.l_onoff = length ? 1 : 0;
  value.l_linger = length ? static_cast<int>(length->count()) : 0;
  return set_option(source().kernel(), fd(), SOL_SOCKET, SO_LINGER, value);
}

}  // namespace tocsin
