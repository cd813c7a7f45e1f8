// SPDX-License-Identifier: MIT
//
// What a pool of threads and `offload` promise: results and exceptions come back, lines wait in
// order, what has not started can be called off, what has started ends.
//
// A Gate stands for whatever a function may block in: it holds the threads until the test lets go.
#include "tocsin/source/offload.hpp"

#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

class Gate {
 public:
  /// What a function does that blocks.
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_until_arrived(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= count; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int arrived() {
    const std::lock_guard lock(mutex_);
    return arrived_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

// Gate and world are first: they outlive the pool, which waits for what runs.
class OffloadTest : public testing::Test {
 protected:
  ~OffloadTest() override { gate.open(); }

  void make(unsigned threads) { pool = ThreadPool::create(world.loop, threads).value(); }

  template <class Function>
  auto run(Function function) {
    return world.await(awaiting(*pool, std::move(function)));
  }
  template <class Function>
  static auto awaiting(ThreadPool& pool, Function function)
      -> Task<typename Offload<Function>::Outcome> {
    co_return co_await offload(pool, std::move(function));
  }
  template <class T>
  static Task<> keep(Task<T> task, std::optional<T>& into) {
    into.emplace(co_await std::move(task));
  }
  auto pass() {
    return awaiting(*pool, [this] { gate.pass(); });
  }

  Gate gate;
  LoopWorld world;
  std::unique_ptr<ThreadPool> pool = ThreadPool::create(world.loop, 1).value();
};

TEST_F(OffloadTest, WhatAFunctionReturnsComesBack) {
  EXPECT_EQ(run([] { return 7; }), 7);
  EXPECT_EQ(*run([] { return std::make_unique<int>(7); }).value(), 7);
  EXPECT_TRUE(run([] {}));
  EXPECT_EQ(run([]() -> Result<int> { return 7; }), 7) << "no Result in a Result";
  EXPECT_EQ(run([]() -> Result<int> { return std::unexpected(Errno{EIO}); }).error(), Errno{EIO});
}

TEST_F(OffloadTest, WhatItThrowsComesOutOfTheAwait) {
  const auto line = [](ThreadPool& on) -> Task<std::string> {
    try {
      (void)co_await offload(on, []() -> int { throw std::runtime_error("no"); });
    } catch (const std::runtime_error& thrown) {
      co_return thrown.what();
    }
    co_return "nothing was thrown";
  };
  EXPECT_EQ(world.await(line(*pool)), "no");
  EXPECT_TRUE(run([] {})) << "the thread is still there";
}

TEST_F(OffloadTest, ItRunsOnAnotherThreadAndItsLineOnTheLoops) {
  const auto here = std::this_thread::get_id();
  std::optional<std::thread::id> line;
  const auto task = [](ThreadPool& on, std::optional<std::thread::id>& after) -> Task<bool> {
    const auto there = co_await offload(on, [] { return std::this_thread::get_id(); });
    after = std::this_thread::get_id();
    co_return *there != *after;
  };
  EXPECT_TRUE(world.await(task(*pool, line)));
  EXPECT_EQ(line, here);
}

TEST_F(OffloadTest, NoThreadOfThePoolTakesASignal) {
  ONLY_ON_LINUX("the threads of a process in user space have one signal mask");
  EXPECT_EQ(run([] {
              sigset_t blocked;
              ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
              return sigismember(&blocked, SIGTERM);
            }),
            1);
}

TEST_F(OffloadTest, TheLoopGoesOnMeanwhile) {
  std::optional<Result<>> passed;
  world.scope.spawn(keep(pass(), passed));
  gate.wait_until_arrived(1);
  for (int turn = 0; turn < 3; ++turn) ASSERT_TRUE(world.loop.run_once(0s));
  EXPECT_FALSE(passed.has_value());
  gate.open();
  EXPECT_TRUE(world.run_until([&] { return passed.has_value(); }));
}

TEST_F(OffloadTest, WhileAllThreadsAreBusyLinesWait) {
  make(2);
  std::vector<std::optional<Result<>>> held(2);
  for (auto& one : held) world.scope.spawn(keep(pass(), one));
  gate.wait_until_arrived(2);

  constexpr std::size_t lines = 1000;
  std::atomic<std::size_t> called = 0;
  std::vector<std::optional<Result<>>> done(lines);
  for (auto& one : done) world.scope.spawn(keep(awaiting(*pool, [&] { ++called; }), one));
  EXPECT_EQ(pool->queued(), lines);
  EXPECT_EQ(called, 0u) << "two threads, two functions at a time";
  gate.open();
  ASSERT_TRUE(world.run_until([&] { return world.scope.size() == 0; }));
  EXPECT_EQ(pool->queued(), 0u);
  EXPECT_EQ(called, lines);
}

TEST_F(OffloadTest, OneThreadCallsThemInTheOrderOfAwaiting) {
  std::vector<int> order;  // Of the one thread, and looked at when all has ended.
  for (int i = 0; i < 100; ++i) {
    const auto line = [](ThreadPool& on, std::vector<int>& into, int number) -> Task<Result<>> {
      co_return co_await offload(on, [&] { into.push_back(number); });
    };
    world.scope.spawn(line(*pool, order, i));
  }
  ASSERT_TRUE(world.run_until([&] { return world.scope.size() == 0; }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST_F(OffloadTest, WhatHasNotStartedIsCalledOffAtOnceAndNeverRuns) {
  std::optional<Result<>> first;
  std::optional<Result<>> second;
  bool ran = false;
  Scope goes(world.loop);
  world.scope.spawn(keep(pass(), first));
  gate.wait_until_arrived(1);
  goes.spawn(keep(awaiting(*pool, [&] { ran = true; }), second));
  goes.cancel();
  ASSERT_TRUE(world.run_until([&] { return second.has_value(); }));
  EXPECT_EQ(second->error(), Errno::cancelled);
  EXPECT_EQ(pool->queued(), 0u);
  gate.open();
  ASSERT_TRUE(world.run_until([&] { return first.has_value(); }));
  EXPECT_TRUE(run([] {}));
  EXPECT_FALSE(ran);
}

TEST_F(OffloadTest, WhatHasStartedEndsAndItsResultCounts) {
  std::optional<Result<int>> result;
  Scope goes(world.loop);
  goes.spawn(keep(awaiting(*pool,
                           [this] {
                             gate.pass();
                             return 7;
                           }),
                  result));
  gate.wait_until_arrived(1);
  goes.cancel();
  world.run_until_idle();
  EXPECT_FALSE(result.has_value()) << "it runs: the line waits for it";
  gate.open();
  ASSERT_TRUE(world.run_until([&] { return result.has_value(); }));
  EXPECT_EQ(*result, 7);
}

TEST_F(OffloadTest, ATimeoutEndsWhatHasNotStarted) {
  std::optional<Result<>> first;
  world.scope.spawn(keep(pass(), first));
  gate.wait_until_arrived(1);
  const auto line = [](ThreadPool& on) -> Task<Result<int>> {
    co_return co_await timeout(1ms, offload(on, [] { return 7; }));
  };
  EXPECT_EQ(world.await(line(*pool)), std::unexpected(Errno::timed_out));
}

// The function refers to its line's variables: they are there for as long as it runs.
TEST_F(OffloadTest, AFrameThatIsDestroyedWaitsForTheFunctionThatRefersToIt) {
  std::atomic<bool> ended = false;
  const auto line = [](ThreadPool& on, Gate& at, std::atomic<bool>& end) -> Task<> {
    int mine = 1;
    (void)co_await offload(on, [&] {
      at.pass();
      ++mine;
      end = true;
    });
  };
  std::optional<Scope> scope(world.loop);
  scope->spawn(line(*pool, gate, ended));
  gate.wait_until_arrived(1);
  std::jthread opens([this] { gate.open(); });
  scope.reset();
  EXPECT_TRUE(ended);
}

TEST_F(OffloadTest, APoolThatEndsEndsWhoeverWaits) {
  std::optional<Result<>> runs;
  std::optional<Result<>> waits;
  world.scope.spawn(keep(pass(), runs));
  gate.wait_until_arrived(1);
  world.scope.spawn(keep(pass(), waits));
  std::jthread opens([this] { gate.open(); });
  pool.reset();
  ASSERT_TRUE(world.run_until([&] { return runs && waits; }));
  EXPECT_TRUE(runs->has_value());
  EXPECT_EQ(waits->error(), Errno::cancelled);
}

// ---- every end of every wait --------------------------------------------------------------------

// The one thread is held by the scenario itself, so the line's function never starts before
// `complete` lets it.
class OffloadScenario : public LoopScenario<> {
 public:
  OffloadScenario() { set_out(); }
  ~OffloadScenario() override { gate_.open(); }

  Task<> line() override {
    std::string mine = "x";
    const auto done = co_await offload(*pool_, [&] { return mine + "y"; });
    EXPECT_EQ(done.value_or("xy"), "xy");
  }
  void complete() override { gate_.open(); }
  void run_until_idle() override {
    LoopScenario::run_until_idle();
    if (!gate_.is_open()) return;
    pool_.reset();  // Whatever it has taken is done, or let go.
    LoopScenario::run_until_idle();
  }

 private:
  class Held final : public PoolJob {
   public:
    void open() {
      opened_ = true;
      opened_.notify_all();
    }
    bool is_open() const { return opened_; }

   private:
    void perform() noexcept override { opened_.wait(false); }
    void performed() override {}

    std::atomic<bool> opened_ = false;
  };

  Held gate_;
  std::unique_ptr<ThreadPool> pool_ = [this] {
    auto made = ThreadPool::create(loop(), 1).value();
    made->submit(gate_);
    return made;
  }();
};

TEST(OffloadCancellation, AFunctionIsWaitedForAndGivenUpWithoutATrace) {
  EXPECT_EQ(walk<OffloadScenario>(), 1);
}

}  // namespace
}  // namespace tocsin
