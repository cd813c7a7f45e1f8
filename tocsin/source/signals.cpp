// SPDX-License-Identifier: MIT
#include "tocsin/source/signals.hpp"

#include <span>

namespace tocsin {

Result<Signals> Signals::create(Loop& loop, std::span<const int> numbers,
                                std::source_location where) {
  Kernel& kernel = loop.kernel();
  const auto set = signal_set(numbers);
  if (!set) return std::unexpected(set.error());
  auto mask = SignalMask::block(kernel, numbers);
  if (!mask) return std::unexpected(mask.error());
  auto fd = own(kernel, kernel.signalfd(-1, *set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), "signals", where);
  if (!source) return std::unexpected(source.error());
  return Signals(std::move(*mask), std::move(*source), *set);
}

Result<> Signals::read_only(const sigset_t& set) {
  if (auto changed = source_->kernel().signalfd(source_->fd(), set, 0); !changed)
    return std::unexpected(changed.error());
  set_ = set;
  return {};
}

// A signal is blocked before it is read, and read no more before it is let go: in between it waits.
Result<> Signals::add(std::initializer_list<int> numbers) {
  const std::span<const int> added(numbers.begin(), numbers.size());
  if (auto done = mask_.add(added); !done) return done;
  sigset_t set = set_;
  for (const int number : added) ::sigaddset(&set, number);
  return read_only(set);
}

Result<> Signals::remove(std::initializer_list<int> numbers) {
  const std::span<const int> removed(numbers.begin(), numbers.size());
  if (auto known = signal_set(removed); !known) return std::unexpected(known.error());
  sigset_t set = set_;
  for (const int number : removed) ::sigdelset(&set, number);
  if (auto done = read_only(set); !done) return done;
  return mask_.remove(removed);
}

Result<SignalInfo> NextSignal::await_resume() const {
  const auto info = value();
  if (!info) return std::unexpected(info.error());
  return SignalInfo{.number = static_cast<int>(info->ssi_signo),
                    .code = info->ssi_code,
                    .pid = static_cast<pid_t>(info->ssi_pid),
                    .uid = info->ssi_uid,
                    .value = info->ssi_int,
                    .pointer = static_cast<std::uintptr_t>(info->ssi_ptr),
                    .status = info->ssi_status};
}

}  // namespace tocsin
