// SPDX-License-Identifier: MIT
//
// Children and pidfd_open(2). A child has the descriptors that its parent had, and does nothing but
// wait for its end; each op that ends one comes back when it is a zombie.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/differential/ops.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<std::int64_t, 3> children{0, 1, 2};
constexpr std::array<std::int64_t, 3> statuses{0, 7, 255};
constexpr std::array<std::int64_t, 5> signals{SIGKILL, SIGUSR1, 0, 65, SIGTERM};
constexpr std::array<std::int64_t, 3> pidfd_signals{0, SIGUSR1, 65};
constexpr std::array<std::int64_t, 6> whose{0, 1, 2, -1, -2, -3};  // -1 its own, -2 nobody's.
constexpr std::array<Name, 1> pidfd_flags{{{"O_NONBLOCK", O_NONBLOCK}}};
constexpr std::array<Name, 3> types{{{"P_PID", P_PID}, {"P_ALL", P_ALL}, {"P_PIDFD", 3}}};
constexpr std::array<std::int64_t, 3> type_pool{P_PID, P_ALL, 77};
constexpr std::array<Name, 5> options{{{"WNOHANG", WNOHANG},
                                       {"WEXITED", WEXITED},
                                       {"WNOWAIT", WNOWAIT},
                                       {"WSTOPPED", WSTOPPED},
                                       {"WCONTINUED", WCONTINUED}}};
constexpr std::array<std::int64_t, 4> option_pool{WEXITED, WEXITED, WEXITED | WNOWAIT, WSTOPPED};

pid_t pid_of(Side& side, std::int64_t who) {
  if (who >= 0) return side.child(who);
  if (who == -1) return side.kernel().getpid();
  return who == -2 ? 0 : -1;
}

void child_fork(Side& side, const Values& v, Answer&) { side.set_child(v[0], side.fork()); }
constexpr auto child_fork_c = R"(static void do_child_fork(long long which) {
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    siginfo_t info;
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGRTMAX);
    while (sigwaitinfo(&end, &info) < 0) continue;
    _exit(info.si_value.sival_int);
  }
  children[which] = pid;
  result(0);
})";

// Whether it is one that was not waited for: else its number may be somebody else's by now.
bool is_child(Side& side, pid_t pid) {
  siginfo_t info{};
  return pid != 0 && side.kernel()
                         .waitid(P_PID, static_cast<id_t>(pid), info, WEXITED | WNOHANG | WNOWAIT)
                         .has_value();
}

void child_exit(Side& side, const Values& v, Answer& answer) {
  const pid_t pid = side.child(v[0]);
  if (is_child(side, pid))
    answer.take(side.end_child(pid, static_cast<int>(v[1])));
  else
    answer.result = -ESRCH;
}
constexpr auto child_exit_c = R"(static void do_child_exit(long long which, long long status) {
  siginfo_t info;
  pid_t pid = children[which];
  union sigval value = {.sival_int = (int)status};
  if (result(!is_child(pid) ? (errno = ESRCH, -1) : sigqueue(pid, SIGRTMAX, value)) == 0)
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
})";

void child_kill(Side& side, const Values& v, Answer& answer) {
  const pid_t pid = side.child(v[0]);
  if (!is_child(side, pid)) {
    answer.result = -ESRCH;
    return;
  }
  answer.take(side.kernel().kill(pid, static_cast<int>(v[1])));
  if (answer.ok() && v[1] == SIGKILL) side.await_end(pid);
}
constexpr auto child_kill_c = R"(static void do_child_kill(long long which, long long number) {
  siginfo_t info;
  pid_t pid = children[which];
  long long failed = result(!is_child(pid) ? (errno = ESRCH, -1) : kill(pid, (int)number));
  if (!failed && number == SIGKILL) waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
})";

void add_info(Side& side, Answer& answer, const siginfo_t& info) {
  answer.add("pid", side.name_of_process(info.si_pid));
  answer.add("signal", static_cast<unsigned>(info.si_signo));
  answer.add("code", static_cast<unsigned>(info.si_code));
  answer.add("status", static_cast<unsigned>(info.si_status));
}

