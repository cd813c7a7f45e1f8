// SPDX-License-Identifier: MIT
#include "tocsin/net/urgent.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <span>

namespace tocsin {

// EAGAIN: it is announced, and still on its way. EINVAL: there is none, or it has been taken
// (tcp_recv_urg of the kernel; the manual does not say). Either way EPOLLPRI will tell, unless the
// peer has finished; asked after that once more, it cannot have come in between.
bool UrgentOperation::attempt() {
  FdSource& from = source();
  for (bool finished = false;; finished = true) {
    std::byte urgent{};
    const Count count = from.kernel().recv(from.fd(), {&urgent, 1}, MSG_OOB);
    if (count && *count == 1) {
      from.spend(1);
      byte_ = urgent;
      return true;
    }
    // After the peer's end all of EAGAIN, EINVAL, ENOTCONN and 0 say that there is nothing.
    if (finished || count.value_or(1) == 0 || count.error() == Errno{ENOTCONN}) return true;
    if (count.error() != Errno::again && count.error() != Errno::invalid) {
      fail(count.error());
      return true;
    }
    if (peer_has_finished()) continue;
    from.blocked(Direction::priority);
    return false;
  }
}

// What recv(2) with MSG_OOB cannot tell, and without it only by reading all that comes before.
bool UrgentOperation::peer_has_finished() {
  FdSource& from = source();
  pollfd asked{.fd = from.fd(), .events = POLLRDHUP, .revents = 0};
  const timespec at_once{};
  const Count answered = from.kernel().ppoll({&asked, 1}, &at_once);
  return answered && *answered == 1;
}

bool SendUrgentOperation::attempt() {
  FdSource& to = source();
  const Count sent = to.kernel().send(to.fd(), {&byte_, 1}, MSG_OOB | MSG_NOSIGNAL);
  if (!sent) return refused(sent.error());
  to.spend(*sent);
  return true;
}

}  // namespace tocsin
