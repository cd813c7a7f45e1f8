// SPDX-License-Identifier: MIT
#include "cli/bench/interruption.hpp"

#include "tocsin/base/check.hpp"

namespace tocsin::bench {

Interruption::Interruption(Kernel& kernel) : kernel_(kernel) {
  sigemptyset(&waited_for_);
  sigaddset(&waited_for_, SIGINT);
  sigaddset(&waited_for_, SIGTERM);
  const auto blocked = kernel_.pthread_sigmask(SIG_BLOCK, &waited_for_, &before_);
  CHECK(blocked.has_value(), "pthread_sigmask fails only for a mask that is none");
}

Interruption::~Interruption() {
  static_cast<void>(kernel_.pthread_sigmask(SIG_SETMASK, &before_, nullptr));  // As above.
}

bool Interruption::came() {
  if (signal_ == 0) signal_ = kernel_.sigtimedwait(waited_for_, timespec{}).value_or(0);
  return signal_ != 0;
}

}  // namespace tocsin::bench
