// SPDX-License-Identifier: MIT
//
// A TCP connection that is filled until it takes no more, and read until it is empty: what a sender
// sees of a window that closes and opens again.
//
// One operation, for between the two nothing could be compared: how much fits, Linux tunes. Of
// datagrams it is told exactly how many fit, when there are many: they are sent and read in bursts.
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "tests/differential/ops_inet.hpp"

namespace tocsin::differential {
namespace {

constexpr std::int64_t portion = 65'536;
constexpr int patience = 1000;  // Milliseconds, for a machine that is late.

// Each is where the other says that its peer is.
bool are_connected(Side& side, int one, int other) {
  Kernel& kernel = side.kernel();
  std::array<sockaddr_in, 4> names{};
  const auto at = [&](std::size_t i) { return reinterpret_cast<sockaddr*>(&names[i]); };
  std::array<socklen_t, 4> lengths;
  lengths.fill(sizeof(sockaddr_in));
  const auto same = [](const sockaddr_in& a, const sockaddr_in& b) {
    return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
  };
  return protocol_of(side, one) == IPPROTO_TCP && protocol_of(side, other) == IPPROTO_TCP &&
         kernel.getsockname(one, at(0), &lengths[0]) &&
         kernel.getpeername(one, at(1), &lengths[1]) &&
         kernel.getsockname(other, at(2), &lengths[2]) &&
         kernel.getpeername(other, at(3), &lengths[3]) && same(names[0], names[3]) &&
         same(names[1], names[2]);
}

std::uint64_t mask_of(Side& side, int fd) {
  constexpr timespec at_once{};
  pollfd one{.fd = fd, .events = 0x7fdf, .revents = 0};
  static_cast<void>(side.kernel().ppoll({&one, 1}, &at_once));
  return static_cast<std::uint16_t>(one.revents);
}

bool is_empty(Side& side, int from, int to) {
  int unacknowledged = 0, unread = 0;
  static_cast<void>(side.kernel().ioctl(from, SIOCOUTQ, &unacknowledged));
  static_cast<void>(side.kernel().ioctl(to, FIONREAD, &unread));
  return unacknowledged == 0 && unread == 0;
}

// Who has said that it will read no more does not tell that its window has opened: whoever sends
// finds out after a while. That is left out.
//
// What ends it, the masks of the sender before and after, and how much more came than was sent:
// what had been there before.
void tcp_flood(Side& side, const Values& v, Answer& answer) {
  Kernel& kernel = side.kernel();
  const int from = side.fd(v[0]), to = side.fd(v[1]);
  if (!are_connected(side, from, to) || (mask_of(side, to) & POLLRDHUP) != 0) return;
  std::size_t balance = 0;
  Count count = 0;
  for (; count; count = kernel.send(from, pattern(portion, 0), MSG_DONTWAIT | MSG_NOSIGNAL))
    balance -= *count;
  answer.take(count);
  answer.add("full", mask_of(side, from));
  constexpr timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
  for (int tries = 0; tries < patience; ++tries) {
    do {
      count = kernel.recv(to, room_for(portion), MSG_DONTWAIT);
      balance += count.value_or(0);
    } while (count.value_or(0) > 0);
    if (is_empty(side, from, to)) break;
    static_cast<void>(kernel.ppoll({}, &moment));
  }
  answer.add("more", balance);
  answer.add("empty", mask_of(side, from));
}
constexpr auto tcp_flood_c = R"(static int are_connected(int one, int other) {
  struct sockaddr_in names[4] = {0};
  socklen_t lengths[4] = {16, 16, 16, 16};
  return protocol_of(one) == IPPROTO_TCP && protocol_of(other) == IPPROTO_TCP &&
         !getsockname(one, (struct sockaddr *)&names[0], &lengths[0]) &&
         !getpeername(one, (struct sockaddr *)&names[1], &lengths[1]) &&
         !getsockname(other, (struct sockaddr *)&names[2], &lengths[2]) &&
         !getpeername(other, (struct sockaddr *)&names[3], &lengths[3]) &&
         names[0].sin_port == names[3].sin_port && names[1].sin_port == names[2].sin_port &&
         names[0].sin_addr.s_addr == names[3].sin_addr.s_addr &&
         names[1].sin_addr.s_addr == names[2].sin_addr.s_addr;
}
static unsigned short mask_of(int fd) {
  struct pollfd one = {fd, 0x7fdf, 0};
  poll(&one, 1, 0);
  return (unsigned short)one.revents;
}
static void do_tcp_flood(int from, int to) {
  long long count = 0;
  unsigned long long balance = 0;
  int unacknowledged = 0, unread = 0;
  if (!are_connected(from, to) || (mask_of(to) & POLLRDHUP)) {
    result(0);
    return;
  }
  for (; count >= 0; count = send(from, pattern(65536, 0), 65536, MSG_DONTWAIT | MSG_NOSIGNAL))
    balance -= (unsigned long long)count;
  result(count);
  number("full", mask_of(from));
  for (int tries = 0; tries < 1000; tries++) {
    while ((count = recv(to, room(), 65536, MSG_DONTWAIT)) > 0)
      balance += (unsigned long long)count;
    ioctl(from, SIOCOUTQ, &unacknowledged);
    ioctl(to, FIONREAD, &unread);
    if (unacknowledged == 0 && unread == 0) break;
    poll(NULL, 0, 1);
  }
  number("more", balance);
  number("empty", mask_of(from));
})";

