// SPDX-License-Identifier: MIT
//
// LinuxThreads: threads whose calls may block, one at a time.
//
//     LinuxSide ──run(thread)──> [ thread: work ] ──> comes back, or sleeps; so do those it woke
//
// All run on one processor, and the threads have a real-time priority there (SCHED_FIFO, sched(7)):
// so they go before the one that drives them, which goes on only when they all sleep or have come
// back; none interrupts another; and who is woken first runs first. Nothing is left to chance, and
// what a wake-up does, and in which order, can be compared. That a thread which has not come back
// is asleep in a call is looked up as well (proc_pid_stat(5), proc_pid_syscall(5)).
//
// Ownership: it owns its threads, which end with it; before that they have to be interrupted.
// Thread rule: one thread, which is bound to one processor from then on.
#pragma once

#include <semaphore.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>

#include "tests/differential/side.hpp"

namespace tocsin::differential {

class LinuxThreads {
 public:
  /// Each calls `work` with its number whenever it is to run. Requires: `are_permitted`.
  explicit LinuxThreads(std::function<void(std::size_t)> work);
  LinuxThreads(const LinuxThreads&) = delete;
  LinuxThreads& operator=(const LinuxThreads&) = delete;
  ~LinuxThreads();

  /// Whether this process may have real-time priorities.
  static bool are_permitted();

  /// Has a thread work, and comes back when no thread can go on.
  void run(std::size_t thread);
  /// Ends the calls that are still asleep, by a signal: they fail with EINTR.
  void interrupt();

 private:
  struct Thread {
    sem_t start;
    std::atomic<bool> is_busy = false;
    std::atomic<pid_t> id = 0;
    int stat = -1;  // Of /proc/self/task/ID, descriptors that no sequence can reach.
    int syscall = -1;
    std::jthread thread;
  };

  void serve(Thread& self, std::size_t number);
  static bool is_asleep(const Thread& thread);
  bool is_quiet() const;

  std::function<void(std::size_t)> work_;
  std::array<Thread, most_threads> threads_;
  std::atomic<bool> ends_ = false;
};

}  // namespace tocsin::differential
