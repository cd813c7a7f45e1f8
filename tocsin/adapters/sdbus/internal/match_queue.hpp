// SPDX-License-Identifier: MIT
//
// MatchQueue: what came for a rule and was not taken yet.
//
//     sd-bus' callback ──> [ MatchQueue ] ──> NextSignal
//
// Ownership: its Match, its Bus and those who wait in it hold it together; the slot of sd-bus is
// its own. Thread rule: the loop's thread.
#pragma once

#include <cstdint>

#include <systemd/sd-bus.h>

#include "tocsin/adapters/sdbus/match.hpp"

namespace tocsin::sdbus::internal {

class Connection;

class MatchQueue {
 public:
  explicit MatchQueue(Connection& connection) : connection_(connection) {}
  MatchQueue(const MatchQueue&) = delete;
  MatchQueue& operator=(const MatchQueue&) = delete;
  ~MatchQueue() { leave_bus(); }

  /// Answers as sd_bus_add_match_async(3).
  int install(const char* rule);
  /// No more signals; whoever has taken the last is told `reason`.
  void end(const Error& reason);

  Channel<Message>& messages() { return messages_; }
  /// The signal that `message` is, or the end.
  Outcome<Signal> hand_out(Result<Message> message);

 private:
  static int on_message(sd_bus_message* message, void* queue, sd_bus_error*);
  static int on_installed(sd_bus_message* answer, void* queue, sd_bus_error*);

  void leave_bus();

  Connection& connection_;  // There as long as there is a slot.
  Channel<Message> messages_{Match::capacity};
  std::uint64_t lost_ = 0;  // Since a signal was handed out last.
  Error reason_ = Errno::cancelled;
  sd_bus_slot* slot_ = nullptr;  // Owned; null once it has ended.
};

}  // namespace tocsin::sdbus::internal
