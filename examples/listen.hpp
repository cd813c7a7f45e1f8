// SPDX-License-Identifier: MIT
//
// What the servers that run on a bare Poller share: a socket that listens, the signals that end
// them as a descriptor among the others, and what is said on the terminal. Whoever writes a server
// with the library takes TcpListener and run() instead.
//
// Thread rule: before any thread is started; `block_stop_signals` is inherited by those that are.
#pragma once

#include <netdb.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <cstdio>
#include <memory>
#include <string>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/kernel.hpp"

namespace example {

using tocsin::Errno;
using tocsin::Fd;
using tocsin::Kernel;
using tocsin::Result;

/// A non-blocking socket that listens on "HOST:PORT" (a v6 host in brackets; port 0 takes a free
/// one). EINVAL if it cannot be read or the host is not known, else as socket, bind and listen(2).
inline Result<Fd> listen_on(Kernel& kernel, const std::string& where) {
  const auto colon = where.rfind(':');
  if (colon == std::string::npos) return std::unexpected(Errno::invalid);
  std::string host = where.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (getaddrinfo(host.empty() ? nullptr : host.c_str(), where.c_str() + colon + 1, &hints,
                  &first) != 0)
    return std::unexpected(Errno::invalid);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> found(first, freeaddrinfo);

  auto fd =
      own(kernel, kernel.socket(first->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const int on = 1;  // A server that is started again need not wait for TIME_WAIT to end.
  if (auto set = kernel.setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); !set)
    return std::unexpected(set.error());
  if (auto bound = kernel.bind(fd->get(), first->ai_addr, first->ai_addrlen); !bound)
    return std::unexpected(bound.error());
  if (auto listening = kernel.listen(fd->get(), SOMAXCONN); !listening)
    return std::unexpected(listening.error());
  return fd;
}

/// Says where `listener` listens, on a line of its own, so that a script can wait for it.
inline void announce(Kernel& kernel, const Fd& listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const auto generic = reinterpret_cast<sockaddr*>(&address);
  if (!kernel.getsockname(listener.get(), generic, &length)) return;
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(generic, length, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return;
  const bool v6 = address.ss_family == AF_INET6;
  std::printf("listening on %s%s%s:%s\n", v6 ? "[" : "", host, v6 ? "]" : "", port);
  std::fflush(stdout);
}

/// SIGINT and SIGTERM no longer interrupt anything: they make the descriptor readable.
inline Result<Fd> block_stop_signals(Kernel& kernel) {
  sigset_t stop{};
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  if (auto blocked = kernel.pthread_sigmask(SIG_BLOCK, &stop, nullptr); !blocked)
    return std::unexpected(blocked.error());
  return own(kernel, kernel.signalfd(-1, stop, SFD_NONBLOCK | SFD_CLOEXEC));
}

/// `main` of such a server: `serve` runs until it is told to stop. Exit status 2 and one line if it
/// cannot begin.
template <class Serve>
int run_server(Kernel& kernel, int argc, char** argv, Serve serve) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s HOST:PORT\n", argv[0]);
    return 2;
  }
  auto listener = listen_on(kernel, argv[1]);
  auto stop = block_stop_signals(kernel);
  if (!listener || !stop) {
    const Errno error = listener ? stop.error() : listener.error();
    std::fprintf(stderr, "%s: %s: %s\n", argv[0], argv[1], error.message().data());
    return 2;
  }
  announce(kernel, *listener);
  const Result<> served = serve(*listener, *stop);
  if (served) return 0;
  std::fprintf(stderr, "%s: %s\n", argv[0], served.error().message().data());
  return 1;
}

}  // namespace example