// Of all children Linux finds those first that the calling thread has made; the threads of vkern
// have none of their own. So where there are threads it is asked for one.
void wait_child(Side& side, const Values& v, Answer& answer) {
  siginfo_t info{};
  const auto pid = static_cast<id_t>(side.child(v[1]));
  const std::int64_t type = side.is_in_threads() && v[0] == P_ALL ? std::int64_t{P_PID} : v[0];
  answer.take(side.kernel().waitid(static_cast<idtype_t>(type), pid, info, static_cast<int>(v[2])));
  if (answer.ok()) add_info(side, answer, info);
}
constexpr auto wait_child_c = R"(static void do_wait_child(long long type, long long which,
                          long long options) {
  siginfo_t info = {0};
  if (in_threads && type == P_ALL) type = P_PID;
  if (result(waitid((idtype_t)type, (id_t)children[which], &info, (int)options))) return;
  number("pid", name_of_process(info.si_pid));
  number("signal", (unsigned)info.si_signo);
  number("code", (unsigned)info.si_code);
  number("status", (unsigned)info.si_status);
})";

void wait_pidfd(Side& side, const Values& v, Answer& answer) {
  siginfo_t info{};
  answer.take(side.kernel().waitid(P_PIDFD, static_cast<id_t>(side.fd(v[0])), info,
                                   static_cast<int>(v[1])));
  if (answer.ok()) add_info(side, answer, info);
}
constexpr auto wait_pidfd_c = R"(static void do_wait_pidfd(int fd, long long options) {
  siginfo_t info = {0};
  if (result(waitid(P_PIDFD, (id_t)fd, &info, (int)options))) return;
  number("pid", name_of_process(info.si_pid));
  number("signal", (unsigned)info.si_signo);
  number("code", (unsigned)info.si_code);
  number("status", (unsigned)info.si_status);
})";

void pidfd_open(Side& side, const Values& v, Answer& answer) {
  side.take(answer, v[0],
            side.kernel().pidfd_open(pid_of(side, v[1]), static_cast<unsigned>(v[2])));
}
constexpr auto pidfd_open_c = R"(static void do_pidfd_open(int *made, long long who,
                          long long flags) {
  pid_t pid = who >= 0 ? children[who] : who == -1 ? getpid() : who == -2 ? 0 : -1;
  *made = (int)result(syscall(SYS_pidfd_open, pid, (unsigned)flags));
})";

void pidfd_signal(Side& side, const Values& v, Answer& answer) {
  answer.take(side.kernel().pidfd_send_signal(side.fd(v[0]), static_cast<int>(v[1])));
}
constexpr auto pidfd_signal_c = R"(static void do_pidfd_signal(int fd, long long number) {
  result(syscall(SYS_pidfd_send_signal, fd, (int)number, NULL, 0));
})";

}  // namespace

std::vector<OpSpec> process_ops() {
  const Operand child = number(children);
  const Operand option = bits(options, WNOHANG, option_pool);
  return {
      {"child_fork", Kind::process, 4, {child}, child_fork, child_fork_c},
      {"child_exit", Kind::process, 4, {child, number(statuses)}, child_exit, child_exit_c},
      {"child_kill", Kind::process, 4, {child, number(signals)}, child_kill, child_kill_c},
      {"wait_child",
       Kind::process,
       6,
       {number(type_pool, types), child, option},
       wait_child,
       wait_child_c},
      {"wait_pidfd", Kind::process, 4, {slot(a_pidfd), option}, wait_pidfd, wait_pidfd_c},
      {"pidfd_open",
       Kind::process,
       10,
       {new_slot(a_pidfd), number(whose), bits(pidfd_flags)},
       pidfd_open,
       pidfd_open_c},
      {"pidfd_signal",
       Kind::process,
       3,
       {slot(a_pidfd), number(pidfd_signals)},
       pidfd_signal,
       pidfd_signal_c},
  };
}

}  // namespace tocsin::differential
