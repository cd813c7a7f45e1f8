// SPDX-License-Identifier: MIT
#include "tocsin/source/signals.hpp"

#include <sys/signalfd.h>

#include <span>

#include "tocsin/base/check.hpp"

namespace tocsin {

Result<Signals> Signals::create(Loop& loop, std::initializer_list<int> numbers,
                                std::source_location where) {
  Kernel& kernel = loop.kernel();
  const std::span<const int> wanted(numbers.begin(), numbers.size());
  const auto set = signal_set(wanted);
  if (!set) return std::unexpected(set.error());
  auto mask = SignalMask::block(kernel, wanted);
  if (!mask) return std::unexpected(mask.error());
  auto fd = own(kernel, kernel.signalfd(-1, *set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), "signals", where);
  if (!source) return std::unexpected(source.error());
  return Signals(std::move(*mask), std::move(*source));
}

bool NextSignal::attempt() {
  FdSource& from = source();
  signalfd_siginfo info{};
  const auto count = from.kernel().read(from.fd(), std::as_writable_bytes(std::span(&info, 1)));
  if (!count) {
    if (count.error() == Errno::again) {
      from.blocked(Direction::read);
      return false;
    }
    fail(count.error());
    return true;
  }
  CHECK(*count == sizeof info, "signalfd(2) gives whole structures");
  from.spend(*count);
  result_ = SignalInfo{.number = static_cast<int>(info.ssi_signo),
                       .pid = static_cast<pid_t>(info.ssi_pid),
                       .uid = info.ssi_uid,
                       .value = info.ssi_int};
  return true;
}

}  // namespace tocsin
