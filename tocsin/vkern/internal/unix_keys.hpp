// SPDX-License-Identifier: MIT
//
// The keys of UNIX sockets' wake-ups: what a message that comes, and room that is given back, tell
// whoever waits. All else tells with key 0: look yourself.
//
// Thread rule: constants.
#pragma once

#include <sys/epoll.h>

#include "tocsin/vkern/wait_queue.hpp"

namespace tocsin::vkern::internal {

inline constexpr Mask readable_key = EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND;
inline constexpr Mask writable_key = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

}  // namespace tocsin::vkern::internal
