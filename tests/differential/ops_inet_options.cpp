// SPDX-License-Identifier: MIT
//
// What is set of TCP and UDP sockets, and asked (socket(7), tcp(7)).
#include <netinet/tcp.h>

#include <algorithm>

#include "tests/differential/ops_inet.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<Name, 17> socket_options{{{"SO_ERROR", SO_ERROR},
                                               {"SO_TYPE", SO_TYPE},
                                               {"SO_DOMAIN", SO_DOMAIN},
                                               {"SO_PROTOCOL", SO_PROTOCOL},
                                               {"SO_ACCEPTCONN", SO_ACCEPTCONN},
                                               {"SO_REUSEADDR", SO_REUSEADDR},
                                               {"SO_REUSEPORT", SO_REUSEPORT},
                                               {"SO_KEEPALIVE", SO_KEEPALIVE},
                                               {"SO_BROADCAST", SO_BROADCAST},
                                               {"SO_OOBINLINE", SO_OOBINLINE},
                                               {"SO_RCVLOWAT", SO_RCVLOWAT},
                                               {"SO_SNDLOWAT", SO_SNDLOWAT},
                                               {"SO_SNDBUF", SO_SNDBUF},
                                               {"SO_RCVBUF", SO_RCVBUF},
                                               {"SO_LINGER", SO_LINGER},
                                               {"SO_PRIORITY", SO_PRIORITY},
                                               {"SO_BUSY_POLL", SO_BUSY_POLL}}};
constexpr std::array<std::int64_t, 20> get_pool{
    SO_ERROR,     SO_ERROR,     SO_ERROR,      SO_ERROR,     SO_TYPE,
    SO_DOMAIN,    SO_PROTOCOL,  SO_ACCEPTCONN, SO_REUSEADDR, SO_REUSEPORT,
    SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE,  SO_RCVLOWAT,  SO_SNDLOWAT,
    SO_SNDBUF,    SO_RCVBUF,    SO_LINGER,     SO_PRIORITY,  9999};
constexpr std::array<std::int64_t, 15> set_pool{
    SO_OOBINLINE, SO_OOBINLINE, SO_RCVLOWAT,  SO_RCVLOWAT, SO_RCVLOWAT,
    SO_REUSEADDR, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF,   SO_RCVBUF,
    SO_RCVBUF,    SO_KEEPALIVE, SO_BROADCAST, SO_TYPE,     9999};
constexpr std::array<std::int64_t, 9> set_values{1, 0, 1, 3, 100, 4608, 65'536, 212'992, -1};
constexpr std::array<Name, 6> tcp_options{{{"TCP_NODELAY", TCP_NODELAY},

                                           {"TCP_KEEPIDLE", TCP_KEEPIDLE},
                                           {"TCP_KEEPINTVL", TCP_KEEPINTVL},
                                           {"TCP_KEEPCNT", TCP_KEEPCNT},
                                           {"TCP_SYNCNT", TCP_SYNCNT},
                                           {"TCP_USER_TIMEOUT", TCP_USER_TIMEOUT}}};
constexpr std::array<std::int64_t, 7> tcp_get_pool{
    TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_USER_TIMEOUT, 9999};
constexpr std::array<std::int64_t, 7> tcp_set_pool{
    TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_USER_TIMEOUT, 9999};
constexpr std::array<std::int64_t, 6> tcp_values{1, 0, 5, 128, 40'000, -1};
constexpr std::array<std::int64_t, 5> lengths{4, 8, 0, 2, -1};
constexpr std::array<std::int64_t, 2> switches{0, 1};

// Linux tunes the buffers of TCP: how far beyond this is not compared. All of the number is asked
// for.
constexpr std::int64_t tuned = 131'072;

void get(Side& side, const Values& v, int level, Answer& answer) {
  const bool may_be_tuned = level == SOL_SOCKET && (v[1] == SO_SNDBUF || v[1] == SO_RCVBUF) &&
                            protocol_of(side, side.fd(v[0])) == IPPROTO_TCP;
  std::int64_t value = may_be_tuned ? 0 : 0x5a5a5a5a5a5a5a5a;
  auto length = static_cast<socklen_t>(may_be_tuned ? 4 : v[2]);
  answer.take(
      side.kernel().getsockopt(side.fd(v[0]), level, static_cast<int>(v[1]), &value, &length));
  if (!answer.ok()) return;
  answer.add("value", static_cast<std::uint64_t>(may_be_tuned ? std::min(value, tuned) : value));
  answer.add("length", length);
}

void inet_getsockopt(Side& side, const Values& v, Answer& answer) {
  get(side, v, SOL_SOCKET, answer);
}
constexpr auto inet_getsockopt_c = R"(static void do_inet_getsockopt(int fd, long long name,
                               long long room) {
  int may_be_tuned = (name == SO_SNDBUF || name == SO_RCVBUF) && protocol_of(fd) == IPPROTO_TCP;
  long long value = may_be_tuned ? 0 : 0x5a5a5a5a5a5a5a5a;
  socklen_t length = (socklen_t)(may_be_tuned ? 4 : room);
  if (result(getsockopt(fd, SOL_SOCKET, (int)name, &value, &length))) return;
  if (may_be_tuned && value > 131072) value = 131072;
  number("value", (unsigned long long)value);
  number("length", length);
})";

