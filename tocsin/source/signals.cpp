// SPDX-License-Identifier: MIT
#include "tocsin/source/signals.hpp"

#include <span>

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

Result<SignalInfo> NextSignal::await_resume() const {
  const auto info = value();
  if (!info) return std::unexpected(info.error());
  return SignalInfo{.number = static_cast<int>(info->ssi_signo),
                    .pid = static_cast<pid_t>(info->ssi_pid),
                    .uid = info->ssi_uid,
                    .value = info->ssi_int};
}

}  // namespace tocsin
