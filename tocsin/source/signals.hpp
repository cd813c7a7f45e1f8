// SPDX-License-Identifier: MIT
//
// Signals: signals as events, one after the other, in the loop's thread (signalfd(2)).
//
//     kill(2) ──> pending in the process ──> [ Signals ] ──> co_await signals.next()
//
// No handler is installed: the signals are blocked in this thread's mask and read from a
// descriptor. A signal that is sent again before it was read is not counted twice: ordinary signals
// have no queue (signal(7), "Queueing and delivery semantics"), so `next` says that a signal came,
// not how often; real-time signals are queued. The order among different signals is the kernel's,
// lowest number first.
//
// A thread that does not block them takes signals of the process away: make Signals before other
// threads are started, so that they inherit the mask.
//
// Ownership: it owns its descriptor and the blocking. Thread rule: the loop's thread.
#pragma once

#include <sys/signalfd.h>
#include <sys/types.h>

#include <initializer_list>
#include <memory>
#include <source_location>

#include "tocsin/source/read_value.hpp"
#include "tocsin/source/signal_mask.hpp"

namespace tocsin {

/// A signal and who sent it; see signalfd(2), `struct signalfd_siginfo`.
struct SignalInfo {
  int number = 0;  // SIGTERM, ...
  pid_t pid = 0;   // The sender, 0 if it was the kernel.
  uid_t uid = 0;
  int value = 0;  // Of sigqueue(3).
};

/// See Signals::next.
class [[nodiscard]] NextSignal final : public ReadValue<signalfd_siginfo> {
 public:
  explicit NextSignal(FdSource& source) : ReadValue(source) {}
  NextSignal(NextSignal&&) = default;

  Result<SignalInfo> await_resume() const;
};

class Signals {
 public:
  /// Takes over the signals `numbers` (signal(7)) of this thread. SIGKILL and SIGSTOP cannot be had
  /// and are ignored, as by signalfd(2). Fails with EINVAL for what is no signal, and as
  /// signalfd(2): EMFILE, ENFILE, ENOMEM. After a failure the mask is as it was.
  static Result<Signals> create(Loop& loop, std::initializer_list<int> numbers,
                                std::source_location where = std::source_location::current());

  /// Waits for the next signal. Fails with ECANCELED only; no signal is lost then. One at a time.
  NextSignal next() { return NextSignal(*source_); }

 private:
  Signals(SignalMask mask, std::unique_ptr<FdSource> source)
      : mask_(std::move(mask)), source_(std::move(source)) {}

  SignalMask mask_;  // Ends last: what nobody has read is delivered then.
  std::unique_ptr<FdSource> source_;
};

}  // namespace tocsin
