// SPDX-License-Identifier: MIT
//
// Poller: fds and interests go in, the tokens of ready registrations come out.
//
//     kernel --> [ Poller ] --> Loop --> Source --> coroutine --> user
//
// A Poller runs no user code: it harvests, the Loop dispatches. That split is what lets a callback
// remove any registration, its own included, without a word of defence in this module.
//
// There are five: epoll, poll, select, io_uring, and an epoll inside an io_uring. They share this
// contract, which tests/contract holds each of them to. What a mechanism lacks (poll knows no
// edges, say), `add` refuses with EOPNOTSUPP instead of imitating it badly.
//
// Thread rule: one thread at a time, except for epoll: there the kernel does the locking and every
// call here may be made from any number of threads at once (epoll_wait(2), "NOTES").
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "tocsin/base/result.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/kern/kernel.hpp"
#include "tocsin/poll/ready.hpp"

namespace tocsin {

class Poller {
 public:
  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  virtual ~Poller() = default;

  /// Watches `fd` for `interest`; events carry `token`. The fd stays the caller's, who calls
  /// `remove` before closing it: a registration lives as long as the open file description, not as
  /// long as the number (epoll(7), "Questions and answers", 6). Fails with EEXIST if the fd is
  /// watched here already, EPERM if it is of a kind that cannot be waited for (a regular file, with
  /// epoll), EBADF, EOPNOTSUPP if the mechanism lacks `mode`, EINVAL, ENOMEM, ENOSPC. After a
  /// failure nothing has changed.
  virtual Result<> add(int fd, Ready interest, Mode mode, Token token) = 0;

  /// Replaces interest, mode and token, and arms a oneshot registration again: what is ready now
  /// is answered. Fails with ENOENT if the fd is not watched here; EXCLUSIVE cannot be modified
  /// (EINVAL, epoll_ctl(2)). After a failure the former registration stands.
  virtual Result<> modify(int fd, Ready interest, Mode mode, Token token) = 0;

  /// Stops watching: no later `wait` answers for it. Fails with ENOENT if it is not watched here,
  /// EBADF if it was closed too early.
  virtual Result<> remove(int fd) = 0;

  /// Waits until something is ready or `timeout` is over (nullopt: no limit; zero: only look) and
  /// returns the part of `out` it filled. Empty is a normal answer: time over, or the wait was
  /// interrupted (EINTR), which it leaves to the caller, who may want to look at what a signal's
  /// handler did. epoll is interrupted without a signal, too: by each answer of an io_uring to this
  /// thread's requests, and once, later, by the end of one. So empty says that time is over only to
  /// who looks at the clock. Never ends early by rounding. What did not fit into `out` comes with
  /// the next wait, before what has been answered already. Requires: `out` is not empty.
  virtual Result<std::span<Event>> wait(std::span<Event> out, std::optional<Duration> timeout) = 0;

  /// A descriptor that is readable while `wait` has something to answer, so that a Poller can be
  /// waited for in its turn; -1 where the mechanism has none (poll, select). Stays the Poller's.
  virtual int fd() const = 0;
};

/// The multiplexers that Linux has.
enum class Mechanism : std::uint8_t { epoll, poll, select, io_uring, io_uring_epoll };

/// "epoll", "poll", "select", "io_uring", "io_uring_epoll".
std::string_view name_of(Mechanism mechanism);

/// Fails as the mechanism's first system call does: EMFILE, ENFILE, ENOMEM; for those with io_uring
/// also EPERM or ENOSYS where it is forbidden, absent or too old. `kernel` must outlive the Poller.
Result<std::unique_ptr<Poller>> make_poller(Kernel& kernel, Mechanism mechanism);

}  // namespace tocsin
