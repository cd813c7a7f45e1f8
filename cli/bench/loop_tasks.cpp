// SPDX-License-Identifier: MIT
//
// Tasks: what it costs to begin one and to see it end, to hand over between two, and to call off
// one that waits to read.
//
// Thread rule: one thread.
#include <memory>
#include <utility>
#include <vector>

#include "cli/bench/loop_list.hpp"
#include "cli/bench/loop_rounds.hpp"
#include "cli/bench/loop_thread.hpp"
#include "tocsin/net/unix.hpp"
#include "tocsin/task/channel.hpp"
#include "tocsin/task/scope.hpp"

namespace tocsin::bench {
namespace {

constexpr const char* group = "tasks";
constexpr double most_spawn = 60;  // Nanoseconds.
constexpr double most_cancel = 100;

Task<> nothing() { co_return; }

Task<> await_nothing(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) co_await nothing();
}

Task<> send_numbers(Channel<std::uint64_t>& channel, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i)
    if (!co_await channel.send(i)) co_return;
}

Task<> receive_numbers(Channel<std::uint64_t>& channel, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i)
    if (!co_await channel.receive()) co_return;
}

class Tasks {
 public:
  explicit Tasks(std::unique_ptr<Loop> loop) : loop_(std::move(loop)), scope_(*loop_) {}

  void spawn(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) scope_.spawn(nothing());
  }
  void await(std::uint64_t count) { scope_.spawn(await_nothing(count)); }

  // With room for one, the two take turns: each item is a switch to the receiver and one back.
  void hand_over(std::uint64_t count) {
    Channel<std::uint64_t> channel(1);
    Scope both(*loop_);
    both.spawn(receive_numbers(channel, count));
    both.spawn(send_numbers(channel, count));
    while (both.size() > 0)
      CHECK(loop_->run_once(Duration::zero()).has_value(), "a loop that waits for nothing");
  }

 private:
  std::unique_ptr<Loop> loop_;
  Scope scope_;
};

// A hundred connections whose peers are silent. To call them off is to take every one out of its
// source, to resume it with ECANCELED, and to see its task end.
class Silence {
 public:
  static constexpr std::size_t connections = 100;

  static Outcome<std::unique_ptr<Silence>> create() {
    auto loop = make_loop();
    if (!loop) return std::unexpected(loop.error());
    std::unique_ptr<Silence> silence(new Silence(std::move(*loop)));
    for (std::size_t i = 0; i < connections; ++i) {
      auto pair = UnixStream::pair(*silence->loop_);
      if (!pair) return std::unexpected(why_not("a pair of sockets", pair.error()));
      silence->pairs_.push_back(std::move(*pair));
    }
    return silence;
  }

  Round cancel_all() {
    Scope scope(*loop_);
    for (auto& [own, peer] : pairs_) scope.spawn(wait_for(own));
    const TimePoint begin = now();
    scope.cancel();
    while (scope.size() > 0)
      CHECK(loop_->run_once(Duration::zero()).has_value(), "a loop that has something to do");
    return {now() - begin, connections};
  }

 private:
  explicit Silence(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

  static Task<> wait_for(UnixStream& stream) { static_cast<void>(co_await stream.read()); }

  std::unique_ptr<Loop> loop_;
  std::vector<std::pair<UnixStream, UnixStream>> pairs_;  // They end before the loop.
};

template <class Run>
Planned planned(const char* name, Run run) {
  return {.rows = {{.group = group, .name = name, .n = {}, .unit = "ns"}},
          .begin = [run](const Pace& pace) -> Outcome<Sampler> {
            auto loop = make_loop();
            if (!loop) return std::unexpected(loop.error());
            return [run, tasks = std::make_unique<Tasks>(std::move(*loop)),
                    block = Block(pace)]() mutable {
              return block.measure([&](std::uint64_t count) { run(*tasks, count); });
            };
          }};
}

Planned planned_cancel() {
  return {.rows = {{.group = group,
                    .name = "cancel a waiting read, and its task ends",
                    .n = Silence::connections,
                    .unit = "ns",
                    .most = most_cancel}},
          .begin = [](const Pace& pace) -> Outcome<Sampler> {
            auto silence = Silence::create();
            if (!silence) return std::unexpected(silence.error());
            return [pace, silence = std::move(*silence)] {
              return measure_rounds(pace, [&] { return silence->cancel_all(); });
            };
          }};
}

}  // namespace

Plan plan_tasks(const Settings&) {
  Plan plan;
  plan.push_back(
      planned("spawn and finish", [](Tasks& tasks, std::uint64_t count) { tasks.spawn(count); }));
  plan.back().rows.front().most = most_spawn;
  plan.push_back(planned("await a task that ends at once",
                         [](Tasks& tasks, std::uint64_t count) { tasks.await(count); }));
  plan.push_back(planned("hand over through a channel and back",
                         [](Tasks& tasks, std::uint64_t count) { tasks.hand_over(count); }));
  plan.push_back(planned_cancel());
  return plan;
}

}  // namespace tocsin::bench
