// SPDX-License-Identifier: MIT
//
// UDP, case by case, on Linux and on both kernels in user space.
#include "tocsin/vkern/udp_socket.hpp"

#include "tocsin/vkern/inet_testing.hpp"

namespace tocsin::vkern {
namespace {

class Udp : public InetTest {
 protected:
  Count send_to(int fd, std::string_view text, const sockaddr_in& to) {
    return kernel_.sendto(fd, as_bytes(text), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  std::uint16_t nobody() {
    const int fd = bound(SOCK_DGRAM);
    const std::uint16_t free = port(fd);
    close(fd);
    return free;
  }
};

TEST_P(Udp, MasksAreThoseOfTheTable) {
  const int a = bound(SOCK_DGRAM);
  const int b = udp();
  expect_mask(a, Ob);
  ASSERT_TRUE(connect(b, at(port(a))));
  expect_mask(b, Ob);
  EXPECT_EQ(number(send(b, "")), 0);
  expect_mask(a, I | Ob);
  EXPECT_EQ(receive_soon(a), "");
  expect_mask(a, Ob);
  EXPECT_TRUE(kernel_.shutdown(b, SHUT_RD));
  expect_mask(b, I | Ob | R);
  EXPECT_TRUE(kernel_.shutdown(b, SHUT_WR));
  expect_mask(b, I | Ob | H | R);
  EXPECT_EQ(number(send(b, "x")), -EPIPE);
  EXPECT_EQ(code(kernel_.shutdown(a, SHUT_RDWR)), ENOTCONN);
  expect_mask(a, I | Ob | H | R);
}

TEST_P(Udp, OnlyAConnectedSocketHearsThatNobodyIsThere) {
  const auto empty = at(nobody());
  const int connected_one = udp();
  ASSERT_TRUE(connect(connected_one, empty));
  EXPECT_EQ(number(send(connected_one, "a")), 1);
  expect_mask(connected_one, Ob | E);
  EXPECT_EQ(number(send(connected_one, "b")), -ECONNREFUSED) << "in place of the next one";
  expect_mask(connected_one, Ob);
  EXPECT_EQ(number(send(connected_one, "c")), 1);
  expect_mask(connected_one, Ob | E);
  EXPECT_EQ(receive(connected_one), "ECONNREFUSED");
  EXPECT_EQ(error(connected_one), 0);

  const int other = udp();
  EXPECT_EQ(number(send_to(other, "a", empty)), 1);
  expect_mask(other, Ob);
}

TEST_P(Udp, OnlyThePeerIsHeardByAConnectedSocket) {
  const int a = bound(SOCK_DGRAM);
  const int b = bound(SOCK_DGRAM);
  const int c = bound(SOCK_DGRAM);
  ASSERT_TRUE(connect(a, name(b)));
  EXPECT_EQ(number(send_to(c, "from c", name(a))), 6);
  EXPECT_EQ(number(send_to(b, "from b", name(a))), 6);
  EXPECT_EQ(receive_soon(a), "from b");
  EXPECT_EQ(receive(a), "EAGAIN");
}

TEST_P(Udp, ErrorsComeInTheirOrder) {
  const int fd = udp();
  EXPECT_EQ(number(send(fd, "x")), -EDESTADDRREQ);
  EXPECT_EQ(number(send(fd, "x", MSG_OOB)), -EOPNOTSUPP);
  EXPECT_EQ(number(send_to(fd, "x", at(0))), -EINVAL);
  const std::string longest(65'507, 'x');
  const int receiver = bound(SOCK_DGRAM);
  EXPECT_EQ(number(send_to(fd, longest, name(receiver))), 65'507);
  EXPECT_EQ(number(send_to(fd, longest + "x", name(receiver))), -EMSGSIZE);
  EXPECT_EQ(code(kernel_.listen(fd, 1)), EOPNOTSUPP);
  EXPECT_EQ(code(kernel_.accept4(fd, nullptr, nullptr, 0)), EOPNOTSUPP);
}

TEST_P(Udp, ADatagramIsCutToTheRoomThereIs) {
  const int a = bound(SOCK_DGRAM);
  const int b = udp();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(number(send_to(b, "abcdef", name(a))), 6);
  EXPECT_EQ(receive_soon(a, 3), "abc");
  EXPECT_EQ(control(a, FIONREAD), 6);
  std::array<std::byte, 2> room;
  EXPECT_EQ(number(kernel_.recv(a, room, MSG_TRUNC | MSG_PEEK)), 6);
  EXPECT_EQ(number(kernel_.recv(a, room, MSG_TRUNC)), 6);
  EXPECT_EQ(receive(a), "abcdef");
}

// How many fit into a receive buffer, and how many again once some were read: the kernel's own
// bookkeeping, to the datagram.
TEST_P(Udp, WhatDoesNotFitIsDropped) {
  struct {
    std::size_t size;
    std::size_t fit;
  } const table[] = {{0, 256},   {100, 256}, {197, 256},   {198, 166},
                     {1000, 92}, {4000, 25}, {16'000, 12}, {40'000, 5}};
  for (const auto& row : table) {
    SCOPED_TRACE(row.size);
    const int a = bound(SOCK_DGRAM);
    const int b = udp();
    const std::string text(row.size, 'x');
    for (int i = 0; i < 400; ++i)
      EXPECT_EQ(number(send_to(b, text, name(a))), static_cast<int>(row.size));
    settle();
    std::size_t received = 0;
    while (receive(a, row.size) == text) ++received;
    EXPECT_EQ(received, row.fit);
  }
}

TEST_P(Udp, ASendIsAnEdgeOfItsOwn) {
  const int a = bound(SOCK_DGRAM);
  const int b = udp();
  const int epoll = keep(kernel_.epoll_create1(EPOLL_CLOEXEC).value());
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = b}};
  ASSERT_TRUE(kernel_.epoll_ctl(epoll, EPOLL_CTL_ADD, b, &event));
  std::array<epoll_event, 4> events;
  EXPECT_EQ(kernel_.epoll_wait(epoll, events, 0).value_or(9), 1u);
  EXPECT_EQ(kernel_.epoll_wait(epoll, events, 0).value_or(9), 0u);
  EXPECT_EQ(number(send_to(b, "x", name(a))), 1);
  EXPECT_EQ(kernel_.epoll_wait(epoll, events, 0).value_or(9), 1u);
  EXPECT_EQ(events[0].events, static_cast<std::uint32_t>(EPOLLOUT));
}

TEST_P(Udp, ABoundPortIsSharedOnlyIfBothSaySo) {
  struct {
    int option;
    bool first, second;
    int expected;
  } const table[] = {
      {SO_REUSEADDR, false, false, EADDRINUSE}, {SO_REUSEADDR, true, false, EADDRINUSE},
      {SO_REUSEADDR, false, true, EADDRINUSE},  {SO_REUSEADDR, true, true, 0},
      {SO_REUSEPORT, true, false, EADDRINUSE},  {SO_REUSEPORT, true, true, 0}};
  for (const auto& row : table) {
    const int a = udp();
    const int b = udp();
    if (row.first) set(a, SOL_SOCKET, row.option, 1);
    if (row.second) set(b, SOL_SOCKET, row.option, 1);
    ASSERT_TRUE(bind(a, at(0)));
    EXPECT_EQ(code(bind(b, name(a))), row.expected) << row.option << row.first << row.second;
  }
}

INSTANTIATE_TEST_SUITE_P(OnEachKernel, Udp, on_each_kernel(), name_of);

}  // namespace
}  // namespace tocsin::vkern
