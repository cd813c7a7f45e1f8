// SPDX-License-Identifier: MIT
//
// Posts: work for a loop, from its own thread and from another one, and how long a loop that sleeps
// takes to run it.
//
// Thread rule: the main thread; the loop that is posted to is a LoopThread where it has to be
// another's.
#include <atomic>
#include <memory>
#include <vector>

#include <fmt/core.h>

#include "cli/bench/loop_list.hpp"
#include "cli/bench/loop_thread.hpp"
#include "cli/bench/statistics.hpp"

namespace tocsin::bench {
namespace {

constexpr const char* group = "posts";
constexpr Duration patience = std::chrono::seconds{10};  // Until an answer is no longer expected.

void turn(Loop& loop, std::optional<Duration> longest) {
  CHECK(loop.run_once(longest).has_value(), "a loop that has only its waker to wait for");
}

// ---- from the same thread -----------------------------------------------------------------------

class Job final : public Work {
 public:
  void run() override { --*left; }

  std::uint64_t* left = nullptr;
};

class OwnPosts {
 public:
  explicit OwnPosts(std::unique_ptr<Loop> loop) : loop_(std::move(loop)), jobs_(batch) {
    for (Job& job : jobs_) job.left = &left_;
  }

  // Work that lies where its owner lies: what coroutines are resumed by.
  void post_works(std::uint64_t count) {
    in_batches(count, [&](std::uint64_t i) { loop_->post(jobs_[i]); });
  }
  // A function, as another thread would.
  void post_functions(std::uint64_t count) {
    in_batches(count, [&](std::uint64_t) { loop_->waker().post([this] { --left_; }); });
  }

 private:
  static constexpr std::uint64_t batch = 1'000;

  template <class Post>
  void in_batches(std::uint64_t count, Post post) {
    while (count > 0) {
      const std::uint64_t now = std::min(count, batch);
      left_ = now;
      for (std::uint64_t i = 0; i < now; ++i) post(i);
      while (left_ > 0) turn(*loop_, Duration::zero());
      count -= now;
    }
  }

  std::unique_ptr<Loop> loop_;
  std::uint64_t left_ = 0;
  std::vector<Job> jobs_;
};

template <class Run>
Planned planned_own(const char* name, Run run) {
  return {.rows = {{.group = group, .name = name, .n = {}, .unit = "ns"}},
          .begin = [run](const Pace& pace) -> Outcome<Sampler> {
            auto loop = make_loop();
            if (!loop) return std::unexpected(loop.error());
            return [run, posts = std::make_unique<OwnPosts>(std::move(*loop)),
                    block = Block(pace)]() mutable {
              return block.measure([&](std::uint64_t count) { run(*posts, count); });
            };
          }};
}

// ---- from another thread ------------------------------------------------------------------------

// A burst of posts to a loop that sleeps: what one costs whoever posts, and how long it takes until
// all have run.
class Burst {
 public:
  static constexpr std::uint64_t posts = 100'000;

  explicit Burst(std::unique_ptr<LoopThread> other) : other_(std::move(other)) {}

  Outcome<Measured> sample() {
    run_ = 0;
    const TimePoint begin = now();
    for (std::uint64_t i = 0; i < posts; ++i)
      other_->loop().waker().post([this] {
        run_.store(run_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
      });
    const TimePoint posted = now();
    while (run_.load(std::memory_order_acquire) < posts)
      if (now() > posted + patience) return std::unexpected("posts were not run");
    constexpr auto all = static_cast<double>(posts);
    return Measured{{static_cast<double>((posted - begin).count()) / all,
                     static_cast<double>((now() - begin).count()) / all},
                    posts};
  }

 private:
  std::atomic<std::uint64_t> run_ = 0;
  std::unique_ptr<LoopThread> other_;  // Ends first.
};

// There and back between two loops with nothing else to do: they sleep in between, or look on.
class RoundTrips {
 public:
  RoundTrips(std::unique_ptr<Loop> own, std::unique_ptr<LoopThread> other, std::string remark)
      : own_(std::move(own)), other_(std::move(other)), remark_(std::move(remark)) {}

