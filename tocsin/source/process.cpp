// SPDX-License-Identifier: MIT
#include "tocsin/source/process.hpp"

#include <poll.h>

namespace tocsin {

// There is nothing to read from a pidfd: its readiness is the event. So it is asked for that.
bool ProcessEnd::attempt() {
  pollfd look{.fd = source().fd(), .events = POLLIN, .revents = 0};
  constexpr timespec no_time{};
  const Count ready = source().kernel().ppoll({&look, 1}, &no_time);
  source().spend(0);
  if (ready && *ready == 0) {
    source().blocked(Direction::read);
    return false;
  }
  if (!ready) fail(ready.error());
  return true;
}

Result<Process> Process::open(Loop& loop, pid_t pid, std::source_location where) {
  auto fd = own(loop.kernel(), loop.kernel().pidfd_open(pid, 0));
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), "process", where);
  if (!source) return std::unexpected(source.error());
  return Process(std::move(*source));
}

}  // namespace tocsin
