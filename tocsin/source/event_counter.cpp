// SPDX-License-Identifier: MIT
#include "tocsin/source/event_counter.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <span>

namespace tocsin {

Result<EventCounter> EventCounter::create(Loop& loop, Take take, std::source_location where) {
  Kernel& kernel = loop.kernel();
  const int semaphore = take == Take::one ? EFD_SEMAPHORE : 0;
  auto fd = own(kernel, kernel.eventfd(0, semaphore | EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), "event counter", where);
  if (!source) return std::unexpected(source.error());
  return EventCounter(std::move(*source));
}

Result<EventCounter> EventCounter::adopt(Loop& loop, Fd fd, std::source_location where) {
  if (auto done = make_nonblocking(loop.kernel(), fd.get()); !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(fd), "event counter", where);
  if (!source) return std::unexpected(source.error());
  return EventCounter(std::move(*source));
}

// Writable is what holds less than `most`, which may still be too much for `count_`: so it is not
// readiness that counts here but its edge, which comes whenever somebody has taken something.
bool AddCount::attempt() {
  FdSource& to = source();
  const auto written = to.kernel().write(to.fd(), std::as_bytes(std::span(&count_, 1)));
  if (!written) return refused(written.error());
  to.spend(*written);
  return true;
}

}  // namespace tocsin
