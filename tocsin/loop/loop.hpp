// SPDX-License-Identifier: MIT
//
// Loop: one thread, one poller, and everything that thread waits for.
//
//     Poller ──> [ Loop::turn ] ──> Source::on_ready, Work::run ──> coroutines ──> user
//
// A loop runs in turns. A turn waits, harvests all that is ready, and only then runs user code, so
// user code may add, remove and destroy whatever it likes. The exact order is in
// docs/loop-turn.md. It is an Executor: tasks need nothing else of it.
//
// Sources are served once a turn and have a budget of bytes and operations for it; what is left
// over is served in the next turn, after everybody else. Identity is a Token, never an fd: an event
// that outlives its registration is dropped and counted.
//
// The loop needs a poller that has edges: epoll, io_uring, or the one
// inside the other.
//
// Ownership: it owns poller, timers and waker; not sources, works or fds. Whatever is registered
// must be removed before the loop ends. `kernel` must outlive it.
// Thread rule: one thread at a time for all of it; `waker()` and `stop()` from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <vector>

#include "tocsin/base/executor.hpp"
#include "tocsin/base/patience.hpp"
#include "tocsin/kern/fork_guard.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/loop/buffer_pool.hpp"
#include "tocsin/loop/deadline_fd.hpp"
#include "tocsin/loop/metrics.hpp"
#include "tocsin/loop/registry.hpp"
#include "tocsin/loop/source.hpp"
#include "tocsin/loop/timer_wheel.hpp"
#include "tocsin/loop/waker.hpp"
#include "tocsin/poll/poller.hpp"

namespace tocsin {

struct LoopOptions {
  Mechanism mechanism = Mechanism::epoll;
  std::size_t buffer_size = 64 * 1024;   // Bytes lent for one read.
  std::int32_t turn_bytes = 256 * 1024;  // A source moves that many in a turn, roughly; ...
  std::int32_t operation_bytes = 4096;   // ... an operation counts as so many more (0 to 4096).
  std::uint32_t turn_works = 4096;       // Works run before the loop looks at the kernel again.

  /// Once other threads' posts have ended sleeps shorter than this, how long the loop looks on for
  /// the next one before it sleeps, as long as that pays. Then neither side makes a system call to
  /// wake or be woken, and no processor has to be got out of its sleep (docs/loop-turn.md). The
  /// price: up to that much of a processor for each wake-up. Zero: it never looks on.
  Duration look_on = Patience::usual_look;
};

/// A registration as `describe` lists it.
struct RegistrationInfo {
  Token token;
  int fd;
  std::string_view name;
  std::source_location where;
  Ready interest;
  Mode mode;
};

class Loop final : public Executor {
 public:
  /// Fails with EOPNOTSUPP if the mechanism has no edges, EINVAL if an option is out of range, else
  /// as its system calls do: EMFILE, ENFILE, ENOMEM; for those with io_uring also EPERM and ENOSYS.
  static Result<std::unique_ptr<Loop>> create(Kernel& kernel = LinuxKernel::shared(),
                                              const LoopOptions& options = {});
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  /// Requires: no registration is left, and it is not running.
  ~Loop();

  // ---- running ----------------------------------------------------------------------------------

  /// Takes turns until `stop`. Fails as the poller does when it cannot wait (EBADF after somebody
  /// closed its descriptor, ENOMEM); the loop can be run again. An exception from user code comes
  /// out of here; nothing is lost, and the loop can be run again.
  Result<> run();

  /// One turn, which sleeps for at most `longest` (nullopt: until something happens).
  Result<> run_once(std::optional<Duration> longest);

  /// Ends `run` after the turn it is in; a stop before `run` ends the next one before its first
  /// turn. Any thread.
  void stop();

  /// Whether `stop` was called since this was asked last, or `run` ended by it: for whoever takes
  /// the turns himself.
  bool take_stop();

  // ---- Executor ---------------------------------------------------------------------------------
  void post(Work& work) override {
    queue_.push_back(work);
    if (deadline_fd_ && !in_turn_) tell_embedder();
  }
  /// Runs `work` once, when a turn has found nothing to do and the loop would sleep; in a loop that
  /// always has something, after about a second. False, and nothing is done, if the loop is
  /// embedded (`fd`): it does not know when it would sleep. Requires: the work is in no queue.
  bool post_when_idle(Work& work);
  /// CLOCK_MONOTONIC, read when this turn began to run; outside a turn, when the last one ended.
  TimePoint now() const override { return now_; }
  void arm(Alarm& alarm, TimePoint deadline, Duration slack = Duration::zero()) override {
    wheel_.arm(alarm, deadline, slack);
    if (deadline_fd_ && !in_turn_) tell_embedder();
  }

  // ---- registrations ----------------------------------------------------------------------------

  /// Has `source` called when `fd` is ready. `name` is for people (describe) and has static
  /// storage. The fd and the source stay the caller's, who removes the registration before either
  /// ends. Fails as Poller::add does; after a failure nothing has changed.
  Result<Token> add(int fd, Ready interest, Mode mode, Source& source, const char* name,
                    std::source_location where = std::source_location::current());

  /// Replaces interest and mode; what is ready now is answered. Fails as Poller::modify does, and
  /// with EBADF if the fd was closed and its number registered again; the former registration
  /// stands then. Requires: is_live(token).
  Result<> modify(Token token, Ready interest, Mode mode);

  /// Ends the registration; its source is not called again. Requires: is_live(token), and that the
  /// fd is still open.
  void remove(Token token);

  /// Runs `work` once, soon after the next registration has been removed: for whoever waits for a
  /// descriptor to become free, which most often follows. Requires: it is in no queue.
  void after_removal(Work& work) { awaiting_removal_.push_back(work); }

