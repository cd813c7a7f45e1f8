// SPDX-License-Identifier: MIT
//
// SignalFd: the signals that are pending for a process, as something to read (signalfd(2)).
//
//     Process::receive ──> PendingSignals ──> [ those of the mask ] ──> read: signalfd_siginfo
//
// It holds no signals, only a mask. read(2) takes from whichever process calls, as on Linux, so a
// child that inherited the descriptor reads its own signals. Whether it is ready, though, is asked
// of the process that made it; on Linux that is the one that asks, or that added it to an epoll.
// The two differ only for a signalfd that is waited for across a fork.
//
// Each signal that is queued tells "look yourself", whether this mask has it or not; so does a
// change of the mask.
//
// Ownership and thread rule: as Object; its lock is System::process_lock.
#pragma once

#include <string>

#include "tocsin/vkern/description.hpp"
#include "tocsin/vkern/signals.hpp"

namespace tocsin::vkern {

template <class P>
class SignalFd final : public Object<P> {
 public:
  SignalFd(Process<P>& maker, SignalSet mask);
  ~SignalFd() override = default;

  /// signalfd(2) of one that exists already, called by `process`.
  void set_mask(Process<P>& process, SignalSet mask);

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  /// As many signals as there are and fit; blocks for the first only. EINVAL if none fits.
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  bool can_write() const override { return false; }
  std::string fdinfo() const override;

 private:
  Process<P>& maker_;
  SignalSet mask_;
};

}  // namespace tocsin::vkern
