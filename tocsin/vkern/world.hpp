// SPDX-License-Identifier: MIT
//
// SingleWorld, ThreadsWorld: time and sleep, as the two policies have them.
//
//     Parker::park(deadline) ──> [ World ] ──> time passes ──> Alarms ──> Object ──> Parker::wake
//
// ThreadsWorld has the machine's clocks; whoever parks sleeps in a futex, after a look around of
// some microseconds (or longer, where that pays: base/patience.hpp), and one service thread,
// started with the first alarm, rings the alarms.
//
// SingleWorld has clocks of its own, which stand still while anything runs. Its threads are fibers:
// whoever parks lets another one run, and which one is drawn from a seed. When all are parked, what
// they wait for can only come from time: the world goes on to the next alarm, or to the first
// sleeper's deadline, at once. So an hour of timeouts takes as long as what happens in it. If there
// is neither, nobody will ever wake: a CHECK says so, where Linux would hang. The program itself,
// without any fiber, is the first of these threads, and pays for no switch.
//
// Thread rule: ThreadsWorld any thread; SingleWorld one.
#pragma once

#include <time.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "tocsin/base/time.hpp"
#include "tocsin/kern/linux_futex.hpp"
#include "tocsin/vkern/ref.hpp"
#include "tocsin/vkern/scheduler.hpp"

namespace tocsin::vkern {

/// The deadline of a call that does not wait at all.
inline constexpr TimePoint at_once = TimePoint::min();

/// What an alarm rings: an object with a timer.
class Alarmed {
 public:
  virtual ~Alarmed() = default;
  /// The alarm that was set with `number` is due. Called with no lock held, once, unless it was
  /// cleared; one that is being cleared at this moment may still come: compare the number.
  virtual void alarm(std::uint64_t number) = 0;
  virtual void add_alarm_ref() = 0;
  virtual void drop_alarm_ref() = 0;
};

namespace internal {

/// Alarms in the order of their deadlines; equal ones in the order of being set.
class AlarmQueue {
 public:
  struct Due {
    Alarmed* whom;  // With a reference, which is the caller's to drop.
    std::uint64_t number;
  };

  /// Answers the number of the alarm, never 0. Holds a reference until it rings or is cleared.
  std::uint64_t set(Alarmed& whom, TimePoint when);
  /// Answers whose it was, if it was still there, with the reference.
  Alarmed* clear(std::uint64_t number);
  std::optional<TimePoint> first() const;
  /// Takes the first one that is due at `now`.
  std::optional<Due> take_due(TimePoint now);

 private:
  using Key = std::pair<TimePoint, std::uint64_t>;

