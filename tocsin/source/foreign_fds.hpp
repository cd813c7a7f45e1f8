// SPDX-License-Identifier: MIT
//
// ForeignFds: the descriptors and the time-out of another library, on the loop.
//
//     the library: "watch 7 for reading, and call me in 30 ms" ──> [ ForeignFds ] ──> Loop
//     Loop ──> on_ready(7, read), on_time() ──> the library
//
// For whoever adapts a library that keeps its sockets to itself and has a call for "this one is
// ready" and one for "time is over" (c-ares, libcurl, libpq, sd-bus, ...): derive from it, pass on
// what the library wants, and make those calls in `on_ready` and `on_time`. adapters/ is made so.
// For one descriptor that a coroutine waits for, there is Watch.
//
// Level-triggered, since such libraries do not read until EAGAIN. The descriptors stay theirs, and
// may be closed by them at any moment, before or after they say so, and their numbers taken again:
// no registration hears for a file that it was not made for (docs/traps/closed-but-registered.md).
//
// The library is called from the loop's turns only, never from inside a call here: it may call
// these from its own callbacks, and is not entered twice.
//
// Ownership: it owns the registrations and the alarm; the loop must outlive it. Thread rule: the
// loop's thread.
#pragma once

#include <cstddef>
#include <source_location>
#include <unordered_map>

#include "tocsin/loop/loop.hpp"

namespace tocsin {

class ForeignFds {
 public:
  ForeignFds(const ForeignFds&) = delete;
  ForeignFds& operator=(const ForeignFds&) = delete;

  /// Watches `fd` for `interest`, instead of what it was watched for, if it was. To be called again
  /// whenever the library may have another file under that number, even for the same interest:
  /// whether it has is asked of the kernel (one epoll_ctl(2)). Fails as Loop::add does: EBADF;
  /// EPERM for what is always ready (a regular file); EEXIST if somebody else watches this fd on
  /// the loop; ENOSPC, ENOMEM. After a failure it is not watched.
  Result<> watch(int fd, Ready interest);

  /// Ends that, for a descriptor that may be closed already; does nothing if it is not watched. It
  /// is not told of any more, not even in this turn.
  void unwatch(int fd);

  /// Has `on_time` called once, not before `length` from now has passed, instead of at the time set
  /// before. Not from inside this call, even if there is nothing to wait for.
  void call_after(Duration length);
  /// As call_after, at an instant.
  void call_at(TimePoint time) { loop_.arm(expiry_, time); }
  void call_never() { expiry_.unlink(); }

 protected:
  /// `name` is for people (Loop::describe) and has static storage.
  ForeignFds(Loop& loop, const char* name,
             const std::source_location& where = std::source_location::current())
      : loop_(loop), name_(name), where_(where) {}
  /// Ends every registration and the alarm.
  ~ForeignFds();

  Loop& loop() const { return loop_; }

 private:
  /// `fd` is ready, as far as the loop knows; of error and hangup it is told unasked. What the
  /// library does not take is told again in the next turn. It may destroy this object.
  virtual void on_ready(int fd, Ready ready) = 0;

  /// The time that was set is over; none is set. It may destroy this object.
  virtual void on_time() = 0;

  struct Registered final : Source {
    Registered(ForeignFds& its_owner, int its_fd) : owner(its_owner), fd(its_fd) {}
    void on_ready(Ready ready) override { owner.on_ready(fd, ready); }

    ForeignFds& owner;
    const int fd;
    Token token{};
  };
  struct Expiry final : Alarm {
    explicit Expiry(ForeignFds& its_owner) : owner(its_owner) {}
    void run() override { owner.on_time(); }

    ForeignFds& owner;
  };

  Loop& loop_;
  const char* name_;
  std::source_location where_;
  std::unordered_map<int, Registered> fds_;
  Expiry expiry_{*this};
};

}  // namespace tocsin
