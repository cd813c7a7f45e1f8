// SPDX-License-Identifier: MIT
#include "bench/load/connections.hpp"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace load {
namespace {

constexpr std::size_t source_addresses = 16;
constexpr std::uint32_t first_source = 0x7f000002;  // 127.0.0.2
constexpr time_t limit_seconds = 30;

// Sends run this far ahead of receives: enough to keep the server busy, less than its backlog.
constexpr std::size_t echo_batch = 128;

void set_option(int fd, int level, int name, const void* value, socklen_t size) {
  if (setsockopt(fd, level, name, value, size) != 0) fail("setsockopt");
}

bool is_loopback(const sockaddr_in& address) {
  return (ntohl(address.sin_addr.s_addr) >> 24) == 127;
}

int open_one(const sockaddr_in& server, std::size_t index) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int one = 1;
  const timeval limit{.tv_sec = limit_seconds, .tv_usec = 0};
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  set_option(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  set_option(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (is_loopback(server)) {
    // The port is chosen by connect(2), which knows that only all four numbers must differ.
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr =
        htonl(first_source + static_cast<std::uint32_t>(index % source_addresses));
    if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) fail("bind");
  }
  if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) fail("connect");
  return fd;
}

}  // namespace

void fail(const std::string& what) { fail_with(what + ": " + std::strerror(errno)); }

void fail_with(const std::string& reason) {
  std::fprintf(stderr, "load: %s\n", reason.c_str());
  std::_Exit(1);  // Other threads may be running: no destructors.
}

std::uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

void raise_file_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) fail("setrlimit");
}

std::vector<int> open_connections(const sockaddr_in& server, std::size_t count) {
  std::vector<int> fds;
  fds.reserve(count);
  for (std::size_t i = 0; i < count; ++i) fds.push_back(open_one(server, i));
  return fds;
}

void echo_once(const std::vector<int>& fds, std::size_t size) {
  const std::string sent(size, 'i');
  std::string got(size, '\0');
  for (std::size_t from = 0; from < fds.size(); from += echo_batch) {
    const std::size_t to = std::min(from + echo_batch, fds.size());
    for (std::size_t i = from; i < to; ++i)
      if (send(fds[i], sent.data(), size, MSG_NOSIGNAL) != static_cast<ssize_t>(size))
        fail("send on an idle connection");
    for (std::size_t i = from; i < to; ++i) {
      if (recv(fds[i], got.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size))
        fail("recv on an idle connection");
      if (got != sent) fail_with("an idle connection got back other bytes than it sent");
    }
  }
}

}  // namespace load