  std::map<Key, Alarmed*> by_time_;
  std::map<std::uint64_t, TimePoint> by_number_;
  std::uint64_t last_number_ = 0;
};

}  // namespace internal

/// How far the other clocks are from CLOCK_MONOTONIC.
struct ClockOffsets {
  Duration realtime{};
  Duration boottime{};
};

class SingleWorld : protected internal::Scheduler {
 public:
  /// CLOCK_MONOTONIC begins at `start`; CLOCK_REALTIME is `realtime` ahead of it.
  explicit SingleWorld(TimePoint start = TimePoint{std::chrono::seconds{1000}},
                       Duration realtime = std::chrono::seconds{1'700'000'000},
                       Choices choices = Choices(0));
  /// Ends its threads, as `end_threads`.
  ~SingleWorld() override;

  TimePoint now() const { return now_; }
  ClockOffsets offsets() const { return offsets_; }
  /// Sets CLOCK_REALTIME forward or back (clock_settime(2)).
  void step_realtime(Duration by) { offsets_.realtime += by; }

  /// Lets `length` pass, and whatever is due in it happen: alarms, deadlines, and what threads do
  /// then.
  void advance(Duration length);

  std::uint64_t set_alarm(Alarmed& whom, TimePoint when) { return alarms_.set(whom, when); }
  void clear_alarm(std::uint64_t number);

  // ---- threads ----------------------------------------------------------------------------------

  /// One more thread of the program; it runs when the others park, or in `run_until_idle`. An
  /// exception that leaves `body` ends the program.
  using Scheduler::spawn;
  /// Lets every other thread run until it has ended or is parked. No time passes.
  using Scheduler::run_until_idle;
  /// Unwinds every other thread where it is parked: its blocked call never returns.
  using Scheduler::end_threads;
  /// How many there are besides the ended ones, this one included; and how many are parked.
  using Scheduler::asleep_count;
  using Scheduler::thread_count;
  /// Lets another thread run here, or not: for one that looks again and again without blocking.
  void yield() { Scheduler::yield("yield"); }

  /// Decides from now on as `choices` says: a seed, or a record. To be called before anything runs.
  void follow(Choices choices) { this->choices() = std::move(choices); }
  using Scheduler::who_runs_next;
  /// What has been decided so far, and a decision of one's own: all from one source, in one record.
  using Scheduler::choices;
  std::size_t choose(std::size_t of, const char* site) { return choices().choose(of, site); }

 private:
  friend class SingleParker;
  std::optional<TimePoint> next_alarm() const override { return alarms_.first(); }
  void go_on_to(TimePoint time) override;

  TimePoint now_;
  ClockOffsets offsets_;
  internal::AlarmQueue alarms_;
};

/// One sleep. Made by whoever is about to sleep, told by whoever wakes.
class SingleParker {
 public:
  explicit SingleParker(SingleWorld& world) : world_(world) {}
  void wake() {
    woken_ = true;
    if (sleeper_ != nullptr) world_.wake(*sleeper_);
  }
  /// Until `wake` (true) or `deadline` (false). A wake that came since the last park counts.
  bool park(std::optional<TimePoint> deadline);

 private:
  SingleWorld& world_;
  internal::Thread* sleeper_ = nullptr;
  bool woken_ = false;
};

class ThreadsWorld {
 public:
  ThreadsWorld() = default;
  ThreadsWorld(const ThreadsWorld&) = delete;
  ThreadsWorld& operator=(const ThreadsWorld&) = delete;
  /// Ends the service thread, if there is one. Alarms that are still set do not ring.
  ~ThreadsWorld();

  TimePoint now() const;
  ClockOffsets offsets() const;
  void step_realtime(Duration by) { step_.fetch_add(by.count(), std::memory_order_relaxed); }

  std::uint64_t set_alarm(Alarmed& whom, TimePoint when);
  void clear_alarm(std::uint64_t number);

 private:
  void serve(const std::stop_token& stop);

  std::atomic<Duration::rep> step_ = 0;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  internal::AlarmQueue alarms_;
  std::jthread server_;  // Last: it ends before what it works on.
};

/// One sleep of a real thread. Whoever wakes it makes no system call while it still looks around.
class ThreadsParker {
 public:
  explicit ThreadsParker(ThreadsWorld&) {}
  /// The sleeper may end this as soon as it finds itself woken: all that is used of it then is
  /// where it was.
  void wake() {
    if (state_.exchange(woken, std::memory_order_acq_rel) == parked) futex_wake(state_);
  }
  /// Until `wake` (true) or `deadline` (false). A wake that came since the last park counts.
  bool park(std::optional<TimePoint> deadline);

 private:
  static constexpr std::uint32_t looking = 0;
  static constexpr std::uint32_t parked = 1;
  static constexpr std::uint32_t woken = 2;

  bool look_around() const;
  bool look_on(Duration longest, std::optional<TimePoint> deadline) const;
  bool wait(std::optional<TimePoint> deadline);
  bool sleep(std::optional<TimePoint> deadline);

  std::atomic<std::uint32_t> state_ = looking;
};

}  // namespace tocsin::vkern
