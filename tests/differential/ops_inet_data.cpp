// SPDX-License-Identifier: MIT
//
// Bytes and datagrams through TCP and UDP sockets, urgent ones too, and what waits in them.
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "tests/differential/ops_inet.hpp"

namespace tocsin::differential {
namespace {

// The larger ones are for UDP: what fits a datagram, and where its charge changes.
constexpr std::array<std::int64_t, 14> inet_sizes{10,  1,   0,    3,      100,    10,     1,
                                                  198, 199, 4096, 16'005, 16'006, 65'507, 65'508};
constexpr std::array<std::int64_t, 3> first_bytes{0, 1, 100};
constexpr std::array<Name, 3> send_flags{
    {{"MSG_DONTWAIT", MSG_DONTWAIT}, {"MSG_NOSIGNAL", MSG_NOSIGNAL}, {"MSG_OOB", MSG_OOB}}};
constexpr std::array<std::int64_t, 4> send_pool{0, 0, 0, MSG_OOB};
constexpr std::array<Name, 5> receive_flags{{{"MSG_DONTWAIT", MSG_DONTWAIT},
                                             {"MSG_PEEK", MSG_PEEK},
                                             {"MSG_OOB", MSG_OOB},
                                             {"MSG_TRUNC", MSG_TRUNC},
                                             {"MSG_WAITALL", MSG_WAITALL}}};
constexpr std::array<std::int64_t, 7> receive_pool{
    0, 0, MSG_PEEK, MSG_OOB, MSG_OOB | MSG_PEEK, MSG_TRUNC, 0};
constexpr std::array<Name, 4> requests{{{"FIONREAD", FIONREAD},
                                        {"SIOCOUTQ", SIOCOUTQ},
                                        {"SIOCATMARK", SIOCATMARK},
                                        {"SIOCOUTQNSD", SIOCOUTQNSD}}};
constexpr std::array<std::int64_t, 5> request_pool{FIONREAD, SIOCOUTQ, SIOCATMARK, SIOCATMARK,
                                                   SIOCOUTQNSD};

// Of the flags that the generator tries, those that do not make it a matter of time when something
// is sent (MSG_MORE), or another test (MSG_FASTOPEN).
int sending(std::int64_t flags) {
  return static_cast<int>(flags & MSG_OOB) | MSG_DONTWAIT | MSG_NOSIGNAL;
}
int receiving(std::int64_t flags) {
  constexpr std::int64_t known = MSG_PEEK | MSG_OOB | MSG_TRUNC | MSG_WAITALL;
  return static_cast<int>(flags & known) | MSG_DONTWAIT;
}

void inet_send(Side& side, const Values& v, Answer& answer) {
  const ByteView bytes = pattern(sendable(side, v[0], v[1]), v[2]);
  answer.take(side.kernel().send(side.fd(v[0]), bytes, sending(v[3])));
}
constexpr auto inet_send_c = R"(static void do_inet_send(int fd, long long count, long long first,
                         long long flags) {
  count = sendable(fd, count);
  result(send(fd, pattern(count, first), (size_t)count,
              ((int)flags & MSG_OOB) | MSG_DONTWAIT | MSG_NOSIGNAL));
})";

void inet_recv(Side& side, const Values& v, Answer& answer) {
  const MutableBytes room = room_for(v[1]);
  answer.take(side.kernel().recv(side.fd(v[0]), room, receiving(v[2])));
  if (!answer.ok()) return;
  // What MSG_TRUNC drops of a stream is not in the room, and what it tells of may be more than
  // that.
  if ((v[2] & MSG_TRUNC) != 0) return;
  answer.add_bytes(room.first(static_cast<std::size_t>(answer.result)));
}
constexpr auto inet_recv_c = R"(static void do_inet_recv(int fd, long long count, long long flags) {
  long long got = result(recv(fd, room(), (size_t)count, MSG_DONTWAIT |
                              ((int)flags & (MSG_PEEK | MSG_OOB | MSG_TRUNC | MSG_WAITALL))));
  if (got >= 0 && !(flags & MSG_TRUNC)) bytes(room(), got);
})";

void send_to(Side& side, const Values& v, const InetAddress& address, Answer& answer) {
  const ByteView bytes = pattern(sendable(side, v[0], v[1]), v[2]);
  answer.take(
      side.kernel().sendto(side.fd(v[0]), bytes, sending(v[3]), address.get(), address.size()));
}

void inet_sendto(Side& side, const Values& v, Answer& answer) {
  send_to(side, v, InetAddress(v[4], v[5]), answer);
}
constexpr auto inet_sendto_c = R"(static void do_inet_sendto(int fd, long long count,
                           long long first, long long flags, long long host, long long port) {
  struct sockaddr_in address = inet_address(host, port);
  count = sendable(fd, count);
  result(sendto(fd, pattern(count, first), (size_t)count,
                ((int)flags & MSG_OOB) | MSG_DONTWAIT | MSG_NOSIGNAL,
                (struct sockaddr *)&address, sizeof address));
})";

