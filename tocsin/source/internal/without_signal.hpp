// SPDX-License-Identifier: MIT
//
// without_signal: a call whose EPIPE is a value, and no SIGPIPE besides.
//
//     write_without_signal, splice, Copy ──> [ without_signal ] ──> write(2), splice(2),
//     sendfile(2)
//
// For calls that have no MSG_NOSIGNAL. The signal, which a call raises for its own thread only
// (pipe(7), tcp(7)), is blocked in this thread for the length of the call and taken away again:
// three cheap system calls more, no handler, and nothing that another thread or the program's own
// disposition would see. A SIGPIPE that was pending before stays pending.
//
// It owns nothing. Thread rule: any thread.
#pragma once

#include <signal.h>

#include <array>
#include <cerrno>

#include "tocsin/source/signal_mask.hpp"

namespace tocsin::internal {

/// Answers what `call`, a function that gives a Count, answers.
template <class Call>
Count without_signal(Kernel& kernel, Call call) {
  constexpr std::array numbers{SIGPIPE};
  const auto set = signal_set(numbers);
  const auto pending = kernel.sigpending();
  // Theirs has to stay, and cannot be told from ours. It is blocked, or would not be pending: so
  // ours will be, too.
  if (!set || (pending && ::sigismember(&*pending, SIGPIPE) == 1)) return call();
  const auto mask = SignalMask::block(kernel, numbers);
  const Count count = call();
  if (!count && count.error() == Errno{EPIPE})
    static_cast<void>(kernel.sigtimedwait(*set, timespec{}));  // EAGAIN: it is ignored anyway.
  return count;
}

}  // namespace tocsin::internal
