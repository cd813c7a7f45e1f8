// SPDX-License-Identifier: MIT
//
// Helpers for tests of whatever awaits: a gate to wait at, and an object that counts itself.
//
// Thread rule: one thread.
#pragma once

#include <optional>
#include <utility>

#include "tocsin/base/list.hpp"
#include "tocsin/base/result.hpp"
#include "tocsin/task/operation.hpp"
#include "tocsin/task/scope.hpp"

namespace tocsin {

/// The simplest thing there is to wait for: lines wait at a closed gate until the test opens it.
class Gate {
 public:
  class Pass final : public Operation {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) {}
    Pass(Pass&&) = default;
    bool await_ready() const { return gate_->open_; }
    Result<> await_resume() const { return result_; }

   private:
    void start() override { gate_->waiting_.push_back(*this); }
    void abandon() override {
      unlink();
      result_ = std::unexpected(Errno::cancelled);
    }

    friend class Gate;
    Gate* gate_;
    Result<> result_;
  };

  /// Gives success once the gate is open, ECANCELED.
  Pass pass() { return Pass(*this); }

  /// Those that wait go on, from the executor's queue, in the order of their coming.
  void open() {
    open_ = true;
    while (Pass* pass = waiting_.pop_front()) pass->resume_later();
  }
  void close() { open_ = false; }
  bool has_waiting() const { return !waiting_.empty(); }

 private:
  List<Pass> waiting_;
  bool open_ = false;
};

/// Counts in `count` how many of it there are, moved-from ones not included: one for each live
/// frame that holds it as a parameter or a local.
class Counted {
 public:
  explicit Counted(int& count) : count_(&count) { ++count; }
  Counted(Counted&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  Counted& operator=(Counted&&) = delete;
  ~Counted() {
    if (count_ != nullptr) --*count_;
  }

 private:
  int* count_;
};

/// Runs `task` in `scope` and keeps what it gives where the test can look at it.
template <class T>
Task<> into(std::optional<T>& result, Task<T> task) {
  result.emplace(co_await task);
}

}  // namespace tocsin
