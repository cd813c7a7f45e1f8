// SPDX-License-Identifier: MIT
//
// FdSource: the seam between readiness and coroutines, for one file descriptor.
//
//     Loop ──> [ FdSource::on_ready ] ──> IoOperation::proceed ──> the coroutine that awaits it
//
// The fd is registered once, edge-triggered, for both directions. An operation tries its system
// call at once and waits only after the kernel said EAGAIN; when the fd is ready again, the source
// tries again, and resumes the coroutine only with a result. So a steady connection needs no
// epoll_ctl, and no system call that could have been known to fail.
//
// Each source may move so many bytes, in so many operations, in one turn (LoopOptions). When that
// is used up an operation waits although the fd is ready, and the source is served again in the
// next turn, after the others: nobody starves (epoll(7), "Starvation").
//
// Ownership: the source owns the fd and its registration; operations live in the frames of the
// coroutines that await them, at most one a direction at a time. A source that ends while
// operations wait ends them with ECANCELED. The loop must outlive it. Thread rule: the loop's
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>

#include "tocsin/kern/fd.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin {

class FdSource;

class ExceptionOperation;

/// What a descriptor can be waited for; each by one operation at a time. The last two are no
/// directions but exceptions: urgent data and the like (EPOLLPRI), and errors (EPOLLERR).
enum class Direction : std::uint8_t { read, write, priority, error };

/// An operation on a descriptor, as the source sees it: it can be tried, and tried again.
class AnyIoOperation : public Operation {
 protected:
  explicit AnyIoOperation(FdSource& source) : source_(&source) {}
  AnyIoOperation(AnyIoOperation&&) = default;
  ~AnyIoOperation() = default;

  FdSource& source() { return *source_; }

  /// Makes the system call, and counts it (`FdSource::spend`). True if the operation has its
  /// result. False if it must wait: because the kernel said so (the author has told
  /// `FdSource::blocked`), or because the budget is used up.
  virtual bool attempt() = 0;

 private:
  friend class FdSource;
  friend class ExceptionOperation;
  template <Direction direction>
  friend class IoOperation;

  /// Tries again, and resumes the coroutine if the operation has its result then.
  virtual void proceed() = 0;
  /// Who waits in the same place behind it: see FdSource::writer_. Null if nobody can.
  virtual AnyIoOperation** behind() { return nullptr; }
  /// Its result is `error`: ECANCELED.
  virtual void fail(Errno error) = 0;

  FdSource* source_;  // Null once the source has ended.
};

/// The base of operations that read or write. An author writes `attempt`, `fail` and
/// `await_resume`.
template <Direction direction>
class IoOperation : public AnyIoOperation {
  static_assert(direction <= Direction::write, "exceptions are waited for by ExceptionOperation");

 public:
  bool await_ready();
  /// As Operation::suspend, without a virtual call: it is on the path of every message. Requires:
  /// await_ready has just said false.
  bool suspend(Waiter waiter);
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }

 protected:
  using AnyIoOperation::AnyIoOperation;

  /// `proceed`, for whoever knows its attempt when it is compiled.
  template <class Attempt>
  void proceed_with(Attempt attempt);

 private:
  void proceed() override {
    proceed_with([this] { return attempt(); });
  }
  void start() final;
  void abandon() final;
};

