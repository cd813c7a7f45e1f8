// SPDX-License-Identifier: MIT
//
// Machine: what a run takes of the machine it is on, and says about it.
//
//     [ DescriptorLimit, PinnedThread, facts_of_machine ] ──> the heading of a report
//
// Nothing of the machine itself is set: no sysctl, no governor, no priority. What is set belongs to
// this process, is told in the output, and is put back at the end.
//
// Thread rule: the main thread; pin_this_thread is every thread's own.
#pragma once

#include <sched.h>
#include <sys/resource.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tocsin::bench {

/// Raises the soft limit of open descriptors (RLIMIT_NOFILE, getrlimit(2)) to the hard one, and
/// puts it back when it is destroyed.
class DescriptorLimit {
 public:
  DescriptorLimit();
  ~DescriptorLimit();
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

  std::uint64_t limit() const { return now_; }
  /// What was done, in words; empty if nothing had to be.
  std::string remark() const;

 private:
  rlimit before_{};
  rlim_t now_ = 0;
};

/// The cores this thread may run on (sched_getaffinity(2)), the last one first: interrupts and
/// whatever else a machine has to do tend to be on the first. Never empty: of a machine that does
/// not tell, core 0.
std::vector<int> usable_cpus();

/// Lets the calling thread run on `cpu` alone; threads that it starts begin there, too. False if
/// the kernel refuses.
bool pin_this_thread(int cpu);

/// The calling thread on one core, until it is destroyed.
class PinnedThread {
 public:
  explicit PinnedThread(int cpu);
  ~PinnedThread();
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;

  bool is_pinned() const { return is_pinned_; }

 private:
  cpu_set_t before_;
  bool is_pinned_ = false;
};

/// Kernel, processor, and how much else the machine does: a line each.
std::vector<std::string> facts_of_machine();

}  // namespace tocsin::bench
