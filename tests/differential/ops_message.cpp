// SPDX-License-Identifier: MIT
//
// Messages through sockets: send(2), recv(2) and their kin, descriptors in flight, options.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "tests/differential/names.hpp"
#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<std::int64_t, 3> first_bytes{0, 1, 100};
constexpr std::array<std::int64_t, 3> which{0, 1, 2};
constexpr std::array<std::int64_t, 4> few{1, 8, 0, 4097};
constexpr std::array<std::int64_t, 4> rooms{1, 2, 0, 5};
constexpr std::array<Name, 5> send_flags{{{"MSG_DONTWAIT", MSG_DONTWAIT},
                                          {"MSG_NOSIGNAL", MSG_NOSIGNAL},
                                          {"MSG_OOB", MSG_OOB},
                                          {"MSG_EOR", MSG_EOR},
                                          {"MSG_MORE", MSG_MORE}}};
constexpr std::array<std::int64_t, 4> send_pool{0, 0, 0, MSG_OOB};
constexpr std::array<Name, 6> receive_flags{{{"MSG_DONTWAIT", MSG_DONTWAIT},
                                             {"MSG_PEEK", MSG_PEEK},
                                             {"MSG_OOB", MSG_OOB},
                                             {"MSG_TRUNC", MSG_TRUNC},
                                             {"MSG_WAITALL", MSG_WAITALL},
                                             {"MSG_CMSG_CLOEXEC", MSG_CMSG_CLOEXEC}}};
constexpr std::array<std::int64_t, 6> receive_pool{0, 0, 0, MSG_PEEK, MSG_OOB, MSG_TRUNC};
constexpr std::array<Name, 9> options{{{"SO_ERROR", SO_ERROR},
                                       {"SO_TYPE", SO_TYPE},
                                       {"SO_ACCEPTCONN", SO_ACCEPTCONN},
                                       {"SO_SNDBUF", SO_SNDBUF},
                                       {"SO_RCVBUF", SO_RCVBUF},
                                       {"SO_DOMAIN", SO_DOMAIN},
                                       {"SO_PROTOCOL", SO_PROTOCOL},
                                       {"SO_PASSCRED", SO_PASSCRED},
                                       {"SO_PEEK_OFF", SO_PEEK_OFF}}};
constexpr std::array<std::int64_t, 8> get_pool{SO_ERROR,  SO_TYPE,   SO_ACCEPTCONN, SO_SNDBUF,
                                               SO_RCVBUF, SO_DOMAIN, SO_PROTOCOL,   9999};
constexpr std::array<std::int64_t, 4> set_pool{SO_SNDBUF, SO_RCVBUF, SO_SNDBUF, 9999};
constexpr std::array<std::int64_t, 6> option_values{0, 1, 4608, 16384, 212'992, -1};
constexpr std::array<Name, 2> queue_requests{{{"SIOCOUTQ", SIOCOUTQ}, {"SIOCATMARK", SIOCATMARK}}};
constexpr std::array<std::int64_t, 2> queue_pool{SIOCOUTQ, SIOCATMARK};

void send(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().send(side.fd(v[0]), pattern(v[1], v[2]), static_cast<int>(v[3])));
}
constexpr auto send_c = R"(static void do_send(int fd, long long count, long long first,
                    long long flags) {
  result(send(fd, pattern(count, first), (size_t)count, (int)flags));
})";

// Until there is no more room; what needs more for that is not what it is about.
void flood(Side& side, const Values& v, Answer& answer) {
  constexpr std::uint64_t most = 300;
  std::uint64_t sent = 0;
  Count count = 0;
  while (sent < most && count) {
    count = side.kernel().send(side.fd(v[0]), pattern(v[1], v[2]), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count) ++sent;
  }
  answer.take(count);
  answer.add("sent", sent);
}
constexpr auto flood_c = R"(static void do_flood(int fd, long long size, long long first) {
  unsigned long long sent = 0;
  ssize_t count = 0;
  while (sent < 300 && count >= 0) {
    count = send(fd, pattern(size, first), (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) sent++;
  }
  result(count);
  number("sent", sent);
})";

