// SPDX-License-Identifier: MIT
//
// Timers: what a server does for each request it reads: the idle timeout of one of its connections
// is armed, or moved. Which one, and to when (30 to 60 seconds ahead), is random, so that the wheel
// is not handed its best order. The loop takes a turn, without waiting, every 100 of them, and what
// it then does for timers is part of the price: who only puts work off has not saved it.
//
// Thread rule: one thread.
#include <memory>
#include <vector>

#include "cli/bench/loop_list.hpp"
#include "cli/bench/loop_rounds.hpp"
#include "cli/bench/loop_thread.hpp"
#include "tocsin/base/prng.hpp"

namespace tocsin::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* group = "timers";
constexpr std::uint64_t connections = 100'000;
constexpr std::uint64_t operations_per_turn = 100;
constexpr double most_share = 5;  // Percent of a core, for a million re-arms a second.

class IdleTimeout final : public Alarm {
 public:
  void run() override { ++*expired; }

  std::uint64_t* expired = nullptr;
};

// The processor's time that this thread has used.
Duration used() {
  const timespec time = LinuxKernel::shared().clock_gettime(CLOCK_THREAD_CPUTIME_ID).value();
  return seconds{time.tv_sec} + Duration{time.tv_nsec};
}

class Timeouts {
 public:
  Timeouts(std::unique_ptr<Loop> loop, std::uint64_t count, std::uint64_t seed)
      : loop_(std::move(loop)), prng_(seed), timeouts_(count) {
    for (IdleTimeout& timeout : timeouts_) timeout.expired = &expired_;
  }

  void arm_all() {
    for (IdleTimeout& timeout : timeouts_) arm(timeout);
    turn();
  }

  void rearm(std::uint64_t count) {
    for (std::uint64_t i = 1; i <= count; ++i) {
      rearm_one();
      if (i % operations_per_turn == 0) turn();
    }
  }
  void rearm_one() { arm(timeouts_[prng_.below(timeouts_.size())]); }

  // Beside those that are armed: a request that was answered long before its timeout.
  void arm_and_disarm(std::uint64_t count) {
    IdleTimeout one;
    for (std::uint64_t i = 1; i <= count; ++i) {
      arm(one);
      one.unlink();
      if (i % operations_per_turn == 0) turn();
    }
  }

  // All of them, within a millisecond. That they are armed, and that it passes, does not count.
  Round expire_all() {
    constexpr Duration spread = milliseconds{1};
    const TimePoint begin = now();
    for (IdleTimeout& timeout : timeouts_)
      loop_->arm(timeout, begin + Duration{static_cast<Duration::rep>(
                                      prng_.below(static_cast<std::uint64_t>(spread.count())))});
    while (now() < begin + spread) continue;
    expired_ = 0;
    const TimePoint due = now();
    while (expired_ < timeouts_.size()) turn();
    return {now() - due, timeouts_.size()};
  }

  Loop& loop() { return *loop_; }
  void turn() {
    CHECK(loop_->run_once(Duration::zero()).has_value(), "a loop that waits for nothing");
  }

 private:
  void arm(IdleTimeout& timeout) {
    loop_->arm(timeout, loop_->now() + seconds{30} +
                            milliseconds{static_cast<std::int64_t>(prng_.below(30'000))});
  }

  std::unique_ptr<Loop> loop_;
  Prng prng_;
  std::uint64_t expired_ = 0;
  std::vector<IdleTimeout> timeouts_;  // They end before the loop in which they are armed.
};

// Re-arms timeouts a million times a second: a thousand each millisecond, or what has come together
// if it was late. Between them the loop sleeps.
class Beat final : public Alarm {
 public:
  explicit Beat(Timeouts& timeouts) : timeouts_(timeouts), begin_(now()) { arm_next(); }
  void run() override {
    constexpr Duration apart = std::chrono::microseconds{1};
    const auto wanted = static_cast<std::uint64_t>((now() - begin_) / apart);
    for (; done_ < wanted; ++done_) timeouts_.rearm_one();
    arm_next();
  }
  std::uint64_t done() const { return done_; }

 private:
  void arm_next() { timeouts_.loop().arm(*this, now() + milliseconds{1}); }

  Timeouts& timeouts_;
  TimePoint begin_;
  std::uint64_t done_ = 0;
};

Measured share_of_a_core(Timeouts& timeouts, const Pace& pace) {
  Beat beat(timeouts);
  const Duration before = used();
  for (const TimePoint end = now() + pace.sample; now() < end || beat.done() == 0;)
    CHECK(timeouts.loop().run_once(milliseconds{10}).has_value(), "a loop that waits for timers");
  const auto each = static_cast<double>((used() - before).count()) /
                    static_cast<double>(beat.done());  // Nanoseconds.
  constexpr double a_second = 1e9;
  return {{100 * each * 1e6 / a_second}, beat.done()};
}

template <class Measure>
Planned planned(std::string name, std::string unit, std::uint64_t n, std::uint64_t seed,
                Measure measure) {
  return {.rows = {{.group = group, .name = std::move(name), .n = n, .unit = std::move(unit)}},
          .begin = [=](const Pace& pace) -> Outcome<Sampler> {
            auto loop = make_loop();
            if (!loop) return std::unexpected(loop.error());
            auto timeouts = std::make_unique<Timeouts>(std::move(*loop), n, seed);
            timeouts->arm_all();
            return [=, timeouts = std::move(timeouts), block = Block(pace)]() mutable {
              return measure(*timeouts, block, pace);
            };
          }};
}

}  // namespace

Plan plan_timers(const Settings& settings) {
  constexpr std::uint64_t due_together = 1'000;
  Plan plan;
  plan.push_back(planned("arm and disarm, n armed", "ns", connections, settings.seed,
                         [](Timeouts& timeouts, Block& block, const Pace&) {
                           return block.measure(
                               [&](std::uint64_t count) { timeouts.arm_and_disarm(count); });
                         }));
  plan.push_back(planned("re-arm one of n", "ns", connections, settings.seed,
                         [](Timeouts& timeouts, Block& block, const Pace&) {
                           return block.measure(
                               [&](std::uint64_t count) { timeouts.rearm(count); });
                         }));
  plan.push_back(planned("expire, n at a time", "ns", due_together, settings.seed,
                         [](Timeouts& timeouts, Block&, const Pace& pace) {
                           return measure_rounds(pace, [&] { return timeouts.expire_all(); });
                         }));
  plan.push_back(planned("1,000,000 re-arms a second of n", "% of a core", connections,
                         settings.seed, [](Timeouts& timeouts, Block&, const Pace& pace) {
                           return share_of_a_core(timeouts, pace);
                         }));
  plan.back().rows.front().most = most_share;
  return plan;
}

}  // namespace tocsin::bench
