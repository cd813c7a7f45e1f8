// SPDX-License-Identifier: MIT
#include "tocsin/vkern/pidfd.hpp"

#include <sys/epoll.h>

#include <cstdio>
#include <mutex>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

using internal::Life;

// PIDFD_NONBLOCK and PIDFD_THREAD are open's bits (pidfd_open(2)). A process here has one thread,
// as far as its end goes, so PIDFD_THREAD makes no difference.
constexpr int pidfd_flags = O_NONBLOCK | O_EXCL;

}  // namespace

template <class P>
PidFd<P>::PidFd(Process<P>& of) : Object<P>(of.system().process_lock()), process_(of) {}

template <class P>
Mask PidFd<P>::poll(Description<P>&, PollTable* table, Mask) {
  const std::lock_guard lock(this->lock());
  auto& state = process_.state();
  if (table != nullptr) table->enter(state.end_queue);
  if (state.life == Life::zombie) return EPOLLIN | EPOLLRDNORM;
  if (state.life == Life::gone) return EPOLLIN | EPOLLRDNORM | EPOLLHUP;
  return 0;
}

template <class P>
std::string PidFd<P>::fdinfo() const {
  const std::lock_guard lock(this->lock());
  const pid_t pid = process_.state().life == Life::gone ? -1 : process_.getpid();
  char lines[64];
  std::snprintf(lines, sizeof lines, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
  return lines;
}

template class PidFd<Single>;
template class PidFd<Threads>;

// ---- pidfd_open(2), pidfd_send_signal(2) --------------------------------------------------------

template <class P>
Result<int> Process<P>::pidfd_open(pid_t pid, unsigned flags) {
  if ((flags & ~static_cast<unsigned>(pidfd_flags)) != 0 || pid <= 0)
    return std::unexpected(Errno::invalid);
  Process<P>* of = nullptr;
  {
    const std::lock_guard lock(system_.process_lock());
    of = system_.find(pid);
  }
  if (of == nullptr) return std::unexpected(Errno{ESRCH});
  return install(open_new<P>(make_ref<PidFd<P>>(*of), O_RDWR | static_cast<int>(flags)), true);
}

template <class P>
Result<> Process<P>::pidfd_send_signal(int fd, int signal) {
  const auto open = get(fd);
  if (!open) return std::unexpected(open.error());
  auto* const pidfd = dynamic_cast<PidFd<P>*>(&(*open)->object());
  if (pidfd == nullptr) return std::unexpected(Errno{EBADF});
  // The number is never another process': see System::find.
  return kill(pidfd->process().getpid(), signal);
}

template Result<int> Process<Single>::pidfd_open(pid_t, unsigned);
template Result<> Process<Single>::pidfd_send_signal(int, int);
template Result<int> Process<Threads>::pidfd_open(pid_t, unsigned);
template Result<> Process<Threads>::pidfd_send_signal(int, int);

}  // namespace tocsin::vkern
