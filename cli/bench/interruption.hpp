// SPDX-License-Identifier: MIT
//
// Interruption: Ctrl-C, looked at where it suits: between two samples.
//
//     SIGINT, SIGTERM, blocked ──> [ Interruption::came ] ──> run (run.hpp) stops, and reports
//
// There is no handler: a sample is never disturbed, and what was measured is never lost.
//
// Thread rule: made in the main thread before others are started, which inherit what is blocked.
#pragma once

#include <signal.h>

#include "tocsin/kern/kernel.hpp"

namespace tocsin::bench {

class Interruption {
 public:
  /// Blocks both signals in this thread until it is destroyed. `kernel` must outlive it.
  explicit Interruption(Kernel& kernel);
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// Whether one came, now or earlier; looks, never waits.
  bool came();
  /// Which one; 0 before one came.
  int signal() const { return signal_; }

 private:
  Kernel& kernel_;
  sigset_t waited_for_;
  sigset_t before_;
  int signal_ = 0;
};

}  // namespace tocsin::bench
