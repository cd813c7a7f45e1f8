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
constexpr std::uint64_t connections = 100'000;     // Their timeouts are 4 MB.
constexpr std::uint64_t few_connections = 10'000;  // These fit into the cache of a core.
constexpr std::uint64_t operations_per_turn = 100;
constexpr double most_share = 5;  // Percent of a core, for a million re-arms a second.

class IdleTimeout final : public Alarm {
 public:
  void run() override { ++*expired; }

  std::uint64_t* expired = nullptr;
};

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

// A turn each millisecond, in which timeouts are re-armed: as many as make a million a second, also
// if it comes late. Between the turns the loop sleeps.
class Beat final : public Alarm {
 public:
  enum class Rearms : bool { none, all };

  Beat(Timeouts& timeouts, Rearms rearms)
      : timeouts_(timeouts), rearms_(rearms), begin_(timeouts.loop().now()) {
    arm_next();
  }
  void run() override {
    const auto wanted = static_cast<std::uint64_t>((timeouts_.loop().now() - begin_) / apart);
    if (rearms_ == Rearms::all)
      for (std::uint64_t i = done_; i < wanted; ++i) timeouts_.rearm_one();
    done_ = wanted;
    arm_next();
  }

  // Percent of a core that it takes; after `length`, but not before it has run.
  double share(Duration length) {
    const Duration before = reading_of(Clock::worked);
    for (const TimePoint end = now() + length; now() < end || done_ == 0;)
      CHECK(timeouts_.loop().run_once(milliseconds{10}).has_value(), "a loop with an alarm");
    const std::chrono::duration<double> worked = reading_of(Clock::worked) - before;
    const std::chrono::duration<double> passed = static_cast<double>(done_) * apart;
    return 100 * (worked / passed);
  }
  std::uint64_t done() const { return done_; }

 private:
  static constexpr Duration apart = std::chrono::microseconds{1};

  void arm_next() { timeouts_.loop().arm(*this, timeouts_.loop().now() + milliseconds{1}); }

  Timeouts& timeouts_;
  Rearms rearms_;
  TimePoint begin_;
  std::uint64_t done_ = 0;
};

// What the re-arms take, beyond what it takes to wake up for them.
Measured share_of_rearms(Timeouts& timeouts, const Pace& pace) {
  const double alone = Beat(timeouts, Beat::Rearms::none).share(pace.sample / 3);
  Beat beat(timeouts, Beat::Rearms::all);
  const double both = beat.share(pace.sample - pace.sample / 3);
  return {{both - alone, alone}, beat.done()};
}

template <class Measure>
Planned planned(const char* name, const char* unit, std::uint64_t n, std::uint64_t seed,
                Measure measure) {
  return {.rows = {{.group = group, .name = name, .n = n, .unit = unit}},
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
  for (const std::uint64_t n : {few_connections, connections}) {
    plan.push_back(planned("1,000,000 re-arms a second of n", "% of a core", n, settings.seed,
                           [](Timeouts& timeouts, Block&, const Pace& pace) {
                             return share_of_rearms(timeouts, pace);
                           }));
    Row& rearms = plan.back().rows.front();
    rearms.most = most_share;
    Row turns = rearms;
    turns.name = "... the 1,000 turns they are made in";
    turns.most.reset();
    plan.back().rows.push_back(turns);
  }
  return plan;
}

}  // namespace tocsin::bench
