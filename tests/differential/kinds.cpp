// SPDX-License-Identifier: MIT
//
// The kinds: their names, and whether a kernel has them.
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "tests/differential/names.hpp"
#include "tests/differential/op.hpp"
#include "tests/differential/side.hpp"

namespace tocsin::differential {
namespace {

constexpr std::array<std::string_view, kinds> kind_names{
    "descriptor", "wait",  "event",   "pipe", "local", "signal",  "timer",
    "file",       "queue", "process", "time", "inet",  "blocking"};

bool absent(const auto& result) {
  if (result) return false;
  const int error = result.error().value();
  return error == ENOSYS || error == EAFNOSUPPORT;
}

bool is_present(Kernel& kernel, Kind kind) {
  switch (kind) {
    case Kind::pipe:
      return !absent(kernel.pipe2(O_CLOEXEC));
    case Kind::local:
      return !absent(kernel.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    case Kind::signal:
      return !absent(kernel.signalfd(-1, all_but_sigpipe(), SFD_CLOEXEC));
    case Kind::timer:
      return !absent(kernel.timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    case Kind::file:
      return !absent(kernel.inotify_init1(IN_CLOEXEC)) &&
             !absent(kernel.openat(AT_FDCWD, "a", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    case Kind::queue:
      return !absent(kernel.mq_unlink(queue_name(0).c_str()));
    case Kind::process:
      return !absent(kernel.pidfd_open(kernel.getpid(), 0));
    case Kind::inet:
      return !absent(kernel.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    default:
      return true;
  }
}

}  // namespace

std::string_view name_of(Kind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

std::uint32_t kinds_present(Side& side) {
  std::uint32_t present = 0;
  for (std::size_t i = 0; i < kinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    if (is_present(side.kernel(), kind)) present |= bit(kind);
  }
  side.reset(present);
  return present;
}

}  // namespace tocsin::differential