void recv(Side& side, const Values& v, Answer& answer) {
  const MutableBytes room = room_for(v[1]);
  answer.take(side.kernel().recv(side.fd(v[0]), room, static_cast<int>(v[2])));
  if (!answer.ok()) return;  // With MSG_TRUNC, it may say more than there is room for.
  answer.add_bytes(room.first(std::min(room.size(), static_cast<std::size_t>(answer.result))));
}
constexpr auto recv_c = R"(static void do_recv(int fd, long long count, long long flags) {
  long long got = result(recv(fd, room(), (size_t)count, (int)flags));
  if (got >= 0) bytes(room(), got < count ? got : count);
})";

void sendto(Side& side, const Values& v, Answer& answer) {
  const LocalAddress address(v[1]);
  answer.take(side.kernel().sendto(side.fd(v[0]), pattern(v[2], v[3]), static_cast<int>(v[4]),
                                   address.get(), address.length()));
}
constexpr auto sendto_c = R"(static void do_sendto(int fd, long long name, long long count,
                      long long first, long long flags) {
  struct sockaddr_un address;
  socklen_t length = address_of(name, &address);
  result(sendto(fd, pattern(count, first), (size_t)count, (int)flags,
                (struct sockaddr *)&address, length));
})";

void recvfrom(Side& side, const Values& v, Answer& answer) {
  const MutableBytes room = room_for(v[1]);
  sockaddr_un address{};
  socklen_t length = sizeof address;
  answer.take(side.kernel().recvfrom(side.fd(v[0]), room, static_cast<int>(v[2]),
                                     reinterpret_cast<sockaddr*>(&address), &length));
  if (!answer.ok()) return;
  answer.add_bytes(room.first(std::min(room.size(), static_cast<std::size_t>(answer.result))));
  add_address(answer, address, length);
}
constexpr auto recvfrom_c = R"(static void do_recvfrom(int fd, long long count, long long flags) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  long long got = result(recvfrom(fd, room(), (size_t)count, (int)flags,
                                  (struct sockaddr *)&address, &length));
  if (got < 0) return;
  bytes(room(), got < count ? got : count);
  say_address(&address, length);
})";

constexpr std::size_t most_sent = 8;
struct alignas(cmsghdr) Control {
  std::array<std::byte, CMSG_SPACE(most_sent * sizeof(int))> bytes;
};

// Sockets are not sent: those that are in flight to one another are garbage, which Linux collects
// at a time of its own.
bool is_socket(Kernel& kernel, int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  return kernel.getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length).has_value();
}

void send_fds(Side& side, const Values& v, Answer& answer) {
  const ByteView whole = pattern(v[1], 0);
  iovec part{const_cast<std::byte*>(whole.data()), whole.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(most_sent * sizeof(int));
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  int* const fds = reinterpret_cast<int*>(CMSG_DATA(header));
  std::size_t count = 0;
  for (std::size_t i = 0; i < slots; ++i) {
    const int fd = side.fd(static_cast<std::int64_t>(i));
    if (((v[2] >> i) & 1) != 0 && !is_socket(side.kernel(), fd)) fds[count++] = fd;
  }
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  answer.take(side.kernel().sendmsg(side.fd(v[0]), message, static_cast<int>(v[3])));
}
constexpr auto send_fds_c = R"(static int is_socket(int fd) {
  int type;
  socklen_t length = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}
static void do_send_fds(int fd, long long count, unsigned chosen,
                        long long flags) {
  struct iovec part = {pattern(count, 0), (size_t)count};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  int *fds = (int *)CMSG_DATA(header), fd_count = 0;
  for (int i = 0; i < 8; i++)
    if ((chosen >> i & 1) && !is_socket(f[i])) fds[fd_count++] = f[i];
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
  message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
  result(sendmsg(fd, &message, (int)flags));
})";

