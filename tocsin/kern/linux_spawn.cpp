// SPDX-License-Identifier: MIT
//
// Of LinuxKernel: a process that runs another program.
//
// The child is made as by vfork(2): it runs in the parent's memory, on a stack of its own, while
// the thread that called waits for its execve(2) or its end. So the price does not grow with the
// parent (a fork(2) copies its page tables, and may be refused for want of memory), and what failed
// is left in a variable. The price of that: until its execve the child may do nothing but system
// calls. All signals are blocked on both sides, so that no handler runs in it; its own calls go
// through syscall(2), past whatever stands in front of the C library's; and no sanitizer sees it.
//
// The road not taken: posix_spawn(3) is made in this way, too, but gives no pidfd before glibc
// 2.39. To open one afterwards is a race with whoever else reaps children here.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/kern/internal/linux_answer.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {
namespace {

constexpr unsigned long every_signal =
    ~0UL;  // Those of pthreads, too, which sigfillset leaves out.
constexpr unsigned long no_signal = 0;
constexpr long mask_size = 8;  // A bit for each of 64 signals, whatever size a sigset_t has.

// What the two share. Pointers and counts: a call of a member function may be one that a sanitizer
// has instrumented.
struct Plan {
  const SpawnRequest* request;
  const SpawnRequest::Placed* placed;  // Sorted by `to`.
  int* aside;                          // Room for as many.
  long placed_count;
  const char* const* paths;  // To try, in this order; ends with null.
  char* const* environment;
  long error = 0;  // Of the child.
};

#define TOCSIN_UNSEEN [[gnu::no_sanitize_address, gnu::no_sanitize_thread]]

// Answers 0, or the error.
TOCSIN_UNSEEN long answer(long returned) { return returned == -1 ? errno : 0; }

// Everything to its default: what is ignored would stay so across execve(2).
TOCSIN_UNSEEN void reset_signals() {
  const std::array<unsigned long, 8> to_default{};  // Larger than the kernel's struct sigaction.
  for (long number = 1; number <= 64; ++number)
    ::syscall(SYS_rt_sigaction, number, &to_default, nullptr, mask_size);
}

// First all of them out of the way, so that none is overwritten before it was copied.
TOCSIN_UNSEEN long place_descriptors(const Plan& plan) {
  const long count = plan.placed_count;
  const long beyond = count == 0 ? 0 : plan.placed[count - 1].to + 1;
  for (long i = 0; i < count; ++i) {
    const long copy = ::syscall(SYS_fcntl, plan.placed[i].from, F_DUPFD_CLOEXEC, beyond);
    if (copy == -1) return errno;
    plan.aside[i] = static_cast<int>(copy);
  }
  unsigned next = 0;
  for (long i = 0; i < count; ++i) {
    const int to = plan.placed[i].to;
    if (::syscall(SYS_dup3, plan.aside[i], to, 0) == -1) return errno;
    // Before Linux 5.9 there is no such call; then close-on-exec is all there is.
    if (next < static_cast<unsigned>(to)) ::syscall(SYS_close_range, next, to - 1, 0);
    next = static_cast<unsigned>(to) + 1;
  }
  ::syscall(SYS_close_range, next, ~0U, 0);
  return 0;
}

TOCSIN_UNSEEN long set_group(const SpawnRequest& request) {
  switch (request.group) {
    case SpawnRequest::Group::inherited:
      return 0;
    case SpawnRequest::Group::own:
      return answer(::syscall(SYS_setpgid, 0, 0));
    case SpawnRequest::Group::session:
      return answer(::syscall(SYS_setsid));
  }
  return EINVAL;
}

// As execvp(3): what is no program here may be one in the next directory.
TOCSIN_UNSEEN long execute(const Plan& plan) {
  long error = ENOENT;
  bool denied = false;
  for (const char* const* path = plan.paths; *path != nullptr; ++path) {
    ::syscall(SYS_execve, *path, plan.request->arguments, plan.environment);
    error = errno;
    denied = denied || error == EACCES;
    if (error != ENOENT && error != ENOTDIR && error != EACCES) return error;
  }
  return denied ? EACCES : error;
}

TOCSIN_UNSEEN long run(const Plan& plan) {
  const SpawnRequest& request = *plan.request;
  reset_signals();
  if (const long error = set_group(request); error != 0) return error;
  if (const long error = place_descriptors(plan); error != 0) return error;
  if (request.directory != nullptr)
    if (::syscall(SYS_chdir, request.directory) == -1) return errno;
  if (request.terminal >= 0)
    if (::syscall(SYS_ioctl, request.terminal, TIOCSCTTY, 0) == -1) return errno;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signal, nullptr, mask_size);
  return execute(plan);
}

TOCSIN_UNSEEN int child(void* argument) {
  Plan& plan = *static_cast<Plan*>(argument);
  plan.error = run(plan);
  ::syscall(SYS_exit_group, 127);
  return 127;
}

#undef TOCSIN_UNSEEN

// Where execvp(3) would look: PATH of `environment`, or what confstr(3) has for _CS_PATH.
std::string_view search_path(char* const* environment) {
  constexpr std::string_view name = "PATH=";
  for (char* const* entry = environment; *entry != nullptr; ++entry)
    if (const std::string_view text = *entry; text.starts_with(name))
      return text.substr(name.size());
  return "/bin:/usr/bin";
}

std::vector<std::string> paths_of(std::string_view program, char* const* environment) {
  if (program.empty() || program.contains('/')) return {std::string(program)};
  std::vector<std::string> paths;
  std::string_view rest = search_path(environment);
  while (true) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);  // Empty: the current directory.
    paths.push_back(folder.empty() ? std::string(program)
                                   : std::string(folder).append("/").append(program));
    if (colon == rest.npos) return paths;
    rest.remove_prefix(colon + 1);
  }
}

// All signals of this thread, for as long as it lives.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every_signal, &before_, mask_size);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, mask_size); }

 private:
  unsigned long before_ = 0;
};

}  // namespace

Result<Spawned> LinuxKernel::pidfd_spawn(const SpawnRequest& request) {
  char* const* const environment = request.environment != nullptr ? request.environment : environ;
  const std::vector<std::string> candidates = paths_of(request.program, environment);
  std::vector<const char*> paths;
  paths.reserve(candidates.size() + 1);
  for (const std::string& path : candidates) paths.push_back(path.c_str());
  paths.push_back(nullptr);
  std::vector<SpawnRequest::Placed> placed(request.descriptors.begin(), request.descriptors.end());
  std::ranges::sort(placed, {}, &SpawnRequest::Placed::to);
  std::vector<int> aside(placed.size());
  Plan plan{.request = &request,
            .placed = placed.data(),
            .aside = aside.data(),
            .placed_count = static_cast<long>(placed.size()),
            .paths = paths.data(),
            .environment = environment};

  alignas(16) std::array<std::byte, 16384> stack;
  int pidfd = -1;
  const Result<int> pid = [&] {
    const SignalsBlocked signals_blocked;
    return internal::fd_or_errno(::clone(child, stack.data() + stack.size(),
                                         CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan,
                                         &pidfd));
  }();
  if (!pid) return std::unexpected(pid.error());
  if (plan.error == 0) return Spawned{.pid = *pid, .pidfd = pidfd};
  siginfo_t ended{};
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &ended, WEXITED);  // It is on its way out.
  ::close(pidfd);
  return std::unexpected(Errno{static_cast<int>(plan.error)});
}

}  // namespace tocsin
