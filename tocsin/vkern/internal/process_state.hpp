// SPDX-License-Identifier: MIT
//
// ProcessState: what a kernel knows of a process besides its descriptors: its kin, its end, its
// signals, and who waits for news of each.
//
// A process runs, ends (while its descriptors are closed), is a zombie until its parent waits for
// it, and then is gone: its number finds nobody any more.
//
// Ownership: its process'. Thread rule: everything under System::process_lock, to which the three
// queues belong.
#pragma once

#include <signal.h>

#include <vector>

#include "tocsin/vkern/internal/masked_call.hpp"
#include "tocsin/vkern/signals.hpp"
#include "tocsin/vkern/wait_queue.hpp"

namespace tocsin::vkern {

template <class P>
class Process;

namespace internal {

enum class Life { runs, ends, zombie, gone };

template <class P>
struct ProcessState {
  Life life = Life::runs;
  Process<P>* parent = nullptr;         // Of init: none.
  std::vector<Process<P>*> children{};  // Until they are gone, in the order of becoming its own.
  SignalInfo end{};                     // The SIGCHLD that says how it ended.

  SignalSet blocked = 0;        // By pthread_sigmask(3).
  List<CallMask> call_masks{};  // Of the calls under way that bring one.
  PendingSignals pending{};

  WaitQueue end_queue{};     // Waits for its end: pidfds of it.
  WaitQueue child_queue{};   // Waits for the end of a child: waitid(2) within it.
  WaitQueue signal_queue{};  // Waits for signals to it: signalfds.

  /// What is blocked at this moment.
  SignalSet blocked_now() {
    if (call_masks.empty()) return blocked;
    SignalSet by_all = ~SignalSet{0};
    call_masks.for_each([&](const CallMask& mask) { by_all &= mask.blocked; });
    return by_all;
  }
};

}  // namespace internal
}  // namespace tocsin::vkern
