// SPDX-License-Identifier: MIT
//
// PerfEvent: tells whenever a counter of the processor or of the kernel has gone on by so much
// (perf_event_open(2)): so much processor time used, so many page faults, cache misses, cycles.
//
//     a thread runs ──> counter overflows ──> ring in shared memory ──> [ PerfEvent ] ──> samples
//
// Each overflow leaves a sample: where the thread was; none while it was in the kernel, unless that
// is measured too. The descriptor is readable when so many samples have come; they are taken out of
// the ring then, all at once.
//
// Ownership: it owns its descriptor and the ring; the loop must outlive it. Thread rule: the loop's
// thread, whichever thread is measured.
#pragma once

#include <linux/perf_event.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <source_location>
#include <vector>

#include "tocsin/base/bytes.hpp"
#include "tocsin/kern/fd.hpp"
#include "tocsin/source/watch.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// What is counted, of whom; see perf_event_open(2). As it is: the processor time of this thread.
struct PerfEventOptions {
  std::uint32_t type = PERF_TYPE_SOFTWARE;
  std::uint64_t config = PERF_COUNT_SW_TASK_CLOCK;  // In nanoseconds.
  std::uint64_t period = 10'000'000;                // A sample each time it has gone on by so much.
  std::uint32_t wake_after = 1;                     // Tells after so many samples.
  pid_t thread = 0;                                 // 0: the thread that calls `create`.
  int cpu = -1;                                     // -1: wherever it runs.
  bool kernel = false;                              // Also what the kernel does for the thread.
};

struct PerfSample {
  std::uint64_t address = 0;  // Of the instruction that ran.
  pid_t process = 0;
  pid_t thread = 0;
  std::uint64_t time = 0;  // In nanoseconds, of the clock of perf.
};

/// See PerfEvent::next.
struct PerfOverflow {
  std::vector<PerfSample> samples;
  std::uint64_t lost = 0;  // For which there was no room in the ring.
};

class PerfEvent {
 public:
  /// Counts from here on. Fails with EACCES or EPERM where /proc/sys/kernel/perf_event_paranoid
  /// forbids it: above 1 the kernel's side wants CAP_PERFMON, above 2 (some distributions) all of
  /// it does, and so do other users' threads. Fails with ENOENT for a counter that this machine
  /// lacks (virtual ones have few of the hardware's), ESRCH for a thread that is gone, EINVAL for a
  /// period of zero, ENOSYS in a kernel without it.
  static Result<PerfEvent> create(Loop& loop, const PerfEventOptions& options,
                                  std::source_location where = std::source_location::current());

  PerfEvent(PerfEvent&&) noexcept;
  PerfEvent& operator=(PerfEvent&&) = delete;
  ~PerfEvent();

  /// Waits for overflows, one at least. Fails with ECANCELED, and nothing is lost then; with ESRCH
  /// once the thread has ended. One at a time; not to be moved while somebody waits.
  Task<Result<PerfOverflow>> next();

  /// How far the counter has come since it was made.
  Result<std::uint64_t> count() const;

 private:
  PerfEvent(Kernel& kernel, Fd fd, MutableBytes ring)
      : kernel_(&kernel), fd_(std::move(fd)), ring_(ring) {}

  PerfOverflow take_samples();

  Kernel* kernel_;
  Fd fd_;
  MutableBytes ring_;             // The page that describes it, then its data; empty once moved.
  std::unique_ptr<Watch> watch_;  // Ends before the fd is closed.
  bool has_ended_ = false;        // The thread has, and that was told to us.
};

}  // namespace tocsin