void recv_fds(Side& side, const Values& v, Answer& answer) {
  const MutableBytes room = room_for(v[3]);
  iovec part{room.data(), room.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_LEN(static_cast<std::size_t>(v[4]) * sizeof(int));
  const int from = side.fd(v[2]);  // It may be one of the slots that what comes is put into.
  side.set(v[0], -1);
  side.set(v[1], -1);
  answer.take(side.kernel().recvmsg(from, message, static_cast<int>(v[5])));
  if (!answer.ok()) return;
  answer.add_bytes(room.first(std::min(room.size(), static_cast<std::size_t>(answer.result))));
  answer.add("flags", static_cast<unsigned>(message.msg_flags));
  answer.add("control", message.msg_controllen);
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return;
  const int* const fds = reinterpret_cast<const int*>(CMSG_DATA(header));
  const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    answer.add("fd", static_cast<unsigned>(fds[i]));
    if (i < 2) side.set(v[i], fds[i]);
  }
}
constexpr auto recv_fds_c = R"(static void do_recv_fds(int *a, int *b, int fd, long long count,
                        long long space, long long flags) {
  struct iovec part = {room(), (size_t)count};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = CMSG_LEN((size_t)space * sizeof(int))};
  *a = *b = -1;
  long long got = result(recvmsg(fd, &message, (int)flags));
  if (got < 0) return;
  bytes(room(), got < count ? got : count);
  number("flags", (unsigned)message.msg_flags);
  number("control", message.msg_controllen);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS) return;
  int *fds = (int *)CMSG_DATA(header);
  size_t fd_count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (size_t i = 0; i < fd_count; i++) {
    number("fd", (unsigned)fds[i]);
    if (i < 2) *(i ? b : a) = fds[i];
  }
})";

void getsockopt(Side& side, const Values& v, Answer& answer) {
  int value = 0x5a5a5a5a;
  auto length = static_cast<socklen_t>(v[2]);
  answer.take(
      side.kernel().getsockopt(side.fd(v[0]), SOL_SOCKET, static_cast<int>(v[1]), &value, &length));
  if (!answer.ok()) return;
  answer.add("value", static_cast<unsigned>(value));
  answer.add("length", length);
}
constexpr auto getsockopt_c = R"(static void do_getsockopt(int fd, long long name,
                          long long room) {
  int value = 0x5a5a5a5a;
  socklen_t length = (socklen_t)room;
  if (result(getsockopt(fd, SOL_SOCKET, (int)name, &value, &length))) return;
  number("value", (unsigned)value);
  number("length", length);
})";

void setsockopt(Side& side, const Values& v, Answer& answer) {
  const int value = static_cast<int>(v[2]);
  answer.take(side.kernel().setsockopt(side.fd(v[0]), SOL_SOCKET, static_cast<int>(v[1]), &value,
                                       sizeof value));
}
constexpr auto setsockopt_c = R"(static void do_setsockopt(int fd, long long name,
                          long long wanted) {
  int value = (int)wanted;
  result(setsockopt(fd, SOL_SOCKET, (int)name, &value, sizeof value));
})";

void queued(Side& side, const Values& v, Answer& answer) {
  int value = -1;
  answer.take(side.kernel().ioctl(side.fd(v[0]), static_cast<unsigned long>(v[1]), &value));
  answer.add("value", static_cast<unsigned>(value));
}
constexpr auto queued_c = R"(static void do_queued(int fd, long long request) {
  int value = -1;
  result(ioctl(fd, (unsigned long)request, &value));
  number("value", (unsigned)value);
})";

}  // namespace

std::vector<OpSpec> message_ops() {
  constexpr static std::array<std::int64_t, 4> lengths{4, 0, 2, 8};
  const Operand to = slot(a_socket);
  const Operand size = number(sizes);
  const Operand first = number(first_bytes);
  const Operand sending = bits(send_flags, MSG_DONTWAIT | MSG_NOSIGNAL, send_pool);
  const Operand receiving = bits(receive_flags, MSG_DONTWAIT, receive_pool);
  return {
      {"send", Kind::local, 12, {to, size, first, sending}, send, send_c},
      {"flood", Kind::local, 8, {to, size, first}, flood, flood_c},
      {"recv", Kind::local, 12, {to, size, receiving}, recv, recv_c},
      {"sendto", Kind::local, 4, {to, number(which), size, first, sending}, sendto, sendto_c},
      {"recvfrom", Kind::local, 3, {to, size, receiving}, recvfrom, recvfrom_c},
      {"send_fds", Kind::local, 5, {to, number(few), slot_set(), sending}, send_fds, send_fds_c},
      {"recv_fds",
       Kind::local,
       5,
       {new_slot(any), new_slot(any), to, number(few), number(rooms), receiving},
       recv_fds,
       recv_fds_c},
      {"getsockopt",
       Kind::local,
       3,
       {to, number(get_pool, options), number(lengths)},
       getsockopt,
       getsockopt_c},
      {"setsockopt",
       Kind::local,
       3,
       {to, number(set_pool, options), number(option_values)},
       setsockopt,
       setsockopt_c},
      {"queued", Kind::local, 2, {to, number(queue_pool, queue_requests)}, queued, queued_c},
  };
}

}  // namespace tocsin::differential