class FdSource final : public Source {
 public:
  /// Takes `fd` over, which must be non-blocking, and registers it. `name` is for people (describe)
  /// and has static storage. Fails as Poller::add does (EPERM for a kind that cannot be waited
  /// for); the fd is closed then.
  static Result<std::unique_ptr<FdSource>> create(
      Loop& loop, Fd fd, const char* name,
      std::source_location where = std::source_location::current());
  /// As `create`, but the kernel is asked about writing (EPOLL_CTL_MOD) only once a write has had
  /// to wait: for a socket that is writable from the start. Otherwise each is reported as writable
  /// at once, and a UNIX socket again whenever its peer has read something (unix_write_space,
  /// Linux).
  static Result<std::unique_ptr<FdSource>> create_writable(
      Loop& loop, Fd fd, const char* name,
      std::source_location where = std::source_location::current());
  /// As that, for kinds whose reads stop at a boundary with more behind it: level-triggered for
  /// reading, at first. So a short read needs no second one: what is left is reported again. Once
  /// something is reported that nobody waits for, or anything but a read has to wait, it is
  /// edge-triggered, for good, and short reads say nothing.
  static Result<std::unique_ptr<FdSource>> create_level(
      Loop& loop, Fd fd, const char* name,
      std::source_location where = std::source_location::current());
  /// As `create`, for reading only, of a file that other loops wait for as well, each by a
  /// descriptor of its own: the kernel wakes the first of them that sleeps (EPOLLEXCLUSIVE,
  /// epoll_ctl(2)). Fails with EOPNOTSUPP, too: for a loop on io_uring.
  static Result<std::unique_ptr<FdSource>> create_exclusive(
      Loop& loop, Fd fd, const char* name,
      std::source_location where = std::source_location::current());
  ~FdSource();

  Loop& loop() { return loop_; }
  Kernel& kernel() { return loop_.kernel(); }
  int fd() const { return fd_; }

  /// Ends the registration and gives the fd to the caller. Waiting operations end with ECANCELED.
  Fd release();

  /// Puts itself behind the other loops that wait for the file, so that they are woken by turns.
  /// Whatever is there is reported anew. After a failure (ENOMEM, ENOSPC) nothing will be reported
  /// until another call of this succeeds. Requires: create_exclusive.
  Result<> go_behind_others(const char* name, std::source_location where);

  // ---- for operations -------------------------------------------------------------------------

  /// The kernel has nothing (more) for this direction; it will tell when it has.
  void blocked(Direction direction) {
    known_ &= ~bit(direction);
    if (direction != Direction::read && any(marks(), in_part)) [[unlikely]]
      register_whole(direction);
  }

  /// Has the operation that waits in this direction tried again in the next turn: for one that
  /// waits for something of its own besides.
  void try_again(Direction direction) {
    known_ |= bit(direction);
    loop_.serve_again(*this);
  }

  /// `count` bytes came where there was room for `room`. A stream that gave less than was asked for
  /// is drained (epoll(7), "Questions and answers", 9) unless its end, an error or urgent data was
  /// announced along with the bytes: then only EAGAIN counts.
  void received(std::size_t count, std::size_t room) {
    if (count < room) known_ &= known_after_short_read_;
  }

  /// From now on a short read says nothing: for kinds whose reads stop at a boundary, with more
  /// behind it, and no second edge to tell of that. (A level tells of it.)
  void distrust_short_reads() {
    if (!any(marks(), level)) known_after_short_read_ |= Ready::read;
  }

  /// Counts one operation of `bytes` against the budget, which is renewed whenever the loop serves
  /// this source: once a turn at most. `bytes` is what one system call moved.
  void spend(std::size_t bytes) {
    budget_ -= static_cast<std::int32_t>(bytes) + loop_.options().operation_bytes;
  }
  bool may_spend() const { return budget_ > 0; }

  /// Requires: nobody waits in this direction. A second operation could overtake the first.
  void check_free(Direction direction) {
    CHECK(waiting(direction) == nullptr,
          "one operation a direction at a time: await the first before the second");
  }

  /// Whether a system call in this direction is worth making now.
  bool may_try(Direction direction) const { return may_have(direction) && may_spend(); }

 private:
  friend class ExceptionOperation;
  template <Direction direction>
  friend class IoOperation;

  static Result<std::unique_ptr<FdSource>> create_in(Mode mode, Ready interest, Loop& loop, Fd fd,
                                                     const char* name, std::source_location where);

  FdSource(Loop& loop, Fd fd) : loop_(loop), fd_(fd.release()) { renew_budget(); }

