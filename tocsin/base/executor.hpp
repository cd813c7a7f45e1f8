// SPDX-License-Identifier: MIT
//
// Executor: what a coroutine needs from whatever runs it, and nothing more.
//
//     Loop (real or virtual time) --> [ Executor ] --> Task, Scope, timeout, Channel
//
// It lies in base so that loop need not know of coroutines and task need not know of loops. Work
// and Alarm are intrusive: they live where their owner lives (most often in a coroutine frame), no
// call here allocates.
//
// Thread rule: the executor's own thread for everything here.
#pragma once

#include <cstdint>

#include "tocsin/base/list.hpp"
#include "tocsin/base/time.hpp"

namespace tocsin {

/// Something to be run once, soon. Unlinking it (or destroying it) before its turn calls it off.
/// It does not leave its queue by itself when it is destroyed: whoever derives from it unlinks it
/// first. (A coroutine's Context does that for the operations that wait in its frames.)
class Work : public ListLink {
 public:
  /// Called by the executor, never from inside `post`. It may destroy anything, this Work included.
  virtual void run() = 0;

 protected:
  Work() = default;
  Work(Work&&) = default;
  ~Work() = default;
};

/// A Work that becomes due at an instant. `unlink()` disarms it, in O(1).
class Alarm : public Work {
 public:
  /// The instant it is armed for, or was armed for last.
  TimePoint deadline() const { return deadline_; }

 protected:
  Alarm() = default;
  Alarm(Alarm&&) = default;
  ~Alarm() { unlink(); }

 private:
  friend class TimerWheel;
  TimePoint deadline_{};
};

class Executor {
 public:
  /// Runs `work` once, after what was posted before it. Requires: it is in no queue.
  virtual void post(Work& work) = 0;

  /// The time of this turn: it stands still while user code runs.
  virtual TimePoint now() const = 0;

  /// Runs `alarm` once, not before `deadline`; equal deadlines in the order of arming. With
  /// `slack`, up to that much later, so that neighbours share one wake-up. An alarm that is armed
  /// already is moved. A deadline that is past is due at once.
  virtual void arm(Alarm& alarm, TimePoint deadline, Duration slack = Duration::zero()) = 0;

 protected:
  ~Executor() = default;
};

}  // namespace tocsin
