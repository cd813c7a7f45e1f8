// SPDX-License-Identifier: MIT
//
// TCP and UDP sockets (tcp(7), udp(7)): making, naming and connecting them.
#include "tests/differential/ops_inet.hpp"

#include <sys/socket.h>

namespace tocsin::differential {
namespace {

constexpr std::array<Name, 2> flags{
    {{"SOCK_NONBLOCK", SOCK_NONBLOCK}, {"SOCK_CLOEXEC", SOCK_CLOEXEC}}};
constexpr std::array<std::int64_t, 5> backlogs{5, 0, 1, 2, -1};
constexpr std::array<Name, 3> hows{
    {{"SHUT_RD", SHUT_RD}, {"SHUT_WR", SHUT_WR}, {"SHUT_RDWR", SHUT_RDWR}}};
constexpr std::array<std::int64_t, 5> how_pool{SHUT_RD, SHUT_WR, SHUT_RDWR, SHUT_WR, 3};

// Other bits that the generator tries are another test's.
Result<int> new_socket(Side& side, int type, std::int64_t wanted) {
  side.enter_network();
  const int allowed = SOCK_NONBLOCK | static_cast<int>(wanted & SOCK_CLOEXEC);
  return side.kernel().socket(AF_INET, type | allowed, 0);
}

void tcp_socket(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], new_socket(side, SOCK_STREAM, v[1]));
}
constexpr auto tcp_socket_c = R"(static void do_tcp_socket(int *made, long long flags) {
  *made = (int)result(
      socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | ((int)flags & SOCK_CLOEXEC), 0));
})";

void udp_socket(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], new_socket(side, SOCK_DGRAM, v[1]));
}
constexpr auto udp_socket_c = R"(static void do_udp_socket(int *made, long long flags) {
  *made = (int)result(
      socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | ((int)flags & SOCK_CLOEXEC), 0));
})";

// ---- several calls in one, for what a sequence would seldom come to by chance ------------------

// Says how the second call went; the socket is there even if that failed.
void tcp_listener(Side& side, const Values& v, Answer& answer) {
  const auto made = new_socket(side, SOCK_STREAM, 0);
  side.take(answer, v[0], made);
  if (!made) return;
  const InetAddress address(v[1], v[2]);
  auto done = side.kernel().bind(*made, address.get(), address.size());
  if (done) done = side.kernel().listen(*made, static_cast<int>(v[3]));
  answer.take(done);
  answer.add("fd", static_cast<unsigned>(*made));
}
constexpr auto tcp_listener_c = R"(static void do_tcp_listener(int *made, long long host,
                            long long port, long long backlog) {
  struct sockaddr_in address = inet_address(host, port);
  *made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (*made < 0) {
    result(-1);
    return;
  }
  int failed = bind(*made, (struct sockaddr *)&address, sizeof address);
  result(failed ? failed : listen(*made, (int)backlog));
  number("fd", (unsigned)*made);
})";

void tcp_dial(Side& side, const Values& v, Answer& answer) {
  const auto where = InetAddress::of(side, v[1]);
  const auto made = new_socket(side, SOCK_STREAM, 0);
  side.take(answer, v[0], made);
  if (!made || !where) return;
  answer.take(side.kernel().connect(*made, where->get(), where->size()));
  answer.add("fd", static_cast<unsigned>(*made));
}
constexpr auto tcp_dial_c = R"(static void do_tcp_dial(int *made, int fd) {
  struct sockaddr_in address;
  int known = where_is(fd, &address);
  *made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (*made < 0 || !known) {
    result(*made);
    return;
  }
  result(connect(*made, (struct sockaddr *)&address, sizeof address));
  number("fd", (unsigned)*made);
})";

// A connection, as socketpair(2) would make one: -1 for what could not be made.
void tcp_pair(Side& side, const Values& v, Answer& answer) {
  Kernel& kernel = side.kernel();
  InetAddress address(INADDR_LOOPBACK, 0);
  socklen_t length = address.size();
  const int listener = new_socket(side, SOCK_STREAM, 0).value_or(-1);
  static_cast<void>(kernel.bind(listener, address.get(), length));
  static_cast<void>(kernel.listen(listener, 1));
  static_cast<void>(kernel.getsockname(listener, address.get(), &length));
  const int client = new_socket(side, SOCK_STREAM, 0).value_or(-1);
  static_cast<void>(kernel.connect(client, address.get(), length));
  const int server = kernel.accept4(listener, nullptr, nullptr, SOCK_NONBLOCK).value_or(-1);
  static_cast<void>(kernel.close(listener));
  side.take(answer, v[0], v[1], std::array{client, server});
}
constexpr auto tcp_pair_c = R"(static void do_tcp_pair(int *a, int *b) {
  struct sockaddr_in address = inet_address(INADDR_LOOPBACK, 0);
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  bind(listener, (struct sockaddr *)&address, length);
  listen(listener, 1);
  getsockname(listener, (struct sockaddr *)&address, &length);
  *a = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  connect(*a, (struct sockaddr *)&address, length);
  *b = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  close(listener);
  result(0);
  number("first", (unsigned)*a);
  number("second", (unsigned)*b);
})";

