// SPDX-License-Identifier: MIT
//
// Peers: two ends of a connection of D-Bus without a daemon between them: one on the loop of a
// test, and the other, played by hand.
//
//     Bus (on the loop) <── socketpair(2) ──> [ other end: answers when the test says so ]
//
// Thread rule: one thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "tocsin/adapters/sdbus/bus.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin::sdbus {

class Peers {
 public:
  explicit Peers(Kernel& kernel = LinuxKernel::shared()) : Peers(connected_pair(kernel)) {}
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;
  ~Peers() { leave(); }

  /// The end for the loop: for Bus::adopt, once.
  sd_bus* started() { return std::exchange(mine_, nullptr); }

  void leave() { other_ = sd_bus_close_unref(other_); }
  /// The other end does what it has to: lets the peer in, sends, takes calls and signals.
  void process() {
    sd_bus_message* message = nullptr;
    while (sd_bus_process(other_, &message) > 0) {
      if (message == nullptr) continue;
      Message taken(message);
      if (sd_bus_message_is_signal(message, nullptr, nullptr) > 0) ++signals_;
      if (sd_bus_message_is_method_call(message, nullptr, nullptr) > 0)
        calls_.push_back(std::move(taken));
    }
  }
  /// How many signals it has taken.
  int signals() const { return signals_; }
  void send_nonsense() {
    const std::string nonsense(100, '?');
    EXPECT_EQ(::send(sd_bus_get_fd(other_), nonsense.data(), nonsense.size(), 0), 100);
  }
  /// Answers the oldest call with its own member; nothing happens if there is none.
  void answer() {
    process();
    if (calls_.empty()) return;
    const Message call = std::move(calls_.front());
    calls_.erase(calls_.begin());
    EXPECT_GE(sd_bus_reply_method_return(call.native(), "s", std::string(call.member()).c_str()),
              0);
  }
  void emit(int number) {
    process();
    EXPECT_GE(sd_bus_emit_signal(other_, "/played", "test.Played", "Number", "i", number), 0);
  }

 private:
  explicit Peers(std::array<Fd, 2> ends) {
    sd_bus_new(&mine_);
    const int mine = ends[0].release();
    EXPECT_GE(sd_bus_set_fd(mine_, mine, mine), 0);
    EXPECT_GE(sd_bus_start(mine_), 0);
    sd_bus_new(&other_);
    const int other = ends[1].release();
    EXPECT_GE(sd_bus_set_fd(other_, other, other), 0);
    sd_id128_t id{};
    EXPECT_GE(sd_id128_randomize(&id), 0);
    EXPECT_GE(sd_bus_set_server(other_, 1, id), 0);
    EXPECT_GE(sd_bus_start(other_), 0);
  }

  sd_bus* mine_ = nullptr;
  sd_bus* other_ = nullptr;
  std::vector<Message> calls_;  // Not answered yet.
  int signals_ = 0;
};

}  // namespace tocsin::sdbus