  Outcome<Measured> sample(const Pace& pace) {
    one_way_.clear();
    const std::uint64_t before = wakeups();
    const TimePoint end = now() + pace.sample;
    TimePoint begin = now();
    do {
      const TimePoint answered = there_and_back(begin);
      if (answered == TimePoint{}) return std::unexpected("a post was not answered");
      one_way_.push_back(static_cast<double>((answered - begin).count()) / 2 / 1e3);
      begin = answered;
    } while (begin < end);
    const auto trips = static_cast<double>(one_way_.size());
    const double asleep = 100 * static_cast<double>(wakeups() - before) / (2 * trips);
    return Measured{{median(one_way_), quantile(one_way_, 0.99)},
                    one_way_.size(),
                    fmt::format("{:.0f} % found a loop asleep{}{}", asleep,
                                remark_.empty() ? "" : "; ", remark_)};
  }

 private:
  std::uint64_t wakeups() const {
    return own_->waker().wakeups() + other_->loop().waker().wakeups();
  }

  // When the answer has come; nothing if it has not.
  TimePoint there_and_back(TimePoint begin) {
    bool is_back = false;
    other_->loop().waker().post(
        [this, &is_back] { own_->waker().post([&is_back] { is_back = true; }); });
    while (!is_back) {
      turn(*own_, patience);
      if (now() > begin + patience) return {};
    }
    return now();
  }

  std::unique_ptr<Loop> own_;
  std::unique_ptr<LoopThread> other_;  // Ends first: it posts to the other.
  std::string remark_;
  std::vector<double> one_way_;  // Microseconds.
};

Outcome<std::unique_ptr<LoopThread>> start_other(int cpu, const LoopOptions& options = {}) {
  auto other = LoopThread::create(options);
  if (other) (*other)->start(cpu, [](Loop&, Scope&) {});
  return other;
}

Planned planned_burst(int cpu) {
  return {.rows = {{.group = group, .name = "function, from another thread", .n = {}, .unit = "ns"},
                   {.group = group, .name = "... until all have run, each", .n = {}, .unit = "ns"}},
          .begin = [cpu](const Pace&) -> Outcome<Sampler> {
            auto other = start_other(cpu);
            if (!other) return std::unexpected(other.error());
            return [burst = std::make_unique<Burst>(std::move(*other))] { return burst->sample(); };
          }};
}

// `when` says which of the two they do.
Planned planned_round_trips(int cpu, const std::string& remark, const LoopOptions& options,
                            const std::string& when) {
  constexpr const char* wake_up = "wake-up of another thread's loop: round trip / 2";
  return {.rows = {{.group = wake_up, .name = "median" + when, .n = {}, .unit = "us"},
                   {.group = wake_up, .name = "p99" + when, .n = {}, .unit = "us"}},
          .begin = [=](const Pace& pace) -> Outcome<Sampler> {
            auto own = make_loop(options);
            if (!own) return std::unexpected(own.error());
            auto other = start_other(cpu, options);
            if (!other) return std::unexpected(other.error());
            return [pace, trips = std::make_unique<RoundTrips>(std::move(*own), std::move(*other),
                                                               remark)] {
              return trips->sample(pace);
            };
          }};
}

}  // namespace

Plan plan_posts(const Settings& settings) {
  Plan plan;
  plan.push_back(
      planned_own("work, from the loop's own thread",
                  [](OwnPosts& posts, std::uint64_t count) { posts.post_works(count); }));
  plan.push_back(
      planned_own("function, from the loop's own thread",
                  [](OwnPosts& posts, std::uint64_t count) { posts.post_functions(count); }));
  plan.push_back(planned_burst(cpu_for(settings, 1)));
  const std::string remark = remark_on_cores(settings, 2);
  plan.push_back(planned_round_trips(cpu_for(settings, 1), remark, {}, ""));
  plan.push_back(planned_round_trips(cpu_for(settings, 1), remark, {.look_on = Duration::zero()},
                                     ", look_on = 0"));
  return plan;
}

}  // namespace tocsin::bench
