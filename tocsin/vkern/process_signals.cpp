// SPDX-License-Identifier: MIT
//
// Process: signals, other processes, and the descriptors that stand for them.
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

template <class P>
Result<int> Process<P>::signalfd(int, const sigset_t&, int) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::pthread_sigmask(int, const sigset_t*, sigset_t*) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::kill(pid_t, int) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<int> Process<P>::pidfd_open(pid_t, unsigned) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::pidfd_send_signal(int, int) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::waitid(idtype_t, id_t, siginfo_t&, int) {
  return std::unexpected(Errno{ENOSYS});
}

template Result<int> Process<Single>::signalfd(int, const sigset_t&, int);
template Result<> Process<Single>::pthread_sigmask(int, const sigset_t*, sigset_t*);
template Result<> Process<Single>::kill(pid_t, int);
template Result<int> Process<Single>::pidfd_open(pid_t, unsigned);
template Result<> Process<Single>::pidfd_send_signal(int, int);
template Result<> Process<Single>::waitid(idtype_t, id_t, siginfo_t&, int);
template Result<int> Process<Threads>::signalfd(int, const sigset_t&, int);
template Result<> Process<Threads>::pthread_sigmask(int, const sigset_t*, sigset_t*);
template Result<> Process<Threads>::kill(pid_t, int);
template Result<int> Process<Threads>::pidfd_open(pid_t, unsigned);
template Result<> Process<Threads>::pidfd_send_signal(int, int);
template Result<> Process<Threads>::waitid(idtype_t, id_t, siginfo_t&, int);

}  // namespace tocsin::vkern
