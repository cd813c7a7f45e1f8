// SPDX-License-Identifier: MIT
//
// Pressure: tells when work has been held up by a lack of CPU time, memory or I/O for too long (the
// kernel's Documentation/accounting/psi.rst).
//
//     tasks stall ──> /proc/pressure/memory ──EPOLLPRI──> [ Pressure ] ──> PressureInfo
//
// Once in each window at most, as long as the stalls go on: time to shed load, before the kernel
// does it by killing somebody.
//
// Ownership: it owns its descriptor, and with it the trigger; the loop must outlive it. Thread
// rule: the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>
#include <utility>

#include "tocsin/base/time.hpp"
#include "tocsin/source/internal/changing_file.hpp"
#include "tocsin/task/task.hpp"

namespace tocsin {

/// What there may be too little of.
enum class Resource : std::uint8_t { cpu, memory, io };

/// When to tell: within `window`, stalls added up to `stall`.
struct PressureTrigger {
  Duration stall = std::chrono::milliseconds{100};
  Duration window = std::chrono::seconds{2};  // 500 ms to 10 s; see Pressure::create.
  bool full = false;  // Only what held up every task that had something to do, not just some.
};

/// How much of the time was lost: in percent, of the last 10, 60 and 300 seconds; and in all.
struct PressureLine {
  double average_10s = 0;
  double average_60s = 0;
  double average_300s = 0;
  Duration total{};
};

struct PressureInfo {
  PressureLine some;  // At least one task was held up.
  PressureLine full;  // All of them were.
};

/// What the text of a pressure file says; what is missing in it is zero.
PressureInfo parse_pressure(std::string_view text);

class Pressure {
 public:
  /// Watches the whole machine; or, with a path, a cgroup2's `cpu.pressure` and so on. Fails with
  /// ENOENT if this kernel has no such file (CONFIG_PSI), EOPNOTSUPP if it is switched off (boot
  /// with psi=1), EACCES if the file may not be written, and EINVAL for a trigger that the kernel
  /// does not take: a stall that is zero or longer than the window, a window out of its bounds, or,
  /// without CAP_SYS_RESOURCE, one that is not a multiple of two seconds; before Linux 6.6 a
  /// trigger needs that capability (EPERM).
  static Result<Pressure> create(Loop& loop, Resource resource, const PressureTrigger& trigger,
                                 std::source_location where = std::source_location::current());
  static Result<Pressure> create(Loop& loop, const std::string& path,
                                 const PressureTrigger& trigger,
                                 std::source_location where = std::source_location::current());

  /// Waits until the trigger fires, and tells how things stand then. Fails with ECANCELED, and
  /// nothing is lost then; with ENODEV once the cgroup is gone, now and each time after that. One
  /// at a time; not to be moved while somebody waits.
  Task<Result<PressureInfo>> next();

  /// How things stand now.
  Result<PressureInfo> now() const;

 private:
  explicit Pressure(internal::ChangingFile file) : file_(std::move(file)) {}

  internal::ChangingFile file_;
  bool gone_ = false;  // The kernel tells it once.
};

}  // namespace tocsin
