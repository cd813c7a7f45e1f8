// SPDX-License-Identifier: MIT
//
// Connection: one bus of sd-bus on a Loop.
//
//     sd_bus_get_fd, _get_events, _get_timeout ──> [ Connection ] ──> Loop ──> sd_bus_process
//
// sd-bus has one descriptor, and says after each call what it is to be watched for, and until when.
// While it connects it may close the descriptor and open another, most often of the same number;
// from then on it closes it only after it has said that the connection is not open any more.
//
// No coroutine runs inside a callback of sd-bus: who is answered is put into the loop's queue. So
// sd-bus is never entered twice.
//
// Ownership: it owns the bus and the registration; the descriptor is sd-bus'. Thread rule: the
// loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include <systemd/sd-bus.h>

#include "tocsin/adapters/sdbus/bus.hpp"
#include "tocsin/adapters/sdbus/internal/match_queue.hpp"
#include "tocsin/source/foreign_fds.hpp"

namespace tocsin::sdbus::internal {

class Connection final : public ForeignFds {
 public:
  /// Takes over a reference to `bus`, which was started.
  Connection(Loop& loop, sd_bus* bus, const std::source_location& where);
  /// Whatever waits is told ECANCELED.
  ~Connection();

  sd_bus* bus() { return bus_; }
  /// Asks sd-bus anew for what it waits, soon: something was done with it.
  void look_again() {
    if (!look_.is_linked()) loop().post(look_);
  }

  void begin(Call& call);
  /// Nobody waits for its answer any more.
  void forget(Call& call);
  Outcome<Match> match(const std::string& rule);

  /// Whether it is connected, or why it is not any more; nullopt: not yet.
  std::optional<Outcome<>> state();
  void wait_until_ready(UntilReady& waiter);
  void forget(UntilReady& waiter);

 private:
  // A limit, so that a peer that floods this one starves nobody else on the loop.
  static constexpr int most_messages_per_turn = 64;
  static_assert(most_messages_per_turn <= Match::capacity, "see match.hpp");

  struct Look final : Work {
    explicit Look(Connection& owner) : connection(owner) {}
    void run() override { connection.watch_bus(); }
    Connection& connection;
  };

  static int on_answer(sd_bus_message* answer, void* call, sd_bus_error*);

  void on_ready(int, Ready) override { process(); }
  void on_time() override { process(); }
  void process();
  void notice_state();
  void watch_bus();
  Result<> watch_descriptor();
  void set_time();
  void end(const Error& reason);
  void fail(const Error& reason);

  sd_bus* bus_;                   // Owned.
  int fd_ = -1;                   // What is watched; -1: nothing ...
  Ready interest_ = Ready::none;  // ... and for what.
  bool was_ready_ = false;
  bool processing_ = false;
  std::optional<Error> reason_;  // Why it is not open any more.

  List<Call> calls_;                    // Those that wait for their answers.
  UntilReady* awaits_ready_ = nullptr;  // In its coroutine's frame.
  std::vector<std::weak_ptr<MatchQueue>> matches_;
  Look look_{*this};
};

}  // namespace tocsin::sdbus::internal