constexpr std::array<std::int64_t, 5> bursts{4, 3, 10, 20, 60};
constexpr std::array<std::int64_t, 6> datagram_sizes{10, 1, 198, 199, 1000, 5000};

// How many went, and why no more.
void udp_burst(Side& side, const Values& v, Answer& answer) {
  if (protocol_of(side, side.fd(v[0])) != IPPROTO_UDP) return;
  Count count = 0;
  std::uint64_t sent = 0;
  for (; sent < static_cast<std::uint64_t>(v[1]) && count; ++sent)
    count = side.kernel().send(side.fd(v[0]), pattern(v[2], static_cast<std::int64_t>(sent)),
                               MSG_DONTWAIT | MSG_NOSIGNAL);
  answer.take(count);
  answer.add("sent", sent);
}
constexpr auto udp_burst_c = R"(static void do_udp_burst(int fd, long long most, long long size) {
  long long sent = 0, count = 0;
  int is_udp = protocol_of(fd) == IPPROTO_UDP;
  for (; is_udp && sent < most && count >= 0; sent++)
    count = send(fd, pattern(size, sent), (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
  result(count);
  if (is_udp) number("sent", (unsigned long long)sent);
})";

// How many came, and the first byte of each as one number.
void udp_drain(Side& side, const Values& v, Answer& answer) {
  if (protocol_of(side, side.fd(v[0])) != IPPROTO_UDP) return;
  Count count = 0;
  std::uint64_t came = 0;
  std::uint64_t firsts = 0;
  for (; came < static_cast<std::uint64_t>(v[1]) && count; ++came) {
    const MutableBytes room = room_for(1);
    room[0] = {};
    count = side.kernel().recv(side.fd(v[0]), room, MSG_DONTWAIT);
    firsts = firsts * 31 + std::to_integer<std::uint64_t>(room[0]);
  }
  answer.take(count);
  answer.add("came", came);
  answer.add("firsts", firsts);
}
constexpr auto udp_drain_c = R"(static void do_udp_drain(int fd, long long most) {
  unsigned long long firsts = 0;
  long long came = 0, count = 0;
  int is_udp = protocol_of(fd) == IPPROTO_UDP;
  for (; is_udp && came < most && count >= 0; came++) {
    unsigned char *data = room();
    data[0] = 0;
    count = recv(fd, data, 1, MSG_DONTWAIT);
    firsts = firsts * 31 + data[0];
  }
  result(count);
  if (!is_udp) return;
  number("came", (unsigned long long)came);
  number("firsts", firsts);
})";

}  // namespace

std::vector<OpSpec> inet_flood_ops() {
  const Operand end = slot(an_inet_stream);
  const Operand datagrams = slot(an_inet_datagram);
  const Operand most = number(bursts);
  return {
      {"tcp_flood", Kind::inet, 4, {end, end}, tcp_flood, tcp_flood_c},
      {"udp_burst",
       Kind::inet,
       6,
       {datagrams, most, number(datagram_sizes)},
       udp_burst,
       udp_burst_c},
      {"udp_drain", Kind::inet, 5, {datagrams, most}, udp_drain, udp_drain_c},
  };
}

}  // namespace tocsin::differential
