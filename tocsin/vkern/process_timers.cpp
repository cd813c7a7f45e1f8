// SPDX-License-Identifier: MIT
//
// Process: timers.
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {

template <class P>
Result<int> Process<P>::timerfd_create(clockid_t, int) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<> Process<P>::timerfd_settime(int, int, const itimerspec&) {
  return std::unexpected(Errno{ENOSYS});
}

template <class P>
Result<itimerspec> Process<P>::timerfd_gettime(int) {
  return std::unexpected(Errno{ENOSYS});
}

template Result<int> Process<Single>::timerfd_create(clockid_t, int);
template Result<> Process<Single>::timerfd_settime(int, int, const itimerspec&);
template Result<itimerspec> Process<Single>::timerfd_gettime(int);
template Result<int> Process<Threads>::timerfd_create(clockid_t, int);
template Result<> Process<Threads>::timerfd_settime(int, int, const itimerspec&);
template Result<itimerspec> Process<Threads>::timerfd_gettime(int);

}  // namespace tocsin::vkern
