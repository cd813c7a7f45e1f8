// SPDX-License-Identifier: MIT
//
// UNIX sockets (unix(7)): making, naming and connecting them.
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>

#include "tests/differential/names.hpp"
#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<Name, 3> types{
    {{"SOCK_STREAM", SOCK_STREAM}, {"SOCK_DGRAM", SOCK_DGRAM}, {"SOCK_SEQPACKET", SOCK_SEQPACKET}}};
constexpr std::array<std::int64_t, 6> type_pool{SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET,
                                                SOCK_STREAM, SOCK_DGRAM, 77};
constexpr std::array<Name, 2> flags{
    {{"SOCK_NONBLOCK", SOCK_NONBLOCK}, {"SOCK_CLOEXEC", SOCK_CLOEXEC}}};
constexpr std::array<std::int64_t, 3> which{0, 1, 2};
constexpr std::array<std::int64_t, 5> backlogs{1, 0, 2, 128, -1};
constexpr std::array<Name, 3> hows{
    {{"SHUT_RD", SHUT_RD}, {"SHUT_WR", SHUT_WR}, {"SHUT_RDWR", SHUT_RDWR}}};
constexpr std::array<std::int64_t, 5> how_pool{SHUT_RD, SHUT_WR, SHUT_RDWR, 3, -1};

void socketpair(Side& side, const Values& v, Answer& answer) {
  const int type = static_cast<int>(v[2] | v[3]);
  side.take(answer, v[0], v[1], side.kernel().socketpair(AF_UNIX, type, 0));
}
constexpr auto socketpair_c = R"(static void do_socketpair(int *a, int *b, long long type,
                          long long flags) {
  int made[2] = {-1, -1};
  long long failed = result(socketpair(AF_UNIX, (int)(type | flags), 0, made));
  *a = made[0];
  *b = made[1];
  if (failed) return;
  number("first", (unsigned long long)made[0]);
  number("second", (unsigned long long)made[1]);
})";

void socket(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().socket(AF_UNIX, static_cast<int>(v[1] | v[2]), 0));
}
constexpr auto socket_c = R"(static void do_socket(int *made, long long type, long long flags) {
  *made = (int)result(socket(AF_UNIX, (int)(type | flags), 0));
})";

void bind(Side& side, const Values& v, Answer& answer) {
  const LocalAddress address(v[1]);
  answer.take(side.kernel().bind(side.fd(v[0]), address.get(), address.length()));
}
constexpr auto bind_c = R"(static void do_bind(int fd, long long name) {
  struct sockaddr_un address;
  socklen_t length = address_of(name, &address);
  result(bind(fd, (struct sockaddr *)&address, length));
})";

void listen(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().listen(side.fd(v[0]), static_cast<int>(v[1])));
}
constexpr auto listen_c = R"(static void do_listen(int fd, long long backlog) {
  result(listen(fd, (int)backlog));
})";

void connect(Side& side, const Values& v, Answer& answer) {
  const LocalAddress address(v[1]);
  answer.take(side.kernel().connect(side.fd(v[0]), address.get(), address.length()));
}
constexpr auto connect_c = R"(static void do_connect(int fd, long long name) {
  struct sockaddr_un address;
  socklen_t length = address_of(name, &address);
  result(connect(fd, (struct sockaddr *)&address, length));
})";

// One socket that is named and listens (what cannot, is bound only), and two that are connected to
// it: who shares a receiver shares the room in its queue.
void star(Side& side, const Values& v, Answer& answer) {
  const LocalAddress address(v[3]);
  const int type = static_cast<int>(v[4] | v[5]);
  for (std::size_t i = 0; i < 3; ++i) {
    Kernel& kernel = side.kernel();
    const auto made = kernel.socket(AF_UNIX, type, 0);
    answer.take(made);
    side.set(v[i], made.value_or(-1));
    if (!made) continue;
    const auto named = i == 0 ? kernel.bind(*made, address.get(), address.length())
                              : kernel.connect(*made, address.get(), address.length());
    answer.add("named", static_cast<std::uint64_t>(named ? 0 : named.error().value()));
    if (i == 0) static_cast<void>(kernel.listen(*made, 1));
  }
}
constexpr auto star_c = R"(static void do_star(int *center, int *one, int *other, long long name,
                    long long type, long long flags) {
  int *all[3] = {center, one, other}, errors[3], count = 0, error = 0;
  struct sockaddr_un address;
  socklen_t length = address_of(name, &address);
  struct sockaddr *named = (struct sockaddr *)&address;
  for (int i = 0; i < 3; i++) {
    *all[i] = socket(AF_UNIX, (int)(type | flags), 0);
    if (*all[i] < 0) error = errno;
    if (*all[i] < 0) continue;
    errors[count++] = (i ? connect : bind)(*all[i], named, length) ? errno : 0;
    if (!i) listen(*all[i], 1);
  }
  errno = error;
  result(*other);
  for (int i = 0; i < count; i++) number("named", (unsigned long long)errors[i]);
})";