  /// Whether it is not known to be blocked.
  bool may_have(Direction direction) const { return any(known_, bit(direction)); }
  static constexpr Ready bit(Direction direction) {
    switch (direction) {
      case Direction::read:
        return Ready::read;
      case Direction::write:
        return Ready::write;
      case Direction::priority:
        return Ready::priority;
      case Direction::error:
        return Ready::error;
    }
    __builtin_unreachable();
  }
  /// Where whoever reads, or writes, is noted. Requires: no exception.
  AnyIoOperation*& waiting(Direction direction) {
    if (direction == Direction::read) return reader_;
    if (writer_ == nullptr) [[likely]]
      return writer_;
    return place_of_writer();
  }
  AnyIoOperation*& place_of_writer();

  // Two marks lie among the bits of known_after_short_read_ that no direction has: a member of
  // their own would cost every connection 16 bytes.
  static constexpr Ready in_part = Ready::hangup;     // The kernel is not asked about everything.
  static constexpr Ready level = Ready::read_hangup;  // In part, and level-triggered.
  Ready marks() const { return known_after_short_read_; }
  void register_whole(Direction wanted);
  void leave_unread();

  void on_ready(Ready ready) override;
  void prefetch() const override;
  void proceed_all();
  void proceed_exceptions();
  void absorb(Ready ready);
  void absorb_more(Ready ready);
  void enlist(AnyIoOperation& operation, Direction direction);
  void renew_budget() { budget_ = loop_.options().turn_bytes; }
  void end_operations();

  Loop& loop_;
  AnyIoOperation* reader_ = nullptr;
  // Behind those who wait for an exception, if there are any: they are a chain. A place of their
  // own would cost every connection 16 bytes (8, and malloc's rounding), and hardly one has them.
  AnyIoOperation* writer_ = nullptr;
  Token token_{};  // Nobody's, if go_behind_others has failed.
  // Spent only while it is above zero, by at most the 2^31 - 4096 bytes that one system call moves
  // (write(2), "NOTES") and the 4096 that an operation counts at most: so 32 bits hold it.
  std::int32_t budget_ = 0;
  int fd_;  // Owned. An Fd would hold the kernel again: 16 bytes more for every connection.
  // What may be ready: not known to be blocked.
  Ready known_ = Ready::read | Ready::write | Ready::priority | Ready::error;
  // All but reading; reading too, once a short read can lie.
  Ready known_after_short_read_ = Ready::write | Ready::priority | Ready::error;
};

inline void FdSource::enlist(AnyIoOperation& operation, Direction direction) {
  check_free(direction);
  waiting(direction) = &operation;
}

template <Direction direction>
inline bool IoOperation<direction>::await_ready() {
  FdSource& source = *source_;
  source.check_free(direction);
  if (!source.may_have(direction)) [[likely]]
    return false;
  if (source.may_spend() && attempt()) return true;
  // It will wait although it might go on: so it is the budget that is used up.
  if (source.may_have(direction)) source.loop_.serve_again(source);
  return false;
}

template <Direction direction>
inline bool IoOperation<direction>::suspend(Waiter waiter) {
  if (waiter.context->is_cancelled()) [[unlikely]] {
    abandon();
    return false;
  }
  enter(waiter);
  source_->waiting(direction) = this;  // It is free: await_ready has just seen it.
  return true;
}

template <Direction direction>
void IoOperation<direction>::start() {
  source_->enlist(*this, direction);
}

template <Direction direction>
void IoOperation<direction>::abandon() {
  if (source_ != nullptr && source_->waiting(direction) == this)
    source_->waiting(direction) = nullptr;
  this->fail(Errno::cancelled);
}

template <Direction direction>
template <class Attempt>
inline void IoOperation<direction>::proceed_with(Attempt attempt) {
  if (!attempt()) [[unlikely]] {
    if (source_->may_have(direction)) source_->loop_.serve_again(*source_);
    return;
  }
  source_->waiting(direction) = nullptr;
  this->resume();  // It may destroy this operation and its source.
}

}  // namespace tocsin
