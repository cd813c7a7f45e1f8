// SPDX-License-Identifier: MIT
//
// Process: beginning and end: fork, exec, exit, and how a parent comes to know: waitid.
#include <sys/epoll.h>
#include <sys/wait.h>

#include <algorithm>
#include <mutex>

#include "tocsin/base/check.hpp"
#include "tocsin/vkern/pidfd.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"

namespace tocsin::vkern {
namespace {

using internal::Life;

constexpr std::unexpected invalid{Errno::invalid};
constexpr int clone_children = static_cast<int>(__WCLONE);  // Its bit is an int's sign.
constexpr int wait_options =
    WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | clone_children | __WALL;

}  // namespace

// ---- fork, exec, exit ---------------------------------------------------------------------------

template <class P>
Process<P>& Process<P>::fork() {
  return system_.fork(*this);
}

template <class P>
void Process<P>::exec() {
  descriptors_.exec();
}

template <class P>
void Process<P>::exit(int status) {
  CHECK(!is_init(), "the end of init is the end of the system: Linux panics");
  end(CLD_EXITED, status & 0xff);
}

// As Linux does it: first descriptors are closed, with no lock held; then its children get another
// parent; and only then is it a zombie, and the parent told.
template <class P>
void Process<P>::end(int code, int status) {
  {
    const std::lock_guard lock(system_.process_lock());
    if (state_.life != Life::runs) return;
    state_.life = Life::ends;
  }
  descriptors_.close_all();
  const std::lock_guard lock(system_.process_lock());
  system_.init().adopt_children_of(*this);
  state_.pending.remove(~SignalSet{0});
  state_.end = {.number = SIGCHLD, .code = code, .pid = pid_, .status = status};
  state_.life = Life::zombie;
  tell_end();
}

template <class P>
void Process<P>::tell_end() {
  Process& parent = *state_.parent;
  state_.end_queue.wake_all(EPOLLIN | EPOLLRDNORM);
  static_cast<void>(parent.receive(state_.end));  // SIGCHLD ends nobody.
  parent.state_.child_queue.wake(0);
}

// A zombie among them is a child's end that the new parent has to be told of.
template <class P>
void Process<P>::adopt_children_of(Process& other) {
  for (Process* const child : std::exchange(other.state_.children, {})) {
    child->state_.parent = this;
    state_.children.push_back(child);
    if (child->state_.life == Life::zombie) child->tell_end();
  }
}

// ---- waitid(2) ----------------------------------------------------------------------------------

// Whom a call waits for.
template <class P>
struct Process<P>::Awaited {
  bool everybody = false;
  pid_t pid = 0;             // Else this one.
  bool nonblocking = false;  // By the pidfd's O_NONBLOCK.
};

// P_PGID: everybody is in one process group, which is init's; 0 means the caller's.
template <class P>
auto Process<P>::awaited(idtype_t type, id_t id) -> Result<Awaited> {
  const auto number = static_cast<pid_t>(id);
  switch (type) {
    case P_ALL:
      return Awaited{.everybody = true};
    case P_PID:
      if (number <= 0) return invalid;
      return Awaited{.pid = number};
    case P_PGID:
      if (number < 0) return invalid;
      return Awaited{.everybody = number <= 1};
    case P_PIDFD: {
      if (number < 0) return invalid;
      const auto open = get(number);
      if (!open) return std::unexpected(open.error());
      const auto* const pidfd = dynamic_cast<PidFd<P>*>(&(*open)->object());
      if (pidfd == nullptr) return std::unexpected(Errno{EBADF});
      return Awaited{.pid = pidfd->process().getpid(), .nonblocking = (*open)->is_nonblocking()};
    }
    default:
      return invalid;
  }
}

// The first of its children that has ended, if that is waited for. `is_any`: whether there is one
// to wait for at all. A zombie is not, for who does not wait for ends; nor are children for who
// waits for those of clone(2) that send no SIGCHLD.
template <class P>
Process<P>* Process<P>::ended_child(const Awaited& whom, int options, bool& is_any) {
  is_any = false;
  if ((options & (clone_children | __WALL)) == clone_children) return nullptr;
  for (Process* const child : state_.children) {
    if (!whom.everybody && child->pid_ != whom.pid) continue;
    if (child->state_.life != Life::zombie) {
      is_any = true;
    } else if ((options & WEXITED) != 0) {
      is_any = true;
      return child;
    }
  }
  return nullptr;
}

template <class P>
void Process<P>::forget(Process& child) {
  std::erase(state_.children, &child);
  child.state_.life = Life::gone;
  child.state_.end_queue.wake_all(0);
}

template <class P>
Result<> Process<P>::waitid(idtype_t type, id_t id, siginfo_t& which, int options) {
  which = {};
  if ((options & ~wait_options) != 0 || (options & (WEXITED | WSTOPPED | WCONTINUED)) == 0)
    return invalid;
  const auto whom = awaited(type, id);
  if (!whom) return std::unexpected(whom.error());
  std::unique_lock lock(system_.process_lock());
  bool is_any = false;
  Process* child = ended_child(*whom, options, is_any);
  if (child == nullptr && is_any) {
    if ((options & WNOHANG) != 0) return {};
    if (whom->nonblocking) return std::unexpected(Errno::again);
    sleep_until<P>(world(), state_.child_queue, lock, Queued::staying, std::nullopt, [&] {
      child = ended_child(*whom, options, is_any);
      return child != nullptr || !is_any;
    });
  }
  if (child == nullptr) return std::unexpected(Errno{ECHILD});
  const SignalInfo& end = child->state_.end;
  which.si_signo = SIGCHLD;
  which.si_code = end.code;
  which.si_pid = end.pid;
  which.si_status = end.status;
  if ((options & WNOWAIT) == 0) forget(*child);
  return {};
}

template Process<Single>& Process<Single>::fork();
template void Process<Single>::exec();
template void Process<Single>::exit(int);
template void Process<Single>::end(int, int);
template Result<> Process<Single>::waitid(idtype_t, id_t, siginfo_t&, int);
template Process<Threads>& Process<Threads>::fork();
template void Process<Threads>::exec();
template void Process<Threads>::exit(int);
template void Process<Threads>::end(int, int);
template Result<> Process<Threads>::waitid(idtype_t, id_t, siginfo_t&, int);

}  // namespace tocsin::vkern
