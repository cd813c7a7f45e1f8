// SPDX-License-Identifier: MIT
//
// Watch: readiness itself, of any descriptor: for what nobody has written a source for.
//
//     Loop ──> [ Watch::on_ready ] ──> co_await watch.next() ──> Ready: what the kernel said
//
// The fd stays the caller's, who reads from it, and closes it after this has ended. One fd is
// watched once a loop, and a Watch awaited by one at a time: a second one is refused (EEXIST), and
// wants a duplicate (dup(2)). To hand an fd to another loop, end its Watch here and make one there:
// what is ready is told again.
//
// The modes (epoll_ctl(2)) and what `next` makes of them:
// * level: tells what is ready while somebody waits, again and again until it is no longer. Nobody
//   waits: the registration rests, and costs nothing.
// * edge: tells what is new since it told last; what came while nobody waited is kept.
// * oneshot: tells once for each `next`, whatever happens in between; several epolls may so share
//   one fd, and one of them at a time is told.
// * exclusive: level or edge, and of several loops that watch one file not all are woken.
// Some files forget a change in telling of it (mounts, pressure, perf events): those want edge.
//
// A foreign library that closes the fd in spite of that: see `next` and `was_closed`, and
// docs/traps/closed-but-registered.md.
//
// Ownership: it owns its registration; the loop must outlive it. Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>

#include "tocsin/loop/loop.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin {

class Watch;

/// See Watch::next.
class [[nodiscard]] NextReady final : public Operation {
 public:
  explicit NextReady(Watch& watch) : watch_(&watch) {}
  NextReady(NextReady&&) = default;

  bool await_ready();
  /// As Operation::suspend, without a virtual call: it is on the path of every event.
  bool suspend(Waiter waiter);
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return suspend(Waiter{waiter, &waiter.promise().context()});
  }
  Result<Ready> await_resume() const { return answer_; }

 private:
  friend class Watch;
  void start() override;
  void abandon() override;

  Watch* watch_;  // Null once the watch has ended.
  Result<Ready> answer_ = Ready::none;
};

class Watch final : public Source {
 public:
  /// Watches `fd` for `interest`; an error and a hangup are told unasked. `name` is for people
  /// (Loop::describe) and has static storage. Fails as Poller::add does: EPERM for what is always
  /// ready (a regular file), EEXIST if this loop watches the fd already (watch a dup(2) of it),
  /// EBADF, EINVAL for a mode that the kind of file or the bits of `interest` exclude, EOPNOTSUPP
  /// for one that the loop's mechanism lacks.
  static Result<std::unique_ptr<Watch>> create(
      Loop& loop, int fd, Ready interest, Mode mode = {}, const char* name = "watch",
      std::source_location where = std::source_location::current());
  /// Whoever waits is told ECANCELED.
  ~Watch();

  /// Waits until the fd is ready, and tells for what; see the modes above. Fails with ECANCELED,
  /// and nothing is lost then; with EBADF if the fd was closed under this Watch, as far as that can
  /// be known cheaply: nobody has the number now, or another registration of this loop. A close(2)
  /// while somebody waits wakes nobody. One at a time.
  ///
  /// Whether it was closed is looked for at once, except of a level (that is not exclusive) after
  /// it has told something: then when the loop has nothing else to do (Loop::post_when_idle; at
  /// once if it cannot tell), or when the level has told `unlooked_events` more. By then the number
  /// may be anybody's, which is found out, too (but not on io_uring).
  NextReady next() { return NextReady(*this); }

  /// How often a level may tell of an fd that was closed, if a duplicate keeps its file open.
  static constexpr std::uint8_t unlooked_events = 64;

  /// Replaces interest and mode; what was told to nobody is forgotten, what is ready now is told.
  /// Fails as `create`, and with EBADF or ENOENT if the fd was closed; then it tells no more.
  Result<> modify(Ready interest, Mode mode);

  /// Whether the fd was closed under this Watch, even if its number means another file by now; see
  /// Loop::was_closed.
  bool was_closed();

  int fd() const { return fd_; }

 private:
  friend class NextReady;

  Watch(Loop& loop, int fd, Ready interest, Mode mode, const char* name,
        const std::source_location& where)
      : loop_(loop), fd_(fd), interest_(interest), mode_(mode), name_(name), where_(where) {}

  /// Looks, for whoever waits.
  struct Look final : Work {
    explicit Look(Watch& its_watch) : watch(its_watch) {}
    ~Look() { unlink(); }
    void run() override { watch.look_for_waiter(); }

    Watch& watch;
  };

  void on_ready(Ready ready) override;
  void prefetch() const override;
  /// Whether it can be waited for without looking first: of a level, which keeps nothing untold.
  bool will_be_looked_at() const {
    return armed_ && unlooked_ > 0 && unlooked_ <= unlooked_events && look_.is_linked();
  }
  Result<> prepare();
  Result<> look();
  void look_for_waiter();
  Result<> add();
  Result<> arm();
  void rest();
  void leave();

  Loop& loop_;
  int fd_;
  Ready interest_;
  Mode mode_;
  const char* name_;
  std::source_location where_;

  Token token_{};
  bool registered_ = false;
  bool armed_ = false;          // Whether the kernel would tell.
  std::uint8_t unlooked_ = 0;   // Of a level: how often it has told since it was last looked at.
  Ready untold_ = Ready::none;  // Of an edge or a oneshot: what came while nobody waited.
  NextReady* waiter_ = nullptr;
  Look look_{*this};
};

}  // namespace tocsin