void inet_sendto_where(Side& side, const Values& v, Answer& answer) {
  if (const auto where = InetAddress::of(side, v[4])) send_to(side, v, *where, answer);
}
constexpr auto inet_sendto_where_c = R"(static void do_inet_sendto_where(int fd, long long count,
                                 long long first, long long flags, int other) {
  struct sockaddr_in address;
  int known = where_is(other, &address);
  count = sendable(fd, count);
  result(!known ? 0 : sendto(fd, pattern(count, first), (size_t)count,
                             ((int)flags & MSG_OOB) | MSG_DONTWAIT | MSG_NOSIGNAL,
                             (struct sockaddr *)&address, sizeof address));
})";

void inet_recvmsg(Side& side, const Values& v, Answer& answer) {
  const MutableBytes room = room_for(v[1]);
  const int fd = side.fd(v[0]);
  InetAddress from;
  iovec part{room.data(), room.size()};
  msghdr message{};
  message.msg_name = from.get();
  message.msg_namelen = from.size();
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  answer.take(side.kernel().recvmsg(fd, message, receiving(v[2])));
  if (!answer.ok()) return;
  answer.add("flags", static_cast<unsigned>(message.msg_flags));
  from.tell(side, fd, message.msg_namelen, answer);
}
constexpr auto inet_recvmsg_c = R"(static void do_inet_recvmsg(int fd, long long count,
                            long long flags) {
  struct sockaddr_in from = {0};
  struct iovec part = {room(), (size_t)count};
  struct msghdr message = {
      .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
  if (result(recvmsg(fd, &message, MSG_DONTWAIT |
                     ((int)flags & (MSG_PEEK | MSG_OOB | MSG_TRUNC | MSG_WAITALL)))) < 0)
    return;
  number("flags", (unsigned)message.msg_flags);
  say_inet(fd, &from, message.msg_namelen);
})";

// More than that is never queued here: it is the window that a socket skipped when it was made a
// new one by connect(2), which Linux counts as unacknowledged. How large it was, it tunes.
constexpr int most_queued = 60'000;

void inet_queued(Side& side, const Values& v, Answer& answer) {
  int value = -1;
  answer.take(side.kernel().ioctl(side.fd(v[0]), static_cast<unsigned long>(v[1]), &value));
  answer.add("value", static_cast<unsigned>(std::min(value, most_queued)));
}
constexpr auto inet_queued_c = R"(static void do_inet_queued(int fd, long long request) {
  int value = -1;
  result(ioctl(fd, (unsigned long)request, &value));
  number("value", (unsigned)(value < 60000 ? value : 60000));
})";

// TCP's own word for where a connection is (tcp(7), TCP_INFO).
void tcp_state(Side& side, const Values& v, Answer& answer) {
  tcp_info info{};
  socklen_t length = sizeof info;
  answer.take(side.kernel().getsockopt(side.fd(v[0]), IPPROTO_TCP, TCP_INFO, &info, &length));
  if (answer.ok()) answer.add("state", info.tcpi_state);
}
constexpr auto tcp_state_c = R"(static void do_tcp_state(int fd) {
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  if (!result(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length)))
    number("state", info.tcpi_state);
})";

}  // namespace

std::vector<OpSpec> inet_data_ops() {
  const Operand socket = slot(an_inet_stream | an_inet_datagram);
  const Operand datagram = slot(an_inet_datagram);
  const Operand size = number(inet_sizes);
  const Operand first = number(first_bytes);
  const Operand host = number(host_pool, host_names);
  const Operand sending = bits(send_flags, MSG_DONTWAIT | MSG_NOSIGNAL, send_pool);
  const Operand receiving = bits(receive_flags, MSG_DONTWAIT, receive_pool);
  const auto op = [](const char* name, int weight, std::vector<Operand> operands, auto perform,
                     const char* c_text) {
    return OpSpec{name, Kind::inet, weight, std::move(operands), perform, c_text};
  };
  return {
      op("inet_send", 14, {socket, size, first, sending}, inet_send, inet_send_c),
      op("inet_recv", 12, {socket, size, receiving}, inet_recv, inet_recv_c),
      op("inet_sendto", 3, {datagram, size, first, sending, host, number(port_pool)}, inet_sendto,
         inet_sendto_c),
      op("inet_sendto_where", 5, {datagram, size, first, sending, slot(an_inet)}, inet_sendto_where,
         inet_sendto_where_c),
      op("inet_recvmsg", 5, {socket, size, receiving}, inet_recvmsg, inet_recvmsg_c),
      op("inet_queued", 5, {slot(an_inet), number(request_pool, requests)}, inet_queued,
         inet_queued_c),
      op("tcp_state", 2, {slot(an_inet)}, tcp_state, tcp_state_c),
  };
}

}  // namespace tocsin::differential