void tcp_getsockopt(Side& side, const Values& v, Answer& answer) {
  get(side, v, IPPROTO_TCP, answer);
}
constexpr auto tcp_getsockopt_c = R"(static void do_tcp_getsockopt(int fd, long long name,
                              long long room) {
  long long value = 0x5a5a5a5a5a5a5a5a;
  socklen_t length = (socklen_t)room;
  if (result(getsockopt(fd, IPPROTO_TCP, (int)name, &value, &length))) return;
  number("value", (unsigned long long)value);
  number("length", length);
})";

// What a TCP socket of small buffers takes is a matter of how Linux counts what it stores; and of
// several UDP sockets that share a port, it chooses by a hash with a secret in it.
std::int64_t settable(Side& side, const Values& v) {
  const int protocol = protocol_of(side, side.fd(v[0]));
  const bool is_buffer = v[1] == SO_SNDBUF || v[1] == SO_RCVBUF;
  if (protocol == IPPROTO_TCP && is_buffer) return std::max<std::int64_t>(v[2], 65'536);
  if (protocol == IPPROTO_UDP && v[1] == SO_REUSEPORT) return 0;
  return v[2];
}

void inet_setsockopt(Side& side, const Values& v, Answer& answer) {
  const auto value = static_cast<int>(settable(side, v));
  answer.take(side.kernel().setsockopt(side.fd(v[0]), SOL_SOCKET, static_cast<int>(v[1]), &value,
                                       sizeof value));
}
constexpr auto inet_setsockopt_c = R"(static void do_inet_setsockopt(int fd, long long name,
                               long long wanted) {
  int value = (int)wanted, protocol = protocol_of(fd);
  if (protocol == IPPROTO_TCP && (name == SO_SNDBUF || name == SO_RCVBUF) && value < 65536)
    value = 65536;
  if (protocol == IPPROTO_UDP && name == SO_REUSEPORT) value = 0;
  result(setsockopt(fd, SOL_SOCKET, (int)name, &value, sizeof value));
})";

void tcp_setsockopt(Side& side, const Values& v, Answer& answer) {
  const auto value = static_cast<int>(v[2]);
  answer.take(side.kernel().setsockopt(side.fd(v[0]), IPPROTO_TCP, static_cast<int>(v[1]), &value,
                                       sizeof value));
}
constexpr auto tcp_setsockopt_c = R"(static void do_tcp_setsockopt(int fd, long long name,
                              long long wanted) {
  int value = (int)wanted;
  result(setsockopt(fd, IPPROTO_TCP, (int)name, &value, sizeof value));
})";

// For a second at most, and nothing takes that long here.
void inet_linger(Side& side, const Values& v, Answer& answer) {
  const linger value{.l_onoff = static_cast<int>(v[1]), .l_linger = static_cast<int>(v[2])};
  answer.take(side.kernel().setsockopt(side.fd(v[0]), SOL_SOCKET, SO_LINGER, &value, sizeof value));
}
constexpr auto inet_linger_c = R"(static void do_inet_linger(int fd, long long on,
                           long long seconds) {
  struct linger value = {(int)on, (int)seconds};
  result(setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value));
})";

}  // namespace

std::vector<OpSpec> inet_option_ops() {
  const Operand socket = slot(an_inet);
  const Operand room = number(lengths);
  const auto op = [](const char* name, int weight, std::vector<Operand> operands, auto perform,
                     const char* c_text) {
    return OpSpec{name, Kind::inet, weight, std::move(operands), perform, c_text};
  };
  return {
      op("inet_getsockopt", 5, {socket, number(get_pool, socket_options), room}, inet_getsockopt,
         inet_getsockopt_c),
      op("tcp_getsockopt", 1, {socket, number(tcp_get_pool, tcp_options), room}, tcp_getsockopt,
         tcp_getsockopt_c),
      op("inet_setsockopt", 5, {socket, number(set_pool, socket_options), number(set_values)},
         inet_setsockopt, inet_setsockopt_c),
      op("tcp_setsockopt", 1, {socket, number(tcp_set_pool, tcp_options), number(tcp_values)},
         tcp_setsockopt, tcp_setsockopt_c),
      op("inet_linger", 2, {socket, number(switches), number(switches)}, inet_linger,
         inet_linger_c),
  };
}

}  // namespace tocsin::differential
