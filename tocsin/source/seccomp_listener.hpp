// SPDX-License-Identifier: MIT
//
// SeccompListener: system calls of a sandbox, put to a supervisor before they are made
// (seccomp_unotify(2)).
//
//     openat(2) in the sandbox ──> it sleeps ──> [ SeccompListener ] ──> co_await next()
//           └─ goes on <── allow, deny, answer, give_fd <── your line
//
// The caller sleeps until its call is answered: each one has to be. What nobody answers is released
// with ENOSYS when the listener ends, and so is every later call that the filter puts to it.
//
// Its arguments are what they were; what they point to is not. A path that was read from the
// sandbox can be changed by another thread there between the look and the call. So `allow` is no
// decision about security: it is for calls that every outcome of is harmless. Where the outcome
// matters, make the call on the sandbox's behalf, with what was read, and `give_fd` or `answer` its
// result (seccomp_unotify(2), "Caveats").
//
// Ownership: it owns its descriptor, and the thread of `supervise`. Thread rule: the loop's thread.
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <thread>

#include "tocsin/source/fallible_operation.hpp"
#include "tocsin/source/seccomp_filter.hpp"

namespace tocsin {

/// A system call that waits for its answer.
struct SystemCall {
  std::uint64_t id = 0;  // Of this call, not of its kind; never used again.
  pid_t thread = 0;      // Who makes it: gettid(2), as seen from here; 0 if it cannot be.
  int number = 0;        // SYS_openat, ...
  std::array<std::uint64_t, 6> arguments{};
};

/// See SeccompListener::next.
class [[nodiscard]] NextSystemCall final : public FallibleOperation<Direction::read> {
 public:
  explicit NextSystemCall(FdSource& source) : FallibleOperation(source) {}
  NextSystemCall(NextSystemCall&&) = default;

  Result<SystemCall> await_resume() const { return result(call_); }

 private:
  bool attempt() override;

  SystemCall call_;
};

class SeccompListener {
 public:
  /// What `supervise` runs in its thread. It must not throw.
  using Start = std::move_only_function<void()>;

  /// For the descriptor of a filter that is in force (SeccompFilter::install), possibly in another
  /// process that has sent it. Fails as FdSource::create.
  static Result<SeccompListener> create(
      Loop& loop, Fd listener, std::source_location where = std::source_location::current());

  /// Puts `filter` in force in a new thread, and runs `start` there: the programs it starts
  /// (Kernel::pidfd_spawn) inherit the filter and are the sandbox. Of this program only that thread
  /// is in it. It is supervised like the rest, so that the loop has to run for it to get on; the
  /// listener's end waits for it. Fails as SeccompFilter::install.
  static Result<SeccompListener> supervise(
      Loop& loop, SeccompFilter filter, Start start,
      std::source_location where = std::source_location::current());

  SeccompListener(SeccompListener&&) noexcept = default;
  SeccompListener& operator=(SeccompListener&&) = delete;
  ~SeccompListener() = default;

  /// Waits for the next call. Fails with ESRCH at the end: when no thread is left that the filter
  /// is in force for (before Linux 6.11 an ended process counts until it was waited for); with
  /// ECANCELED. No call is lost by that. One at a time.
  NextSystemCall next() { return NextSystemCall(*source_); }

  // ---- to look at a call ------------------------------------------------------------------------

  /// Whether it still waits: its thread may have been killed, and the number of that thread may be
  /// another's by now. What was learnt through SystemCall::thread counts only if this holds
  /// afterwards. (read_memory and read_text ask it themselves.)
  bool is_waiting(const SystemCall& call);

  /// Memory of the caller, all of `into` or nothing. Fails with ENOENT if the call waits no more;
  /// as process_vm_readv(2): EFAULT if not all of it is there, EPERM if the caller may not be
  /// traced by us (ptrace(2), "Ptrace access mode checking").
  Result<> read_memory(const SystemCall& call, std::uint64_t address, MutableBytes into);

  /// Text of the caller, a path as a rule, up to its NUL. Fails as read_memory; ENAMETOOLONG if it
  /// is of PATH_MAX bytes or more.
  Result<std::string> read_text(const SystemCall& call, std::uint64_t address);

  // ---- to answer it: once. All fail with ENOENT if it waits no more: killed, or answered. -------

  /// It is made as if nothing had been (since Linux 5.5). See the head of this file.
  Result<> allow(const SystemCall& call);
  /// It is not made, and fails with `error`.
  Result<> deny(const SystemCall& call, Errno error);
  /// It is not made, and gives `value`.
  Result<> answer(const SystemCall& call, std::int64_t value);
  /// It is not made, and gives a new descriptor, of the caller, of what `fd` is here, which stays
  /// ours. `flags`: O_CLOEXEC or 0. Answers the new number. Atomic since Linux 5.14; before, a
  /// caller that is killed in between may leave the descriptor to threads it shares its own with.
  /// Fails besides with EMFILE, EBADF.
  Result<int> give_fd(const SystemCall& call, int fd, int flags = 0);

  /// The descriptor, for what is not offered here. It stays the listener's.
  int fd() const { return source_->fd(); }

 private:
  SeccompListener(std::jthread thread, std::unique_ptr<FdSource> source)
      : thread_(std::move(thread)), source_(std::move(source)) {}

  Kernel& kernel() { return source_->kernel(); }
  Result<> send(const SystemCall& call, std::int64_t value, int error, std::uint32_t flags);

  std::jthread thread_;  // Of supervise; ends after the descriptor, which releases it.
  std::unique_ptr<FdSource> source_;
};

}  // namespace tocsin
