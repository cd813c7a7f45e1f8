// SPDX-License-Identifier: MIT
//
// poll(2) and select(2), which do not wait.
#include <poll.h>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<Name, 12> event_bits{{{"POLLIN", POLLIN},
                                           {"POLLOUT", POLLOUT},
                                           {"POLLPRI", POLLPRI},
                                           {"POLLRDHUP", POLLRDHUP},
                                           {"POLLERR", POLLERR},
                                           {"POLLHUP", POLLHUP},
                                           {"POLLNVAL", POLLNVAL},
                                           {"POLLRDNORM", POLLRDNORM},
                                           {"POLLRDBAND", POLLRDBAND},
                                           {"POLLWRNORM", POLLWRNORM},
                                           {"POLLWRBAND", POLLWRBAND},
                                           {"POLLMSG", POLLMSG}}};
constexpr std::array<std::int64_t, 5> event_pool{POLLIN, POLLOUT, POLLIN | POLLOUT, 0x7fdf, 0};
constexpr std::array<std::int64_t, 6> counts{
    1, 0, 2, most_descriptors - 1, most_descriptors, most_descriptors + 1};
constexpr std::array<std::int64_t, 2> seconds{0, -1};
constexpr std::array<std::int64_t, 3> nanoseconds{0, -1, 1'000'000'000};
constexpr std::array<std::int64_t, 10> set_sizes{64, 64, 0, 1, 2, 3, 5, 65, 1024, -1};

constexpr timespec at_once{};

void take_revents(Answer& answer, Count count, std::span<const pollfd> fds) {
  answer.take(count);
  if (count)
    for (const pollfd& one : fds) answer.add("revents", static_cast<std::uint16_t>(one.revents));
}

pollfd entry(const Side& side, std::int64_t slot, std::int64_t events) {
  return {.fd = side.fd(slot), .events = static_cast<short>(events), .revents = 0};
}

void poll(Side& side, const Values& v, Answer& answer) {
  std::array fds{entry(side, v[0], v[1]), entry(side, v[2], v[3]), entry(side, v[4], v[5])};
  take_revents(answer, side.kernel().ppoll(fds, &at_once), fds);
}
constexpr auto poll_c = R"(static void do_poll(int a, long long want_a, int b, long long want_b,
                    int c, long long want_c) {
  struct pollfd fds[3] = {{a, (short)want_a, 0}, {b, (short)want_b, 0}, {c, (short)want_c, 0}};
  if (result(poll(fds, 3, 0)) >= 0)
    for (int i = 0; i < 3; i++) number("revents", (unsigned short)fds[i].revents);
})";

void poll_many(Side& side, const Values& v, Answer& answer) {
  std::array<pollfd, most_descriptors + 1> fds;
  fds.fill({.fd = -1, .events = POLLIN, .revents = 0});
  answer.take(side.kernel().ppoll(std::span(fds).first(static_cast<std::size_t>(v[0])), &at_once));
}
constexpr auto poll_many_c = R"(static void do_poll_many(long long count) {
  static struct pollfd fds[65];
  for (int i = 0; i < 65; i++) fds[i] = (struct pollfd){-1, POLLIN, 0};
  result(poll(fds, (nfds_t)count, 0));
})";

void ppoll(Side& side, const Values& v, Answer& answer) {
  std::array fds{entry(side, v[0], v[1])};
  const timespec timeout{.tv_sec = v[2], .tv_nsec = v[3]};
  take_revents(answer, side.kernel().ppoll(fds, &timeout), fds);
}
constexpr auto ppoll_c = R"(static void do_ppoll(int fd, long long want, long long seconds,
                     long long nanoseconds) {
  struct pollfd one = {fd, (short)want, 0};
  struct timespec timeout = {seconds, nanoseconds};
  if (result(ppoll(&one, 1, &timeout, NULL)) >= 0)
    number("revents", (unsigned short)one.revents);
})";

void pselect(Side& side, const Values& v, Answer& answer) {
  FdSet read = side.fd_set_of(v[1]), write = side.fd_set_of(v[2]), except = side.fd_set_of(v[3]);
  answer.take(side.kernel().pselect(static_cast<int>(v[0]), read.data(), write.data(),
                                    except.data(), &at_once));
  answer.add("read", read[0]);
  answer.add("write", write[0]);
  answer.add("except", except[0]);
}
constexpr auto pselect_c = R"(static unsigned long set_of(unsigned chosen) {
  unsigned long set = 0;
  for (int i = 0; i < 8; i++)
    if ((chosen >> i & 1) && f[i] >= 0) set |= 1UL << (f[i] % 64);
  return set;
}
static void do_pselect(long long nfds, unsigned read, unsigned write, unsigned except) {
  unsigned long sets[3][16] = {{set_of(read)}, {set_of(write)}, {set_of(except)}};
  struct timespec at_once = {0, 0};
  result(syscall(SYS_pselect6, (int)nfds, sets[0], sets[1], sets[2], &at_once, NULL));
  number("read", sets[0][0]);
  number("write", sets[1][0]);
  number("except", sets[2][0]);
})";

}  // namespace

std::vector<OpSpec> poll_ops() {
  const Operand wanted = bits(event_bits, 0, event_pool);
  return {
      {"poll", Kind::wait, 10, {slot(), wanted, slot(), wanted, slot(), wanted}, poll, poll_c},
      {"poll_many", Kind::wait, 1, {number(counts)}, poll_many, poll_many_c},
      {"ppoll",
       Kind::wait,
       1,
       {slot(), wanted, number(seconds), number(nanoseconds)},
       ppoll,
       ppoll_c},
      {"pselect",
       Kind::wait,
       8,
       {number(set_sizes), slot_set(), slot_set(), slot_set()},
       pselect,
       pselect_c},
  };
}

}  // namespace tocsin::differential
