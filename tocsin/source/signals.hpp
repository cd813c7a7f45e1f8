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
// Only signals of the set are taken, whatever else is pending; and of those, only what was sent to
// the process or to this very thread. A thread that does not block them takes signals of the
// process away: make Signals before other threads are started, so that they inherit the mask.
//
// Ownership: it owns its descriptor and the blocking. Thread rule: the loop's thread.
#pragma once

#include <sys/signalfd.h>
#include <sys/types.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <span>

#include "tocsin/source/read_value.hpp"
#include "tocsin/source/signal_mask.hpp"

namespace tocsin {

/// A signal and who sent it; see signalfd(2), `struct signalfd_siginfo`.
struct SignalInfo {
  int number = 0;  // SIGTERM, ...
  int code = 0;    // How it came (sigaction(2), si_code): SI_USER, SI_QUEUE, CLD_EXITED, ...
  pid_t pid = 0;   // The sender, or of SIGCHLD the child; 0 if it was the kernel.
  uid_t uid = 0;   // Whose process that is.
  int value = 0;   // Of sigqueue(3), as a number ...
  std::uintptr_t pointer = 0;  // ... and as the pointer it may have been.
  int status = 0;  // Of SIGCHLD: the exit status, or the signal that ended or stopped the child.
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
  static Result<Signals> create(Loop& loop, std::span<const int> numbers,
                                std::source_location where = std::source_location::current());
  static Result<Signals> create(Loop& loop, std::initializer_list<int> numbers,
                                std::source_location where = std::source_location::current()) {
    return create(loop, std::span(numbers.begin(), numbers.size()), where);
  }

  /// Takes over `numbers` as well; one that is pending already is told. Fails with EINVAL for what
  /// is no signal; nothing has changed then. In the thread that made this.
  Result<> add(std::initializer_list<int> numbers);

  /// Gives `numbers` up: what was not told of them is as if it came now, and most often that ends
  /// the program (signal(7), "Standard signals"), unless somebody else blocks it too. Otherwise as
  /// `add`.
  Result<> remove(std::initializer_list<int> numbers);

  /// Waits for the next signal. Fails with ECANCELED only; no signal is lost then. One at a time.
  NextSignal next() { return NextSignal(*source_); }

 private:
  Signals(SignalMask mask, std::unique_ptr<FdSource> source, const sigset_t& set)
      : mask_(std::move(mask)), source_(std::move(source)), set_(set) {}

  // What the descriptor reads from here on.
  Result<> read_only(const sigset_t& set);

  SignalMask mask_;  // Ends last: what nobody has read is delivered then.
  std::unique_ptr<FdSource> source_;
  sigset_t set_;
};

}  // namespace tocsin
