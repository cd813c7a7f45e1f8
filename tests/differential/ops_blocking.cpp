// SPDX-License-Identifier: MIT
//
// Operations of tier 4, in which calls block: each op of a sequence is performed by a thread, and
// if it blocks, the next ones are performed by another. Descriptors are made to block here; then
// every call may. What ends a sleep is another op, and never time.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<std::int64_t, 4> rooms{64, 1, 2, 3};
constexpr std::array<Name, 4> event_bits{
    {{"POLLIN", POLLIN}, {"POLLOUT", POLLOUT}, {"POLLPRI", POLLPRI}, {"POLLRDHUP", POLLRDHUP}}};
constexpr std::array<std::int64_t, 3> event_pool{POLLIN, POLLOUT, 0};
constexpr std::array<Name, 6> paths{
    {{"A", 0}, {"B", 1}, {"D", 2}, {"D_A", 3}, {"D_B", 4}, {"HERE", 5}}};
constexpr std::array<std::int64_t, 2> path_pool{0, 1};
constexpr std::array<Name, 3> open_flags{
    {{"O_RDONLY", O_RDONLY}, {"O_WRONLY", O_WRONLY}, {"O_RDWR", O_RDWR}}};
constexpr std::array<std::int64_t, 3> open_pool{O_RDONLY, O_WRONLY, O_RDWR};

void make_blocking(Side& side, const Values& v, Answer& answer) {
  const int fd = side.fd(v[0]);
  const auto flags = side.kernel().fcntl(fd, F_GETFL, 0);
  answer.take(flags);
  if (flags) answer.take(side.kernel().fcntl(fd, F_SETFL, *flags & ~O_NONBLOCK));
}
constexpr auto make_blocking_c = R"(static void do_make_blocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  result(flags < 0 ? flags : fcntl(fd, F_SETFL, flags & ~O_NONBLOCK));
})";

void epoll_wait_forever(Side& side, const Values& v, Answer& answer) {
  std::array<epoll_event, 64> events;
  const auto room = std::span(events).first(static_cast<std::size_t>(v[1]));
  const Count count = side.kernel().epoll_wait(side.fd(v[0]), room, -1);
  answer.take(count);
  for (std::size_t i = 0; i < count.value_or(0); ++i) {
    answer.add("events", events[i].events);
    answer.add("data", events[i].data.u64);
  }
}
constexpr auto epoll_wait_forever_c = R"(static void do_epoll_wait_forever(int epfd,
                                  long long room) {
  struct epoll_event events[64];
  long long got = result(epoll_wait(epfd, events, (int)room, -1));
  for (long long i = 0; i < got; i++) {
    number("events", events[i].events);
    number("data", events[i].data.u64);
  }
})";

void poll_forever(Side& side, const Values& v, Answer& answer) {
  std::array fds{pollfd{.fd = side.fd(v[0]), .events = static_cast<short>(v[1]), .revents = 0},
                 pollfd{.fd = side.fd(v[2]), .events = static_cast<short>(v[3]), .revents = 0}};
  answer.take(side.kernel().ppoll(fds, nullptr));
  if (!answer.ok()) return;
  for (const pollfd& one : fds) answer.add("revents", static_cast<std::uint16_t>(one.revents));
}
constexpr auto poll_forever_c = R"(static void do_poll_forever(int a, long long want_a, int b,
                            long long want_b) {
  struct pollfd fds[2] = {{a, (short)want_a, 0}, {b, (short)want_b, 0}};
  long long got = result(poll(fds, 2, -1));
  for (int i = 0; got >= 0 && i < 2; i++) number("revents", (unsigned short)fds[i].revents);
})";

void pselect_forever(Side& side, const Values& v, Answer& answer) {
  FdSet read = side.fd_set_of(v[0]), write = side.fd_set_of(v[1]);
  answer.take(side.kernel().pselect(64, read.data(), write.data(), nullptr, nullptr));
  answer.add("read", read[0]);
  answer.add("write", write[0]);
}
constexpr auto pselect_forever_c = R"(static void do_pselect_forever(unsigned read,
                               unsigned write) {
  unsigned long sets[2][16] = {{0}, {0}};
  for (int i = 0; i < 8; i++) {
    if ((read >> i & 1) && f[i] >= 0) sets[0][0] |= 1UL << (f[i] % 64);
    if ((write >> i & 1) && f[i] >= 0) sets[1][0] |= 1UL << (f[i] % 64);
  }
  result(syscall(SYS_pselect6, 64, sets[0], sets[1], NULL, NULL, NULL));
  number("read", sets[0][0]);
  number("write", sets[1][0]);
})";

// A FIFO waits for its other end (fifo(7)).
void open_fifo(Side& side, const Values& v, Answer& answer) {
  constexpr std::array names{"a", "b", "d", "d/a", "d/b", "."};
  const char* const name = names[static_cast<std::size_t>(v[1]) % names.size()];
  side.take(answer, v[0], side.kernel().openat(AT_FDCWD, name, static_cast<int>(v[2]), 0));
}
constexpr auto open_fifo_c = R"(static void do_open_fifo(int *made, long long path,
                         long long flags) {
  *made = (int)result(openat(AT_FDCWD, path_of(path), (int)flags));
})";

}  // namespace

std::vector<OpSpec> blocking_ops() {
  const Operand wanted = bits(event_bits, 0, event_pool);
  return {
      {"make_blocking",
       Kind::blocking,
       24,
       {slot(~Holds{an_epoll})},
       make_blocking,
       make_blocking_c},
      {"epoll_wait_forever",
       Kind::blocking,
       24,
       {slot(an_epoll), number(rooms)},
       epoll_wait_forever,
       epoll_wait_forever_c},
      {"poll_forever",
       Kind::blocking,
       8,
       {slot(), wanted, slot(), wanted},
       poll_forever,
       poll_forever_c},
      {"pselect_forever",
       Kind::blocking,
       4,
       {slot_set(), slot_set()},
       pselect_forever,
       pselect_forever_c},
      {"open_fifo",
       Kind::blocking,
       4,
       {new_slot(a_reader | a_writer), number(path_pool, paths), number(open_pool, open_flags)},
       open_fifo,
       open_fifo_c},
  };
}

}  // namespace tocsin::differential
