// SPDX-License-Identifier: MIT
//
// SingleWorld, ThreadsWorld: time and sleep, as the two policies have them.
//
//     Parker::park(deadline) ──> [ World ] ──> time passes ──> Alarms ──> Object ──> Parker::wake
//
// ThreadsWorld has the machine's clocks; whoever parks sleeps in a futex, after a look around of
// some microseconds, and one service thread, started with the first alarm, rings the alarms.
//
// SingleWorld has clocks of its own, which stand still while anything runs. When the only thread
// parks, what it waits for can only come from time: the world goes on to the next alarm, or to the
// sleeper's deadline, at once. So an hour of timeouts takes as long as what happens in it. If there
// is neither, nobody will ever wake the thread: a CHECK says so, where Linux would hang.
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
#include <semaphore>
#include <thread>
#include <utility>

#include "tocsin/base/time.hpp"
#include "tocsin/vkern/ref.hpp"

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

class SingleWorld {
 public:
  /// CLOCK_MONOTONIC begins at `start`; CLOCK_REALTIME is `realtime` ahead of it.
  explicit SingleWorld(TimePoint start = TimePoint{std::chrono::seconds{1000}},
                       Duration realtime = std::chrono::seconds{1'700'000'000});

  TimePoint now() const { return now_; }
  ClockOffsets offsets() const { return offsets_; }
  /// Sets CLOCK_REALTIME forward or back (clock_settime(2)).
  void step_realtime(Duration by) { offsets_.realtime += by; }

  /// Lets `length` pass, and whatever is due in it happen.
  void advance(Duration length);

  std::uint64_t set_alarm(Alarmed& whom, TimePoint when) { return alarms_.set(whom, when); }
  void clear_alarm(std::uint64_t number);

 private:
  friend class SingleParker;
  bool park(const bool& woken, std::optional<TimePoint> deadline);
  void ring_until(TimePoint time);

  TimePoint now_;
  ClockOffsets offsets_;
  internal::AlarmQueue alarms_;
};

/// One sleep. Made by whoever is about to sleep, told by whoever wakes.
class SingleParker {
 public:
  explicit SingleParker(SingleWorld& world) : world_(world) {}
  void wake() { woken_ = true; }
  /// Until `wake` (true) or `deadline` (false). A wake that came before counts.
  bool park(std::optional<TimePoint> deadline) { return world_.park(woken_, deadline); }

 private:
  SingleWorld& world_;
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
  void serve(std::stop_token stop);

  std::atomic<Duration::rep> step_ = 0;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  internal::AlarmQueue alarms_;
  std::jthread server_;  // Last: it ends before what it works on.
};

class ThreadsParker {
 public:
  explicit ThreadsParker(ThreadsWorld&) {}
  void wake() { semaphore_.release(); }
  bool park(std::optional<TimePoint> deadline);

 private:
  std::binary_semaphore semaphore_{0};
};

}  // namespace tocsin::vkern
