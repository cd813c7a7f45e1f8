// SPDX-License-Identifier: MIT
//
// Ticker: a period, as events on an ideal grid.
//
//     Executor (timers) ──> [ Ticker ] ──> co_await ticker.next() ──> how many ticks have passed
//
// The grid is first, first + period, first + 2 periods, ... for ever: being late for one tick moves
// none of the others, and ticks that nobody waited for are counted, not replayed one by one. It
// needs no file descriptor, and runs on virtual time wherever the executor does.
//
// Ownership: it owns nothing; the executor must outlive it, and it must outlive whoever waits.
// Thread rule: the executor's thread.
#pragma once

#include <cstdint>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/base/executor.hpp"
#include "tocsin/base/result.hpp"
#include "tocsin/task/operation.hpp"

namespace tocsin {

class Tick;

class Ticker {
 public:
  /// Ticks every `period`, for the first time at `first`. Requires: `period` > 0.
  Ticker(Executor& executor, Duration period, TimePoint first)
      : executor_(executor), period_(period), next_(first) {
    CHECK(period > Duration::zero(), "a ticker's period is longer than nothing");
  }

  /// Ticks every `period`, for the first time one period from this turn.
  Ticker(Executor& executor, Duration period)
      : Ticker(executor, period, saturating_add(executor.now(), period)) {}

  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;
  ~Ticker() { CHECK(!awaited_, "a ticker was destroyed while somebody waits for it"); }

  /// Waits for the next tick, never less, unless one has passed already. Gives how many have passed
  /// since the last call that gave some: 1, or more if the caller was late. After ECANCELED no tick
  /// is lost: the next call counts it. One at a time.
  Tick next();

 private:
  friend class Tick;

  bool is_due() const { return executor_.now() >= next_; }

  // How many ticks of the grid have passed. Requires: is_due().
  std::uint64_t take() {
    const auto late_by = (executor_.now() - next_) / period_;
    next_ = saturating_add(next_ + late_by * period_, period_);
    return static_cast<std::uint64_t>(late_by) + 1;
  }

  Executor& executor_;
  const Duration period_;
  TimePoint next_;  // The first tick of the grid that nobody has been told of.
  bool awaited_ = false;
};

/// See Ticker::next.
class [[nodiscard]] Tick final : public Operation {
 public:
  explicit Tick(Ticker& ticker) : ticker_(ticker) {}
  Tick(Tick&& other) noexcept : Operation(std::move(other)), ticker_(other.ticker_) {}

  bool await_ready() const {
    CHECK(!ticker_.awaited_, "a ticker is awaited by one at a time");
    return ticker_.is_due();
  }
  Result<std::uint64_t> await_resume() {
    if (cancelled_) return std::unexpected(Errno::cancelled);
    ticker_.awaited_ = false;
    return ticker_.take();
  }

 private:
  struct Wake final : Alarm {
    explicit Wake(Tick& owner) : tick(&owner) {}
    void run() override { tick->resume(); }
    Tick* tick;
  };

  void start() override {
    ticker_.awaited_ = true;
    executor().arm(wake_, ticker_.next_);
  }
  void abandon() override {
    wake_.unlink();
    ticker_.awaited_ = false;
    cancelled_ = true;
  }

  Ticker& ticker_;
  bool cancelled_ = false;
  Wake wake_{*this};
};

inline Tick Ticker::next() { return Tick(*this); }

}  // namespace tocsin
