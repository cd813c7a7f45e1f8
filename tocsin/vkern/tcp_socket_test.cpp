// SPDX-License-Identifier: MIT
//
// TCP, case by case, on Linux and on both kernels in user space; what blocks, with threads.
#include "tocsin/vkern/tcp_socket.hpp"

#include <linux/sockios.h>

#include <algorithm>
#include <thread>

#include "tocsin/vkern/inet_testing.hpp"

namespace tocsin::vkern {
namespace {

class Tcp : public InetTest {
 protected:
  int watch(int fd, std::uint32_t events) {
    const int epoll = keep(kernel_.epoll_create1(EPOLL_CLOEXEC).value());
    epoll_event event{.events = events | EPOLLET, .data = {.fd = fd}};
    EXPECT_TRUE(kernel_.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    return epoll;
  }
  /// The events of the one that is watched; 0 if there is no edge.
  Mask edge(int epoll) {
    settle();
    std::array<epoll_event, 2> events;
    const Count count = kernel_.epoll_wait(epoll, events, 0);
    return count.value_or(0) == 0 ? 0 : events[0].events;
  }
  /// Sends until it would block; how much that was.
  std::size_t fill(int fd, std::string_view chunk) {
    std::size_t sent = 0;
    for (int misses = 0; misses < 3;) {
      const Count count = send(fd, chunk);
      if (count)
        sent += *count;
      else
        ++misses, settle();
    }
    return sent;
  }
};

TEST_P(Tcp, ConnectIsAskedTwiceForItsResult) {
  const int listening = listener();
  const int fd = tcp();
  EXPECT_EQ(code(connect(fd, name(listening))), EINPROGRESS);
  expect_mask(fd, O);
  EXPECT_EQ(code(connect(fd, name(listening))), 0);
  EXPECT_EQ(code(connect(fd, name(listening))), EISCONN);
  const int server = accept(listening).value();
  EXPECT_EQ(name(fd).sin_port, peer(server)->sin_port);
  EXPECT_EQ(name(server).sin_port, name(listening).sin_port);
  EXPECT_EQ(name(fd).sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  EXPECT_EQ(code(connect(listening, name(fd))), EISCONN);
}

TEST_P(Tcp, ARefusedSocketMayTryAgain) {
  const int fd = tcp();
  const int taken = bound(SOCK_STREAM);  // Bound, but nobody listens.
  EXPECT_EQ(code(connect(fd, name(taken))), EINPROGRESS);
  expect_mask(fd, I | O | E | H | R);
  EXPECT_EQ(code(connect(fd, name(taken))), ECONNREFUSED);
  expect_mask(fd, O | H);
  ASSERT_TRUE(kernel_.listen(taken, 1));
  EXPECT_EQ(code(connect(fd, name(taken))), EINPROGRESS);
  expect_mask(fd, O);
}

TEST_P(Tcp, ErrorsOfNamesComeInTheirOrder) {
  const int fd = tcp();
  sockaddr_in address = at(0);
  const auto* const any = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(code(kernel_.bind(fd, any, 4)), EINVAL);
  EXPECT_EQ(code(kernel_.bind(fd, nullptr, sizeof address)), EFAULT);
  EXPECT_EQ(code(kernel_.connect(fd, any, 1)), EINVAL);
  address.sin_family = AF_UNIX;
  EXPECT_EQ(code(kernel_.bind(fd, any, sizeof address)), EAFNOSUPPORT);
  EXPECT_EQ(code(kernel_.connect(fd, any, sizeof address)), EAFNOSUPPORT);
  EXPECT_EQ(code(bind(fd, at(0, 0xC6336401))), EADDRNOTAVAIL) << "198.51.100.1: documentation";
  EXPECT_EQ(code(bind(fd, at(0))), 0);
  EXPECT_EQ(code(bind(fd, at(0))), EINVAL);
  EXPECT_EQ(code(accept(fd)), EINVAL);
  EXPECT_EQ(code(peer(fd)), ENOTCONN);
}

TEST_P(Tcp, APortIsSharedByTheRulesOfSocket7) {
  const struct {
    const char* what;
    bool first_reuses, second_reuses, first_listens;
    int option;
    int binds, listens;
  } table[] = {
      {"nobody", false, false, false, SO_REUSEADDR, EADDRINUSE, 0},
      {"one only", true, false, false, SO_REUSEADDR, EADDRINUSE, 0},
      {"both, not listening", true, true, false, SO_REUSEADDR, 0, 0},
      {"both, listening", true, true, true, SO_REUSEADDR, EADDRINUSE, 0},
      {"ports, one only", false, true, true, SO_REUSEPORT, EADDRINUSE, 0},
      {"ports, listening", true, true, true, SO_REUSEPORT, 0, 0},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.what);
    const int first = tcp();
    const int second = tcp();
    if (row.first_reuses) set(first, SOL_SOCKET, row.option, 1);
    if (row.second_reuses) set(second, SOL_SOCKET, row.option, 1);
    ASSERT_TRUE(bind(first, at(0)));
    if (row.first_listens) {
      ASSERT_TRUE(kernel_.listen(first, 1));
    }
    EXPECT_EQ(code(bind(second, name(first))), row.binds);
    if (row.binds != 0) continue;
    EXPECT_EQ(code(kernel_.listen(second, 1)), row.listens);
    EXPECT_EQ(code(kernel_.listen(first, 1)), row.first_listens ? 0 : EADDRINUSE);
  }
}

TEST_P(Tcp, AConnectionThatEndedKeepsItsPortFromWhoDoesNotReuse) {
  const int listening = listener();
  const sockaddr_in where = name(listening);
  const Pair pair = connected(listening);
  close(pair.server);  // The side that closes first is left in TIME_WAIT.
  expect_mask(pair.client, I | O | R);
  close(pair.client);
  close(listening);
  settle();
  EXPECT_EQ(code(bind(tcp(), where)), EADDRINUSE);
  const int reusing = tcp();
  set(reusing, SOL_SOCKET, SO_REUSEADDR, 1);
  EXPECT_EQ(code(bind(reusing, where)), EADDRINUSE) << "its predecessor did not say so";
}

TEST_P(Tcp, ABacklogHoldsOneMoreThanItSays) {
  const int listening = listener(2);
  std::vector<int> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(tcp());
    EXPECT_EQ(code(connect(clients.back(), name(listening))), EINPROGRESS);
    settle();
  }
  for (int i = 0; i < 3; ++i) expect_mask(clients[static_cast<std::size_t>(i)], O);
  expect_mask(clients[3], 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(accept(listening));
  EXPECT_EQ(code(accept(listening)), EAGAIN);
  EXPECT_EQ(code(connect(clients[3], name(listening))), EALREADY);
  await_any(clients[3], POLLOUT);  // It knocks again after a second.
  await_any(clients[3], POLLOUT);
  EXPECT_TRUE(accept(listening));
}

TEST_P(Tcp, EdgesAreThoseOfLinux) {
  const Pair pair = connected();
  const int epoll = watch(pair.client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI);
  EXPECT_EQ(edge(epoll), static_cast<Mask>(EPOLLOUT));
  EXPECT_EQ(edge(epoll), 0u);
  EXPECT_EQ(number(send(pair.client, "own")), 3);
  EXPECT_EQ(edge(epoll), 0u) << "an own send is none";
  EXPECT_EQ(number(send(pair.server, "abc")), 3);
  EXPECT_EQ(edge(epoll), static_cast<Mask>(EPOLLIN | EPOLLOUT));
  EXPECT_EQ(receive(pair.client, 1), "a");
  EXPECT_EQ(edge(epoll), 0u);
  EXPECT_EQ(number(send(pair.server, "d")), 1);
  EXPECT_EQ(edge(epoll), static_cast<Mask>(EPOLLIN | EPOLLOUT));
  EXPECT_EQ(receive(pair.client), "bcd");
  ASSERT_TRUE(kernel_.shutdown(pair.server, SHUT_WR));
  EXPECT_EQ(edge(epoll), static_cast<Mask>(EPOLLIN | EPOLLOUT | EPOLLRDHUP));
}

TEST_P(Tcp, EachConnectionIsAnEdgeOfItsListener) {
  const int listening = listener();
  const int epoll = watch(listening, EPOLLIN);
  EXPECT_EQ(edge(epoll), 0u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(code(connect(tcp(), name(listening))), EINPROGRESS);
    EXPECT_EQ(edge(epoll), static_cast<Mask>(EPOLLIN));
  }
  EXPECT_TRUE(accept(listening));
  EXPECT_EQ(edge(epoll), 0u) << "accept is none";
}

TEST_P(Tcp, AFullConnectionIsWritableAgainWhenAThirdIsFree) {
  const Pair pair = connected();
  const std::string chunk(60'000, 'x');
  const std::size_t sent = fill(pair.client, chunk);
  EXPECT_GT(sent, chunk.size());
  expect_mask(pair.client, 0);
  const int epoll = watch(pair.client, EPOLLOUT);
  EXPECT_EQ(edge(epoll), 0u);
  std::size_t received = 0;
  for (int empty = 0; received < sent && empty < 1000;) {
    std::vector<std::byte> room(100'000);
    const Count count = kernel_.recv(pair.server, room, 0);
    if (count)
      received += *count;
    else
      ++empty, rest();
  }
  EXPECT_EQ(received, sent);
  EXPECT_EQ(edge(epoll), static_cast<Mask>(EPOLLOUT));
  EXPECT_EQ(receive(pair.server), "EAGAIN");
}

TEST_P(Tcp, ReadingStopsAtTheUrgentMark) {
  const Pair pair = connected();
  EXPECT_EQ(number(send(pair.client, "ab!", MSG_OOB)), 3);
  EXPECT_EQ(number(send(pair.client, "cd")), 2);
  expect_mask(pair.server, I | O | P);
  settle();
  EXPECT_EQ(control(pair.server, FIONREAD), 2);
  EXPECT_EQ(control(pair.server, SIOCATMARK), 0);
  EXPECT_EQ(receive(pair.server), "ab");
  EXPECT_EQ(control(pair.server, SIOCATMARK), 1);
  EXPECT_EQ(receive(pair.server, 1, MSG_OOB | MSG_PEEK), "!");
  EXPECT_EQ(receive(pair.server, 1, MSG_OOB), "!");
  EXPECT_EQ(receive(pair.server, 1, MSG_OOB), "EINVAL");
  EXPECT_EQ(receive(pair.server), "cd");
  EXPECT_EQ(control(pair.server, SIOCATMARK), 0);
}

TEST_P(Tcp, AnAcceptedSocketInheritsOptions) {
  const int listening = listener();
  set(listening, IPPROTO_TCP, TCP_NODELAY, 1);
  set(listening, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(listening, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(listening, SOL_SOCKET, SO_RCVBUF, 10'000);
  const Pair pair = connected(listening);
  EXPECT_EQ(option(pair.server, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(pair.server, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(pair.server, IPPROTO_TCP, TCP_KEEPIDLE), 30);
  EXPECT_EQ(option(pair.server, SOL_SOCKET, SO_RCVBUF), 20'000);
  EXPECT_EQ(option(pair.client, SOL_SOCKET, SO_RCVBUF), 131'072);
  EXPECT_GE(option(pair.client, SOL_SOCKET, SO_SNDBUF), 2'626'560) << "tuned from then on";
  EXPECT_EQ(set(pair.client, IPPROTO_TCP, TCP_KEEPIDLE, 0), EINVAL);
  EXPECT_EQ(set(pair.client, IPPROTO_TCP, 9999, 0), ENOPROTOOPT);
}

// RFC 9293, figure 7.
TEST_P(Tcp, TwoThatCallEachOtherAreConnected) {
  const int free = bound(SOCK_STREAM);
  const sockaddr_in where = name(free);
  close(free);
  const int listening = tcp();
  EXPECT_TRUE(bind(listening, where)) << "at a port that is asked for, and so kept";
  EXPECT_TRUE(kernel_.listen(listening, 0));
  const int first = tcp();
  EXPECT_EQ(code(connect(first, name(listening))), EINPROGRESS);
  expect_mask(first, O);
  const int waiting = tcp();
  EXPECT_EQ(code(connect(waiting, name(listening))), EINPROGRESS);
  EXPECT_EQ(mask(waiting), 0u) << "there is no room for it";
  EXPECT_TRUE(dissolve(listening));
  EXPECT_EQ(code(connect(listening, name(waiting))), EINPROGRESS);
  expect_mask(listening, O);
  expect_mask(waiting, O);
  EXPECT_EQ(number(send(listening, "hello")), 5);
  EXPECT_EQ(receive_soon(waiting), "hello");
}

TEST_P(Tcp, ABoundSocketTakesThePlaceOfItsOwnTimeWait) {
  const int free = bound(SOCK_STREAM);
  const sockaddr_in where = name(free);
  close(free);
  const int fd = tcp();
  EXPECT_TRUE(bind(fd, where)) << "at a port that is asked for, and so kept";
  EXPECT_EQ(code(connect(fd, where)), EINPROGRESS);
  expect_mask(fd, O);
  EXPECT_TRUE(kernel_.shutdown(fd, SHUT_WR));
  expect_mask(fd, I | O | H | R);
  EXPECT_TRUE(dissolve(fd));
  EXPECT_EQ(code(kernel_.listen(fd, 1)), EADDRINUSE) << "beside the name of what has ended";
  EXPECT_EQ(code(connect(fd, where)), EINPROGRESS);
  expect_mask(fd, O);
  EXPECT_TRUE(dissolve(fd));
  EXPECT_EQ(code(kernel_.listen(fd, 1)), 0);
}

TEST_P(Tcp, ASynThatMeetsATimeWaitIsRefusedTheSecondTime) {
  const Pair pair = connected();
  const sockaddr_in ended = name(pair.client);
  const sockaddr_in other = name(pair.server);
  close(pair.client);
  expect_mask(pair.server, I | O | R);
  close(pair.server);
  settle();
  const int fd = tcp();
  EXPECT_TRUE(bind(fd, other));
  EXPECT_EQ(code(connect(fd, ended)), EINPROGRESS);
  if (GetParam() != Which::linux_kernel) {  // There it can be over by now.
    EXPECT_EQ(mask(fd), 0u);
  }
  await_any(fd, POLLERR);
  EXPECT_EQ(error(fd), ECONNREFUSED);
}

TEST_P(Tcp, WhoIsShutSeesAnUrgentByteBeforeTheReset) {
  const Pair pair = connected();
  EXPECT_TRUE(kernel_.shutdown(pair.server, SHUT_RDWR));
  expect_mask(pair.client, I | O | R);
  EXPECT_EQ(number(send(pair.client, "abc", MSG_OOB)), 3);
  expect_mask(pair.server, I | O | E | H | R | P);
  EXPECT_EQ(receive(pair.server, 1, MSG_OOB), "ENOTCONN");
}

TEST_P(Tcp, WhatNobodyWillAcknowledgeStaysCounted) {
  const Pair pair = connected();
  close(pair.server);
  expect_mask(pair.client, I | O | R);
  EXPECT_EQ(number(send(pair.client, "abc")), 3);
  expect_mask(pair.client, I | O | E | H | R);
  EXPECT_EQ(control(pair.client, SIOCOUTQ), 3);
  EXPECT_EQ(control(pair.client, SIOCOUTQNSD), 0);
}

INSTANTIATE_TEST_SUITE_P(OnEachKernel, Tcp, on_each_kernel(), name_of);

// ---- what blocks --------------------------------------------------------------------------------

class TcpThreads : public testing::Test {
 protected:
  System<Threads> system_;
  Process<Threads>& kernel_ = system_.init();
  int listening_ = kernel_.socket(AF_INET, SOCK_STREAM, 0).value();
};

TEST_F(TcpThreads, BlockedCallsGoOnWhenThePeerActs) {
  ASSERT_TRUE(kernel_.listen(listening_, 1));
  sockaddr_in where{};
  socklen_t length = sizeof where;
  auto* const any = reinterpret_cast<sockaddr*>(&where);
  ASSERT_TRUE(kernel_.getsockname(listening_, any, &length));
  constexpr std::size_t size = 8 << 20;  // More than both buffers: sender and reader take turns.
  std::jthread server([&] {
    const int fd = kernel_.accept4(listening_, nullptr, nullptr, 0).value();
    std::vector<std::byte> room(50'000);
    std::size_t received = 0;
    while (const std::size_t count = kernel_.recv(fd, room, 0).value()) {
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(room[i], static_cast<std::byte>((received + i) % 251));
      received += count;
    }
    EXPECT_EQ(received, size);
    ASSERT_TRUE(kernel_.close(fd));
  });
  const int client = kernel_.socket(AF_INET, SOCK_STREAM, 0).value();
  ASSERT_TRUE(kernel_.connect(client, any, length));
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i % 251);
  EXPECT_EQ(kernel_.send(client, bytes, 0).value(), size);
  ASSERT_TRUE(kernel_.shutdown(client, SHUT_WR));
  std::array<std::byte, 1> none;
  EXPECT_EQ(kernel_.recv(client, none, 0).value_or(9), 0u) << "the server has closed";
}

}  // namespace
}  // namespace tocsin::vkern
