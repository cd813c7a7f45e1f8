// SPDX-License-Identifier: MIT
//
// Worker: one thread of load, over its own connections and its own epoll set.
//
//     main: open, divide --> [ Worker ] x threads --> Histogram, counts --> one line of JSON
//
// Closed loop: each connection has exactly one message under way, so the load adapts to the server
// and never queues by itself. A round trip costs one send, one recv, a share of an epoll_wait and
// one reading of the clock: about what it costs the fastest server, so that two workers outrun a
// server on one core. Whether they did is measured, not assumed: main prints the CPU share of the
// server and of the load.
//
// Open loop (run_on_schedule): see schedule.hpp. The connections take turns.
//
// Thread rule: constructed by main, then run() on a thread of its own, then read after join.
// Owns its epoll fd; the connections belong to main.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/histogram.hpp"
#include "bench/load/schedule.hpp"

namespace load {

/// When a worker counts and when it ends. All in nanoseconds of CLOCK_MONOTONIC.
struct Plan {
  std::uint64_t count_from = 0;  ///< Round trips that end earlier are warm-up.
  std::uint64_t end = 0;         ///< The first reading of the clock past this ends the work.
};

class Worker {
 public:
  /// Makes `fds` non-blocking and watches them; they stay the caller's. `first_id` makes the
  /// messages of all workers differ, so that an answer to another connection is noticed.
  Worker(const std::vector<int>& fds, std::size_t size, std::uint32_t first_id);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Sends on every connection until the plan's end. Ends the program if the server closes, errs,
  /// or is silent for 30 seconds.
  void run_until(Plan plan, int cpu);

  /// The same for exactly `requests` round trips, spread evenly over the connections.
  void run_requests(std::uint64_t requests, int cpu);

  /// An open loop of `rate` messages a second in all, due until the plan's end. Then it waits for
  /// the answers, for two seconds at most: what is unanswered by then counts as what it has waited.
  void run_on_schedule(Plan plan, double rate, int cpu);

  /// Of an open loop: messages that were due and had no answer in the end.
  std::uint64_t unanswered() const { return unanswered_; }

  const Histogram& latencies() const { return latencies_; }
  double cpu_seconds() const { return cpu_seconds_; }  ///< Of the thread that ran it.

 private:
  struct Connection {
    int fd;
    std::size_t received;     // Bytes of the current answer.
    std::uint64_t sent_at;    // Nanoseconds. In an open loop: when it was due.
    std::uint64_t remaining;  // Round trips still to begin. In an open loop: ...
    std::uint64_t owed;       // ... how many of them are due already,
    std::uint64_t turn;       // and the number of the one that is under way, or was last.
    bool waits;               // For an answer.
    std::string message;
  };

  void begin(int cpu);
  void run();
  void send_next(Connection& connection, std::uint64_t time);
  void on_readable(Connection& connection);
  void answered(Connection& connection, std::uint64_t time);
  bool keep_schedule(std::uint64_t time);
  void send_due(Connection& connection);
  void answered_on_schedule(Connection& connection, std::uint64_t time);
  void give_up(std::uint64_t time);

  int epoll_;
  Plan plan_{};
  bool running_ = true;
  std::optional<Schedule> schedule_;  // Of an open loop.
  std::uint64_t next_turn_ = 0;
  std::uint64_t turns_ = 0;
  std::uint64_t unanswered_ = 0;
  std::size_t busy_ = 0;  // Connections with an answer outstanding.
  std::vector<Connection> connections_;
  std::vector<char> buffer_;
  Histogram latencies_;
  double cpu_seconds_ = 0;
};

}  // namespace load
