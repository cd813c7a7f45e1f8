// SPDX-License-Identifier: MIT
#include "tocsin/source/signal_mask.hpp"

#include <utility>

#include "tocsin/base/check.hpp"

namespace tocsin {

Result<sigset_t> signal_set(std::span<const int> numbers) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : numbers)
    if (::sigaddset(&set, number) != 0) return std::unexpected(Errno::invalid);
  return set;
}

Result<SignalMask> SignalMask::block(Kernel& kernel, std::span<const int> numbers) {
  SignalMask mask(kernel);
  if (auto done = mask.add(numbers); !done) return std::unexpected(done.error());
  return mask;
}

Result<> SignalMask::add(std::span<const int> numbers) {
  const auto wanted = signal_set(numbers);
  if (!wanted) return std::unexpected(wanted.error());
  sigset_t before;
  if (auto done = kernel_->pthread_sigmask(SIG_BLOCK, &*wanted, &before); !done) return done;
  for (const int number : numbers)
    if (::sigismember(&before, number) == 0) ::sigaddset(&blocked_, number);
  return {};
}

Result<> SignalMask::remove(std::span<const int> numbers) {
  auto mine = signal_set(numbers);
  if (!mine) return std::unexpected(mine.error());
  for (const int number : numbers) {
    if (!blocked(number)) ::sigdelset(&*mine, number);
    ::sigdelset(&blocked_, number);
  }
  return kernel_->pthread_sigmask(SIG_UNBLOCK, &*mine, nullptr);
}

SignalMask::SignalMask(SignalMask&& other) noexcept
    : kernel_(std::exchange(other.kernel_, nullptr)), blocked_(other.blocked_) {}

SignalMask::~SignalMask() {
  if (kernel_ == nullptr) return;
  const auto done = kernel_->pthread_sigmask(SIG_UNBLOCK, &blocked_, nullptr);
  CHECK(done.has_value(), "unblocking valid signals cannot fail (pthread_sigmask(3))");
}

}  // namespace tocsin
