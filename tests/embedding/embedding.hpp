// SPDX-License-Identifier: MIT
//
// What is asked of a Loop inside a foreign loop, whichever that is: alarms, posts of other threads
// and sockets arrive as if the Loop ran by itself, and while nothing happens nothing runs.
//
// A foreign loop is a type with `run()`, `stop()` and `call_later(milliseconds, function)`, made
// from the fd to wait for and the function to call when it is readable; it counts those calls.
//
// Thread rule: one thread; what posts has threads of its own.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/loop/loop.hpp"

namespace tocsin::embedding {

using namespace std::chrono_literals;

class CallAlarm final : public Alarm {
 public:
  explicit CallAlarm(std::function<void()> call) : call_(std::move(call)) {}
  void run() override { call_(); }

 private:
  std::function<void()> call_;
};

/// One end of a socket pair that answers every byte; the other end is `peer`.
class Echo final : public Source {
 public:
  explicit Echo(Loop& loop) : loop_(loop) {
    const auto pair =
        loop.kernel().socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0).value();
    mine_ = Fd(loop.kernel(), pair[0]);
    peer = Fd(loop.kernel(), pair[1]);
    token_ = loop.add(mine_.get(), Ready::read, {.trigger = Trigger::edge}, *this, "echo").value();
  }
  ~Echo() { loop_.remove(token_); }

  void on_ready(Ready) override {
    std::array<std::byte, 64> room;
    while (const auto count = loop_.kernel().recv(mine_.get(), room, 0)) {
      if (*count == 0) return;
      ASSERT_TRUE(loop_.kernel().send(mine_.get(), std::span(room).first(*count), MSG_NOSIGNAL));
    }
  }

  Fd peer;

 private:
  Loop& loop_;
  Fd mine_;
  Token token_{};
};

template <class Foreign>
class Embedding : public testing::Test {
 protected:
  // Whoever waits for something that never comes fails after ten seconds.
  void run() {
    bool is_over = false;
    foreign_.call_later(10'000, [&] {
      is_over = true;
      foreign_.stop();
    });
    foreign_.run();
    EXPECT_FALSE(is_over) << "something has not come";
  }

  Kernel& kernel_ = LinuxKernel::shared();
  std::unique_ptr<Loop> loop_ = Loop::create(kernel_).value();
  Foreign foreign_{loop_->fd().value(), [this] { ASSERT_TRUE(loop_->run_once(0ns)); }};
};

TYPED_TEST_SUITE_P(Embedding);

TYPED_TEST_P(Embedding, AlarmsFireInTheirOrderAndNeverEarly) {
  std::vector<int> order;
  std::vector<std::unique_ptr<CallAlarm>> alarms;
  for (int i = 0; i < 20; ++i) {
    alarms.push_back(std::make_unique<CallAlarm>([&, i] {
      EXPECT_GE(this->loop_->now(), alarms[static_cast<std::size_t>(i)]->deadline());
      order.push_back(i);
      if (order.size() == 20) this->foreign_.stop();
    }));
    this->loop_->arm(*alarms.back(), this->loop_->now() + (20 - i) * 500us);
  }
  this->run();
  ASSERT_EQ(order.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], 19 - i);
  EXPECT_LE(this->foreign_.calls(), 200) << "between deadlines it sleeps";
}

// Each post waits for the answer to the one before, so that the foreign loop is about to sleep, or
// asleep, or just awake when it comes.
TYPED_TEST_P(Embedding, NoPostOfAnotherThreadIsLost) {
  constexpr int rounds = 5000;
  std::atomic<int> answered = 0;
  std::jthread poster([&] {
    for (int round = 1; round <= rounds; ++round) {
      this->loop_->waker().post([&, round] {
        if (round == rounds) this->foreign_.stop();
        answered.store(round, std::memory_order_release);
        answered.notify_one();
      });
      for (int seen = 0; (seen = answered.load(std::memory_order_acquire)) < round;)
        answered.wait(seen, std::memory_order_acquire);
    }
  });
  this->run();
  EXPECT_EQ(answered, rounds);
}

TYPED_TEST_P(Embedding, SocketsAreServed) {
  const Echo echo(*this->loop_);
  std::jthread client([&] {
    EXPECT_TRUE(this->kernel_.fcntl(echo.peer.get(), F_SETFL, 0));
    for (int i = 0; i < 1000; ++i) {
      std::byte byte{static_cast<unsigned char>(i)};
      EXPECT_EQ(this->kernel_.send(echo.peer.get(), {&byte, 1}, MSG_NOSIGNAL), 1u);
      EXPECT_EQ(this->kernel_.recv(echo.peer.get(), {&byte, 1}, 0), 1u);
      EXPECT_EQ(byte, std::byte{static_cast<unsigned char>(i)});
    }
    this->loop_->waker().post([&] { this->foreign_.stop(); });
  });
  this->run();
}

TYPED_TEST_P(Embedding, WhatAForeignCallbackAsksForIsDone) {
  CallAlarm alarm([&] { this->foreign_.stop(); });
  this->foreign_.call_later(1, [&] { this->loop_->arm(alarm, this->loop_->now() + 1ms); });
  this->run();
}

// A far deadline, a waiting socket, and nothing to do: not one call in 50 ms.
TYPED_TEST_P(Embedding, WhileNothingHappensNothingRuns) {
  const Echo echo(*this->loop_);
  CallAlarm far([] { FAIL() << "early"; });
  this->loop_->arm(far, this->loop_->now() + 1000s);
  this->foreign_.call_later(50, [&] { this->foreign_.stop(); });
  this->run();
  EXPECT_LE(this->foreign_.calls(), 1) << "a busy loop";
}

REGISTER_TYPED_TEST_SUITE_P(Embedding, AlarmsFireInTheirOrderAndNeverEarly,
                            NoPostOfAnotherThreadIsLost, SocketsAreServed,
                            WhatAForeignCallbackAsksForIsDone, WhileNothingHappensNothingRuns);

}  // namespace tocsin::embedding
