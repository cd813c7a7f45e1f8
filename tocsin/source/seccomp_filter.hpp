// SPDX-License-Identifier: MIT
//
// SeccompFilter: which system calls of a thread are let through, which are refused, and which are
// put to a supervisor (seccomp(2)).
//
//     [ SeccompFilter ] ──> install ──> a descriptor ──> SeccompListener ──> your line
//
// A filter knows system calls by their numbers (SYS_openat of <sys/syscall.h>), which are those of
// one architecture: calls in the manner of another one (32-bit code on x86-64) end the process,
// before their numbers could be mistaken. It does not look at arguments: what they point to it
// cannot see, and the rest is better asked of a supervisor.
//
// The program of the filter is put together here, two instructions for each number: libseccomp,
// which knows all names on all architectures, can make one, too, and its descriptor
// (seccomp_notify_fd(3)) serves SeccompListener as well.
//
// Ownership: a value. Thread rule: a value; `install` is for the calling thread.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "tocsin/kern/fd.hpp"

namespace tocsin {

/// What becomes of a system call; seccomp(2), "Filter return values".
class SeccompAction {
 public:
  static SeccompAction allow();
  /// It fails with `error`, and is not made.
  static SeccompAction deny(Errno error);
  /// It waits for the answer of a supervisor; ENOSYS while there is none.
  static SeccompAction notify();
  /// The process ends as if by SIGSYS.
  static SeccompAction kill();

 private:
  friend class SeccompFilter;
  explicit SeccompAction(std::uint32_t value) : value_(value) {}

  std::uint32_t value_;  // SECCOMP_RET_*
};

class SeccompFilter {
 public:
  /// `otherwise` is for all calls that no rule names.
  explicit SeccompFilter(SeccompAction otherwise = SeccompAction::allow());

  /// A rule for the system calls `numbers`. Of two for one number the first counts. Requires: at
  /// most 2,000 numbers in all, what a program of BPF_MAXINSNS has room for.
  SeccompFilter& on(std::initializer_list<int> numbers, SeccompAction action);

  /// Puts the filter in force for the calling thread and whatever it starts, for ever: that cannot
  /// be undone, and execve(2) keeps it. Gives the descriptor on which the calls are put to a
  /// supervisor, close-on-exec. No privilege is needed: the thread gives up to gain any
  /// (PR_SET_NO_NEW_PRIVS, prctl(2)). Fails with EBUSY if a filter with a supervisor is in force
  /// already; as seccomp(2): ENOSYS, EINVAL (no seccomp, or one from before Linux 5.0), ENOMEM,
  /// EMFILE.
  Result<Fd> install(Kernel& kernel) const;

 private:
  std::vector<sock_filter> program_;
  SeccompAction otherwise_;
};

}  // namespace tocsin