  /// As remove, for an fd that is somebody else's, who may have closed it. If a duplicate of it is
  /// open somewhere, the kernel goes on reporting it, now for nobody: such events are dropped and
  /// counted (docs/traps/closed-but-registered.md).
  void forget(Token token);

  /// Whether the registration's fd is open, as far as that is known at once: not if nobody has its
  /// number, or another registration of this loop. Requires: is_live(token).
  bool seems_open(Token token);

  /// Whether the fd was closed under its registration, whatever has its number now. It is asked of
  /// the kernel (kcmp(2)), which looks through all registrations to answer; where it cannot tell
  /// (CONFIG_KCMP is missing, a sandbox, io_uring) it is what seems_open says. Requires:
  /// is_live(token).
  bool was_closed(Token token);

  /// Whether `token` names a registration that has not been removed.
  bool is_live(Token token) const { return registry_.source_of(token) != nullptr; }

  /// Serves `source` again in the next turn without waiting for the kernel: for one that stopped
  /// because its budget was used up.
  void serve_again(Source& source) {
    if (source.is_linked()) return;
    ++counters_.left_over;
    left_over_.push_back(source);
    if (deadline_fd_ && !in_turn_) tell_embedder();
  }

  // ---- what sources and operations need
  // -----------------------------------------------------------
  Kernel& kernel() { return kernel_; }
  BufferPool& buffers() { return buffers_; }
  const LoopOptions& options() const { return options_; }
  /// Grows with every turn: what was spent of a budget counts for one number. Never 0 before the
  /// first turn, so that 0 can stand for none.
  std::uint32_t turn_number() const { return static_cast<std::uint32_t>(counters_.turns) + 1; }

  // ---- other threads, other loops, other processes
  // ------------------------------------------------
  Waker& waker() { return *waker_; }

  /// A descriptor that is readable while a turn has something to do, timers included: wait for it
  /// in a foreign loop and call `run_once(0s)` when it is. Stays the loop's. Fails with EOPNOTSUPP
  /// if the mechanism has no descriptor (io_uring), else as timerfd_create(2) does.
  Result<int> fd();

  /// The loop in which this one runs at present (run_nested); null if it runs in none.
  Loop* outer() const { return outer_; }
  void set_outer(Loop* outer) { outer_ = outer; }

  /// Makes a loop usable in a forked child: it gets a poller and a waker of its own, with the
  /// registrations it had. Every other use of the parent's loop in a child is a CHECK.
  Result<> restart_after_fork();

  // ---- looking inside
  // -----------------------------------------------------------------------------
  const LoopCounters& counters() const { return counters_; }
  /// How long turns took, from the end of the wait to the end of the turn.
  const Histogram& turn_times() const { return turn_times_; }
  /// Every registration there is, the loop's own included.
  std::vector<RegistrationInfo> describe();

 private:
  // Its events need no answer: that the wait ended was the point.
  struct Nothing final : Source {
    void on_ready(Ready) override {}
  };
  class Turn;

  Loop(Kernel& kernel, const LoopOptions& options, std::unique_ptr<Poller> poller,
       std::unique_ptr<Waker> waker, ForkGuard fork_guard);

  // In the order of a turn; see docs/loop-turn.md.
  Result<> turn(std::optional<Duration> longest);
  std::optional<Duration> time_to_wait(std::optional<Duration> longest);
  Result<> harvest(std::optional<Duration> longest);
  void take_events(std::span<const Event> events) {
    unserved_ = events;
    counters_.events += events.size();
  }
  std::optional<Duration> until_deadline(std::optional<Duration> longest) {
    return wheel_.is_surely_empty() ? longest : until_first_deadline(longest);
  }
  std::optional<Duration> until_first_deadline(std::optional<Duration> longest);
  bool may_look_on(std::optional<Duration> longest) const;
  Result<bool> look_on(std::optional<Duration>& longest);
  bool is_reached_soon() const;
  void serve_ready();
  template <bool crowded>
  void serve_each();
  void prefetch_ahead(std::span<const Event> events) const;
  void serve_left_over();
  void queue_if_idle();
  void run_queue();

  Result<> take_out(Token token);
  bool has_work_now() const {
    return !queue_.empty() || !left_over_.empty() || !serving_.empty() || !unserved_.empty();
  }
  bool must_not_wait(std::optional<Duration> longest) const {
    return has_work_now() || longest == Duration::zero() || !when_idle_.empty();
  }
  TimePoint read_clock();
  Result<> watch_waker();
  void make_room_for_events();
  void tell_embedder();
  void check_not_forked() const;

  Kernel& kernel_;
  LoopOptions options_;
  std::unique_ptr<Poller> poller_;
  std::unique_ptr<Waker> waker_;
  ForkGuard fork_guard_;
  std::optional<DeadlineFd> deadline_fd_;  // Made when somebody embeds the loop.

  BufferPool buffers_;
  Registry registry_;
  Nothing nothing_;
  Token waker_token_{};
  std::optional<Token> deadline_token_;
  Loop* outer_ = nullptr;

  TimePoint now_;
  Patience patience_;
  TimerWheel wheel_;
  List<Source> left_over_;  // To be served again, in the turn after the one they asked in.
  List<Source> serving_;    // Left over for this turn; after an exception, not empty outside one.
  List<Work> queue_;
  List<Work> when_idle_;
  TimePoint wants_idle_since_;   // If there are any of those.
  List<Work> awaiting_removal_;  // See after_removal.

  std::unique_ptr<Event[]> events_;
  std::size_t event_room_ = 0;
  std::span<const Event> unserved_;  // Harvested, in events_; not empty after an exception only.

  LoopCounters counters_;
  Histogram turn_times_;
  std::atomic<bool> stop_ = false;
  bool in_turn_ = false;
};

}  // namespace tocsin