void disconnect(Side& side, const Values& v, Answer& answer) {
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  answer.take(side.kernel().connect(side.fd(v[0]), &nobody, sizeof nobody));
}
constexpr auto disconnect_c = R"(static void do_disconnect(int fd) {
  struct sockaddr nobody = {AF_UNSPEC, {0}};
  result(connect(fd, &nobody, sizeof nobody));
})";

void accept4(Side& side, const Values& v, Answer& answer) {
  sockaddr_un address{};
  socklen_t length = sizeof address;
  side.take(answer, v[0],
            side.kernel().accept4(side.fd(v[1]), reinterpret_cast<sockaddr*>(&address), &length,
                                  static_cast<int>(v[2])));
  if (answer.ok()) add_address(answer, address, length);
}
constexpr auto accept4_c = R"(static void do_accept4(int *made, int fd, long long flags) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  *made = (int)result(accept4(fd, (struct sockaddr *)&address, &length, (int)flags));
  if (*made >= 0) say_address(&address, length);
})";

void shutdown(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().shutdown(side.fd(v[0]), static_cast<int>(v[1])));
}
constexpr auto shutdown_c = R"(static void do_shutdown(int fd, long long how) {
  result(shutdown(fd, (int)how));
})";

void getsockname(Side& side, const Values& v, Answer& answer) {
  sockaddr_un address{};
  socklen_t length = sizeof address;
  answer.take(
      side.kernel().getsockname(side.fd(v[0]), reinterpret_cast<sockaddr*>(&address), &length));
  if (answer.ok()) add_address(answer, address, length);
}
constexpr auto getsockname_c = R"(static void do_getsockname(int fd) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  if (result(getsockname(fd, (struct sockaddr *)&address, &length)) == 0)
    say_address(&address, length);
})";

void getpeername(Side& side, const Values& v, Answer& answer) {
  sockaddr_un address{};
  socklen_t length = sizeof address;
  answer.take(
      side.kernel().getpeername(side.fd(v[0]), reinterpret_cast<sockaddr*>(&address), &length));
  if (answer.ok()) add_address(answer, address, length);
}
constexpr auto getpeername_c = R"(static void do_getpeername(int fd) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  if (result(getpeername(fd, (struct sockaddr *)&address, &length)) == 0)
    say_address(&address, length);
})";

}  // namespace

LocalAddress::LocalAddress(std::int64_t which_one) {
  address_.sun_family = AF_UNIX;
  const int length =
      std::snprintf(address_.sun_path + 1, sizeof address_.sun_path - 1, "tocsin-%d-%09u-%d",
                    ::getpid(), sequence_number() % 1'000'000'000, static_cast<int>(which_one));
  length_ =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1) + static_cast<socklen_t>(length);
}

void add_address(Answer& answer, const sockaddr_un& address, socklen_t length) {
  answer.add("length", length);
  if (length < sizeof address.sun_family) return;
  answer.add("family", address.sun_family);
  const std::size_t size = std::min<std::size_t>(length, sizeof address);
  if (size > sizeof address.sun_family)
    answer.add("last",
               static_cast<unsigned char>(reinterpret_cast<const char*>(&address)[size - 1]));
}

std::vector<OpSpec> local_ops() {
  const Operand type = number(type_pool, types);
  const Operand name = number(which);
  const Operand flag = bits(flags, SOCK_NONBLOCK);
  const Operand how = number(how_pool, hows);
  const Operand socket_slot = slot(a_socket);
  return {
      {"socketpair",
       Kind::local,
       10,
       {new_slot(a_stream), new_slot(a_stream), type, flag},
       socketpair,
       socketpair_c},
      {"socket", Kind::local, 8, {new_slot(a_stream), type, flag}, socket, socket_c},
      {"bind", Kind::local, 8, {socket_slot, name}, bind, bind_c},
      {"listen", Kind::local, 6, {socket_slot, number(backlogs)}, listen, listen_c},
      {"connect", Kind::local, 10, {socket_slot, name}, connect, connect_c},
      {"star",
       Kind::local,
       10,
       {new_slot(a_listener), new_slot(a_stream), new_slot(a_stream), name, type, flag},
       star,
       star_c},
      {"disconnect", Kind::local, 1, {socket_slot}, disconnect, disconnect_c},
      {"accept4", Kind::local, 8, {new_slot(a_stream), socket_slot, flag}, accept4, accept4_c},
      {"shutdown", Kind::local, 5, {socket_slot, how}, shutdown, shutdown_c},
      {"getsockname", Kind::local, 1, {socket_slot}, getsockname, getsockname_c},
      {"getpeername", Kind::local, 1, {socket_slot}, getpeername, getpeername_c},
  };
}

}  // namespace tocsin::differential
