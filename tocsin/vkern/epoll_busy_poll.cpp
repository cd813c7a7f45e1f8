// SPDX-License-Identifier: MIT
//
// Epoll's ioctls: EPIOCSPARAMS and EPIOCGPARAMS (ioctl_eventpoll(2)), since Linux 6.9.
//
// What they set is how long a wait polls the network card before it sleeps. There is no card here,
// so the parameters are kept, checked and given back, and change nothing; as on a machine without
// one.
#include <limits>
#include <mutex>

#include "tocsin/vkern/epoll.hpp"

namespace tocsin::vkern {
namespace {

// As <linux/eventpoll.h> has them, which Debian 12 does not know yet.
constexpr unsigned long set_parameters = 0x40088a01;
constexpr unsigned long get_parameters = 0x80088a02;

}  // namespace

template <class P>
Result<int> Epoll<P>::ioctl(Process<P>&, Description<P>&, unsigned long request, void* argument) {
  if (request != set_parameters && request != get_parameters)
    return std::unexpected(Errno::invalid);
  if (argument == nullptr) return std::unexpected(Errno{EFAULT});
  auto& parameters = *static_cast<BusyPoll*>(argument);
  const std::lock_guard lock(this->lock());
  if (request == get_parameters) {
    parameters = busy_poll_;
    return 0;
  }
  if (parameters.padding != 0 || parameters.prefer > 1 ||
      parameters.microseconds > std::numeric_limits<std::int32_t>::max())
    return std::unexpected(Errno::invalid);
  busy_poll_ = parameters;
  return 0;
}

template Result<int> Epoll<Single>::ioctl(Process<Single>&, Description<Single>&, unsigned long,
                                          void*);
template Result<int> Epoll<Threads>::ioctl(Process<Threads>&, Description<Threads>&, unsigned long,
                                           void*);

}  // namespace tocsin::vkern