void udp_pair(Side& side, const Values& v, Answer& answer) {
  Kernel& kernel = side.kernel();
  std::array<int, 2> made{};
  std::array<InetAddress, 2> names;
  for (std::size_t i = 0; i < 2; ++i) {
    made[i] = new_socket(side, SOCK_DGRAM, 0).value_or(-1);
    names[i] = InetAddress(INADDR_LOOPBACK, 0);
    socklen_t length = names[i].size();
    static_cast<void>(kernel.bind(made[i], names[i].get(), length));
    static_cast<void>(kernel.getsockname(made[i], names[i].get(), &length));
  }
  for (std::size_t i = 0; i < 2; ++i)
    static_cast<void>(kernel.connect(made[i], names[1 - i].get(), names[i].size()));
  side.take(answer, v[0], v[1], made);
}
constexpr auto udp_pair_c = R"(static void do_udp_pair(int *a, int *b) {
  struct sockaddr_in names[2];
  int made[2];
  for (int i = 0; i < 2; i++) {
    socklen_t length = sizeof names[i];
    made[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    names[i] = inet_address(INADDR_LOOPBACK, 0);
    bind(made[i], (struct sockaddr *)&names[i], length);
    getsockname(made[i], (struct sockaddr *)&names[i], &length);
  }
  for (int i = 0; i < 2; i++)
    connect(made[i], (struct sockaddr *)&names[1 - i], sizeof names[i]);
  *a = made[0];
  *b = made[1];
  result(0);
  number("first", (unsigned)*a);
  number("second", (unsigned)*b);
})";

// ---- names --------------------------------------------------------------------------------------

void inet_bind(Side& side, const Values& v, Answer& answer) {
  const InetAddress address(v[1], v[2]);
  answer.take(side.kernel().bind(side.fd(v[0]), address.get(), address.size()));
}
constexpr auto inet_bind_c = R"(static void do_inet_bind(int fd, long long host, long long port) {
  struct sockaddr_in address = inet_address(host, port);
  result(bind(fd, (struct sockaddr *)&address, sizeof address));
})";

void inet_bind_where(Side& side, const Values& v, Answer& answer) {
  const auto where = InetAddress::of(side, v[1]);
  if (where) answer.take(side.kernel().bind(side.fd(v[0]), where->get(), where->size()));
}
constexpr auto inet_bind_where_c = R"(static void do_inet_bind_where(int fd, int other) {
  struct sockaddr_in address;
  int known = where_is(other, &address);
  result(known ? bind(fd, (struct sockaddr *)&address, sizeof address) : 0);
})";

// Connected datagram sockets are not sent elsewhere: Linux refuses that, but from their second
// datagram on sends them there nevertheless.
void inet_connect(Side& side, const Values& v, Answer& answer) {
  if (v[1] == other_host && protocol_of(side, side.fd(v[0])) == IPPROTO_UDP) return;
  const InetAddress address(v[1], v[2]);
  answer.take(side.kernel().connect(side.fd(v[0]), address.get(), address.size()));
}
constexpr auto inet_connect_c =
    R"(static void do_inet_connect(int fd, long long host, long long port) {
  struct sockaddr_in address = inet_address(host, port);
  if (host == OTHER_HOST && protocol_of(fd) == IPPROTO_UDP) result(0);
  else result(connect(fd, (struct sockaddr *)&address, sizeof address));
})";

void inet_connect_where(Side& side, const Values& v, Answer& answer) {
  const auto where = InetAddress::of(side, v[1]);
  if (where) answer.take(side.kernel().connect(side.fd(v[0]), where->get(), where->size()));
}
constexpr auto inet_connect_where_c = R"(static void do_inet_connect_where(int fd, int other) {
  struct sockaddr_in address;
  int known = where_is(other, &address);
  result(known ? connect(fd, (struct sockaddr *)&address, sizeof address) : 0);
})";

void inet_disconnect(Side& side, const Values& v, Answer& answer) {
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  answer.take(side.kernel().connect(side.fd(v[0]), &nobody, sizeof nobody));
}
constexpr auto inet_disconnect_c = R"(static void do_inet_disconnect(int fd) {
  struct sockaddr nobody = {AF_UNSPEC, {0}};
  result(connect(fd, &nobody, sizeof nobody));
})";

