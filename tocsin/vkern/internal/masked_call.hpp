// SPDX-License-Identifier: MIT
//
// MaskedCall: a call that brings a signal mask of its own: epoll_pwait(2), ppoll(2), pselect(2).
//
//     epoll_pwait ──> [ MaskedCall ] ──> what is ready ──> nothing, and a signal? ──> EINTR
//
// While it lasts, its mask is the process', and the one that pthread_sigmask(3) has set is not; of
// several such calls at once a signal has to be blocked by all. What comes meanwhile and is not
// blocked has its effect at once, as ever. What is pending already when the call begins has none
// unless the call finds nothing and would sleep: then it is delivered, and the sleep is over.
//
// Nothing else ends a sleep here, because there are no handlers (signals.hpp): a signal that comes
// during the sleep either ends the process or does nothing. With neither Linux wakes anybody.
//
// Ownership: the call's. Thread rule: one thread.
#pragma once

#include <signal.h>

#include "tocsin/base/list.hpp"
#include "tocsin/vkern/signals.hpp"

namespace tocsin::vkern {

template <class P>
class Process;

namespace internal {

/// A call with a mask, as its process knows it.
struct CallMask : ListLink {
  SignalSet blocked = 0;
};

template <class P>
class MaskedCall {
 public:
  /// Brings no mask if that is null.
  MaskedCall(Process<P>& process, const sigset_t* mask);
  MaskedCall(const MaskedCall&) = delete;
  MaskedCall& operator=(const MaskedCall&) = delete;
  /// Brings the former mask back, and what that does not block its effect.
  ~MaskedCall();

  /// Whether a signal was pending that this call does not block: it may not sleep, but has to look
  /// at once, and then to `deliver`.
  bool is_interrupted() const { return is_interrupted_; }

  /// Has what is pending and not blocked take its effect. False if it has ended the process.
  bool deliver();

 private:
  Process<P>& process_;
  CallMask mask_;
  bool is_interrupted_ = false;
};

}  // namespace internal
}  // namespace tocsin::vkern
