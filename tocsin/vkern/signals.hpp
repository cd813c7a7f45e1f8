// SPDX-License-Identifier: MIT
//
// PendingSignals: what was sent to a process and not yet taken (signal(7)).
//
//     kill, sigqueue, pidfd_send_signal, a child's exit ──> Process::receive ──> [ pending ] ──>
//     signalfd
//                                                        └─ unblocked: the default action, at once
//
// A standard signal that is pending already is merged: the second is lost. Real-time ones queue.
// Taken are first those that a fault raises (SIGSEGV and its like), then by number, those of one
// number in the order of their coming. What a process blocks, and what is pending, is one for the
// whole process: a thread has no mask of its own here.
//
// There are no handlers, because there is no code that could be interrupted. So an unblocked signal
// has its default action: it ends the process, as `exit` does but with CLD_KILLED, or nothing
// happens; so none ends a sleep, and EINTR is only for a call that brings a mask and finds a signal
// waiting for it (internal/masked_call.hpp). What stops a process on Linux does nothing, and init,
// pid 1, drops whatever it does not block, as Linux' init does. No process leaves a core file.
//
// Thread rule: values; those of a process are under System::process_lock.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

namespace tocsin::vkern {

/// A bit for each signal: bit n - 1 for signal n, as in the kernel's sigset_t.
using SignalSet = std::uint64_t;

inline constexpr int last_signal = 64;
/// The first that queues. To the C library 32 and 33 are its own, to the kernel they are as others.
inline constexpr int first_realtime_signal = 32;

constexpr SignalSet set_of(int signal) { return SignalSet{1} << (signal - 1); }
constexpr bool is_signal(int number) { return number >= 1 && number <= last_signal; }

/// The kernel's part of what the C library calls a sigset_t, and back.
SignalSet from_sigset(const sigset_t& set);
void to_sigset(SignalSet set, sigset_t& into);

/// What nobody can block or take: SIGKILL and SIGSTOP.
inline constexpr SignalSet unblockable = set_of(SIGKILL) | set_of(SIGSTOP);
inline constexpr SignalSet stop_signals =
    set_of(SIGSTOP) | set_of(SIGTSTP) | set_of(SIGTTIN) | set_of(SIGTTOU);

/// Whether its default action is to end the process (signal(7), "Standard signals").
bool ends_process(int signal);

/// What siginfo_t (sigaction(2)) says of one.
struct SignalInfo {
  int number = 0;
  int code = SI_USER;  // SI_USER, SI_QUEUE, or CLD_EXITED and CLD_KILLED of a SIGCHLD.
  pid_t pid = 0;       // Who sent it, or which child it is about.
  int status = 0;      // Of that child.
  // Of sigqueue(3): all of it, not only the int, which comes first.
  sigval value{.sival_ptr = nullptr};
};

/// As a read(2) from a signalfd gives it (signalfd(2)).
signalfd_siginfo to_signalfd_siginfo(const SignalInfo& info);

class PendingSignals {
 public:
  /// False if it was merged with one that is pending.
  bool add(const SignalInfo& info);

  bool any(SignalSet of) const { return (pending_ & of) != 0; }

  /// Takes the next of `of`; none if none is pending.
  std::optional<SignalInfo> take(SignalSet of);

  /// Forgets all of `of`.
  void remove(SignalSet of);

 private:
  SignalSet pending_ = 0;
  std::map<int, std::deque<SignalInfo>> queues_;  // Of each that is pending, never empty.
};

}  // namespace tocsin::vkern
