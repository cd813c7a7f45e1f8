// SPDX-License-Identifier: MIT
//
// What the tests of a loop are made of: works, alarms and sources that call a function, a record of
// what ran in which order, and a fixture that runs a test on each mechanism a loop can have.
//
// Thread rule: one thread.
#pragma once

#include <sys/eventfd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tocsin/kern/kernel_testing.hpp"
#include "tocsin/loop/loop.hpp"

namespace tocsin::loop_testing {

using Function = std::move_only_function<void()>;
using Log = std::vector<std::string>;

inline constexpr Mode level{};
inline constexpr Mode edge{.trigger = Trigger::edge};

class CallWork final : public Work {
 public:
  explicit CallWork(Function function) : function_(std::move(function)) {}
  ~CallWork() { unlink(); }
  void run() override { function_(); }

 private:
  Function function_;
};

class CallAlarm final : public Alarm {
 public:
  explicit CallAlarm(Function function) : function_(std::move(function)) {}
  void run() override { function_(); }

 private:
  Function function_;
};

/// One eventfd, registered for reading, and what to do when it is ready. The registration ends with
/// the object. The counter is not read, unless `drain` is called.
class CallSource final : public Source {
 public:
  using OnReady = std::move_only_function<void(Ready)>;

  CallSource(Loop& loop, OnReady call, Mode mode = edge, const char* name = "test")
      : loop_(loop), call_(std::move(call)) {
    fd_ = own(loop.kernel(), loop.kernel().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)).value();
    token_ = loop.add(fd_.get(), Ready::read, mode, *this, name).value();
  }
  ~CallSource() { remove(); }

  /// Ends the registration; the fd stays open.
  void remove() {
    if (loop_.is_live(token_)) loop_.remove(token_);
  }

  /// Makes the fd ready.
  void ring() {
    const std::uint64_t one = 1;
    static_cast<void>(loop_.kernel().write(fd_.get(), std::as_bytes(std::span(&one, 1))).value());
  }
  /// Makes it not ready any more.
  void drain() {
    std::uint64_t count = 0;
    static_cast<void>(
        loop_.kernel().read(fd_.get(), std::as_writable_bytes(std::span(&count, 1))).value());
  }

  /// What to do from now on.
  void on_call(OnReady call) { call_ = std::move(call); }

  Token token() const { return token_; }
  Fd& fd() { return fd_; }
  int calls() const { return calls_; }

 private:
  void on_ready(Ready ready) override {
    ++calls_;
    // The function may destroy this source, and with it itself: it runs from the stack.
    OnReady call = std::exchange(call_, nullptr);
    const std::weak_ptr<bool> alive = alive_;
    const struct Restored {
      CallSource& source;
      OnReady& call;
      const std::weak_ptr<bool>& alive;
      ~Restored() {
        if (!alive.expired() && !source.call_) source.call_ = std::move(call);
      }
    } restored{*this, call, alive};
    if (call) call(ready);
  }

  Loop& loop_;
  OnReady call_;
  Fd fd_;
  Token token_{};
  int calls_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// A loop of each mechanism that has one; io_uring is left out where it is forbidden, or there is
/// none.
class LoopTest : public testing::TestWithParam<Mechanism> {
 protected:
  void SetUp() override { make_loop({}); }

  void make_loop(LoopOptions options) {
    options.mechanism = GetParam();
    loop_.reset();
    auto made = Loop::create(kernel_under_test(), options);
    if (!made && GetParam() != Mechanism::epoll)
      GTEST_SKIP() << name_of(GetParam()) << ": " << made.error().name();
    loop_ = std::move(made).value();
  }

  Loop& loop() { return *loop_; }

  /// One turn that does not wait.
  void turn() { ASSERT_TRUE(loop_->run_once(Duration::zero())); }

  /// A function that notes `words`.
  Function note(std::string words) {
    return [this, words = std::move(words)] { log_.push_back(words); };
  }
  CallSource::OnReady note_ready(std::string words) {
    return [this, words = std::move(words)](Ready) { log_.push_back(words); };
  }

  std::unique_ptr<Loop> loop_;
  Log log_;
};

inline std::string name_of_mechanism(const testing::TestParamInfo<Mechanism>& info) {
  return std::string(name_of(info.param));
}

/// Every mechanism a loop can have: INSTANTIATE_TEST_SUITE_P(All, X, every_mechanism, ...).
inline const auto every_mechanism =
    testing::Values(Mechanism::epoll, Mechanism::io_uring, Mechanism::io_uring_epoll);

}  // namespace tocsin::loop_testing