void inet_getsockname(Side& side, const Values& v, Answer& answer) {
  InetAddress address;
  socklen_t length = address.size();
  answer.take(side.kernel().getsockname(side.fd(v[0]), address.get(), &length));
  if (answer.ok()) address.tell(side, side.fd(v[0]), length, answer);
}
constexpr auto inet_getsockname_c = R"(static void do_inet_getsockname(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (!result(getsockname(fd, (struct sockaddr *)&address, &length)))
    say_inet(fd, &address, length);
})";

void inet_getpeername(Side& side, const Values& v, Answer& answer) {
  InetAddress address;
  socklen_t length = address.size();
  answer.take(side.kernel().getpeername(side.fd(v[0]), address.get(), &length));
  if (answer.ok()) address.tell(side, side.fd(v[0]), length, answer);
}
constexpr auto inet_getpeername_c = R"(static void do_inet_getpeername(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (!result(getpeername(fd, (struct sockaddr *)&address, &length)))
    say_inet(fd, &address, length);
})";

// ---- connections --------------------------------------------------------------------------------

// Of several listeners that share a port (SO_REUSEPORT), Linux chooses by a hash with a secret in
// it: so none does.
void inet_listen(Side& side, const Values& v, Answer& answer) {
  const int alone = 0;
  static_cast<void>(
      side.kernel().setsockopt(side.fd(v[0]), SOL_SOCKET, SO_REUSEPORT, &alone, sizeof alone));
  answer.take(side.kernel().listen(side.fd(v[0]), static_cast<int>(v[1])));
}
constexpr auto inet_listen_c = R"(static void do_inet_listen(int fd, long long backlog) {
  int alone = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &alone, sizeof alone);
  result(listen(fd, (int)backlog));
})";

void inet_accept4(Side& side, const Values& v, Answer& answer) {
  InetAddress address;
  socklen_t length = address.size();
  const int from = side.fd(v[1]);
  const int wanted = SOCK_NONBLOCK | static_cast<int>(v[2]);
  side.take(answer, v[0], side.kernel().accept4(from, address.get(), &length, wanted));
  if (answer.ok()) address.tell(side, side.fd(v[0]), length, answer);
}
constexpr auto inet_accept4_c = R"(static void do_inet_accept4(int *made, int fd,
                            long long flags) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  *made = (int)result(
      accept4(fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | (int)flags));
  if (*made >= 0) say_inet(*made, &address, length);
})";

void inet_shutdown(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().shutdown(side.fd(v[0]), static_cast<int>(v[1])));
}
constexpr auto inet_shutdown_c = R"(static void do_inet_shutdown(int fd, long long how) {
  result(shutdown(fd, (int)how));
})";

}  // namespace

std::vector<OpSpec> inet_ops() {
  const Operand host = number(host_pool, host_names);
  const Operand port = number(port_pool);
  const Operand flag = bits(flags, SOCK_NONBLOCK);
  const Operand backlog = number(backlogs);
  const Operand socket = slot(an_inet);
  const Operand stream = new_slot(an_inet_stream);
  const Operand datagram = new_slot(an_inet_datagram);
  const auto op = [](const char* name, int weight, std::vector<Operand> operands, auto perform,
                     const char* c_text) {
    return OpSpec{name, Kind::inet, weight, std::move(operands), perform, c_text};
  };
  return {
      op("tcp_socket", 4, {stream, flag}, tcp_socket, tcp_socket_c),
      op("udp_socket", 4, {datagram, flag}, udp_socket, udp_socket_c),
      op("tcp_listener", 8, {new_slot(an_inet_listener), host, port, backlog}, tcp_listener,
         tcp_listener_c),
      op("tcp_dial", 24, {stream, slot(an_inet_listener)}, tcp_dial, tcp_dial_c),
      op("tcp_pair", 6, {stream, stream}, tcp_pair, tcp_pair_c),
      op("udp_pair", 3, {datagram, datagram}, udp_pair, udp_pair_c),
      op("inet_bind", 5, {socket, host, port}, inet_bind, inet_bind_c),
      op("inet_bind_where", 2, {socket, socket}, inet_bind_where, inet_bind_where_c),
      op("inet_connect", 4, {socket, host, port}, inet_connect, inet_connect_c),
      op("inet_connect_where", 7, {socket, socket}, inet_connect_where, inet_connect_where_c),
      op("inet_disconnect", 2, {socket}, inet_disconnect, inet_disconnect_c),
      op("inet_getsockname", 2, {socket}, inet_getsockname, inet_getsockname_c),
      op("inet_getpeername", 2, {socket}, inet_getpeername, inet_getpeername_c),
      op("inet_listen", 3, {slot(an_inet_stream), backlog}, inet_listen, inet_listen_c),
      op("inet_accept4", 24, {stream, slot(an_inet_listener), flag}, inet_accept4, inet_accept4_c),
      op("inet_shutdown", 6, {socket, number(how_pool, hows)}, inet_shutdown, inet_shutdown_c),
  };
}

}  // namespace tocsin::differential
