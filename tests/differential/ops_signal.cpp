// SPDX-License-Identifier: MIT
//
// Signals to oneself, and signalfd(2). All signals are blocked, so they wait until they are read,
// or until a wait with a mask of its own lets one through: one that is ignored then, so that nobody
// is killed by it.
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::int64_t in_mask(int number) { return std::int64_t{1} << (number - 1); }

// Two of each sort: standard ones, which are merged; real-time ones, which queue; and one that is
// ignored where it is not blocked.
constexpr int first_queued = 34;  // SIGRTMIN of the C library, which is no constant there.
constexpr std::array<Name, 5> mask_bits{{{"M_USR1", in_mask(SIGUSR1)},
                                         {"M_USR2", in_mask(SIGUSR2)},
                                         {"M_RT0", in_mask(first_queued)},
                                         {"M_RT1", in_mask(first_queued + 1)},
                                         {"M_CHLD", in_mask(SIGCHLD)}}};
constexpr std::array<std::int64_t, 4> mask_pool{
    in_mask(SIGUSR1), in_mask(SIGUSR1) | in_mask(SIGUSR2),
    in_mask(SIGUSR1) | in_mask(first_queued) | in_mask(first_queued + 1), 0};
constexpr std::array<Name, 2> flags{{{"SFD_NONBLOCK", SFD_NONBLOCK}, {"SFD_CLOEXEC", SFD_CLOEXEC}}};
constexpr std::array<std::int64_t, 9> signals{SIGUSR1, SIGUSR2, SIGUSR1, first_queued, 35, SIGCHLD,
                                              0,       65,      -1};

sigset_t set_of(std::int64_t mask) {
  sigset_t set;
  sigemptyset(&set);
  for (int number = 1; number <= 64; ++number)
    if ((mask & in_mask(number)) != 0) sigaddset(&set, number);
  return set;
}

void signalfd(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0], side.kernel().signalfd(-1, set_of(v[1]), static_cast<int>(v[2])));
}
constexpr auto signalfd_c = R"(static void do_signalfd(int *made, long long mask,
                        long long flags) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 0; i < 64; i++)
    if (mask >> i & 1) sigaddset(&set, i + 1);
  *made = (int)result(signalfd(-1, &set, (int)flags));
})";

void signalfd_change(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().signalfd(side.fd(v[0]), set_of(v[1]), static_cast<int>(v[2])));
}
constexpr auto signalfd_change_c = R"(static void do_signalfd_change(int fd, long long mask,
                               long long flags) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 0; i < 64; i++)
    if (mask >> i & 1) sigaddset(&set, i + 1);
  result(fd == -1 ? (errno = EBADF, -1) : signalfd(fd, &set, (int)flags));
})";

void kill_self(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().kill(side.kernel().getpid(), static_cast<int>(v[0])));
}
constexpr auto kill_self_c = R"(static void do_kill_self(long long number) {
  result(kill(getpid(), (int)number));
})";

// -1 would make a new one.
void change(Side& side, const Values& v, Answer& answer) {
  if (side.fd(v[0]) == -1)
    answer.result = -EBADF;
  else
    signalfd_change(side, v, answer);
}

constexpr std::array<std::int64_t, 4> let_through{SIGCHLD, SIGCHLD, 0, SIGWINCH};
constexpr timespec at_once{};

sigset_t all_but(std::int64_t number) {
  sigset_t set;
  sigfillset(&set);
  if (number != 0) sigdelset(&set, static_cast<int>(number));
  return set;
}

void ppoll_masked(Side& side, const Values& v, Answer& answer) {
  pollfd one{.fd = side.fd(v[0]), .events = POLLIN | POLLOUT, .revents = 0};
  const sigset_t mask = all_but(v[1]);
  answer.take(side.kernel().ppoll(std::span(&one, 1), &at_once, &mask));
}
constexpr auto ppoll_masked_c = R"(static void do_ppoll_masked(int fd, long long but) {
  struct pollfd one = {fd, POLLIN | POLLOUT, 0};
  struct timespec at_once = {0, 0};
  sigset_t mask;
  sigfillset(&mask);
  if (but) sigdelset(&mask, (int)but);
  result(ppoll(&one, 1, &at_once, &mask));
})";

void epoll_pwait_masked(Side& side, const Values& v, Answer& answer) {
  std::array<epoll_event, 2> events{};
  const sigset_t mask = all_but(v[1]);
  answer.take(side.kernel().epoll_pwait(side.fd(v[0]), events, 0, &mask));
}
constexpr auto epoll_pwait_masked_c =
    R"(static void do_epoll_pwait_masked(int epfd, long long but) {
  struct epoll_event events[2];
  sigset_t mask;
  sigfillset(&mask);
  if (but) sigdelset(&mask, (int)but);
  result(epoll_pwait(epfd, events, 2, 0, &mask));
})";

}  // namespace

std::vector<OpSpec> signal_ops() {
  const Operand mask = bits(mask_bits, 0, mask_pool);
  const Operand flag = bits(flags, SFD_NONBLOCK);
  return {
      {"signalfd", Kind::signal, 8, {new_slot(a_signalfd), mask, flag}, signalfd, signalfd_c},
      {"signalfd_change",
       Kind::signal,
       4,
       {slot(a_signalfd), mask, flag},
       change,
       signalfd_change_c},
      {"ppoll_masked",
       Kind::signal,
       4,
       {slot(), number(let_through)},
       ppoll_masked,
       ppoll_masked_c},
      {"epoll_pwait_masked",
       Kind::signal,
       2,
       {slot(an_epoll), number(let_through)},
       epoll_pwait_masked,
       epoll_pwait_masked_c},
      {"kill_self", Kind::signal, 16, {number(signals)}, kill_self, kill_self_c},
  };
}

}  // namespace tocsin::differential
