// SPDX-License-Identifier: MIT
#include "tocsin/task/task.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/task/executor_testing.hpp"
#include "tocsin/task/task_testing.hpp"

namespace tocsin {
namespace {

using Log = std::vector<std::string>;

// An idle connection is a Scope's child, a frame or two and what they wait for: these are what is
// multiplied by a hundred thousand.
static_assert(sizeof(Task<>) == sizeof(void*));
static_assert(sizeof(Context) == 4 * sizeof(void*));
static_assert(sizeof(Suspension) == 4 * sizeof(void*));
static_assert(sizeof(internal::Promise<void>) == 4 * sizeof(void*));
static_assert(sizeof(internal::Promise<Result<>>) == 5 * sizeof(void*));

// Far more than the default 8 MiB of stack would hold if it took any, in every build.
constexpr int chain_length = 100'000;
constexpr int loop_length = 1'000'000;

struct TaskTest : testing::Test {
  /// What `task` gives; the test has opened every gate it waits at.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    Scope scope(executor);
    scope.spawn(into(result, std::move(task)));
    executor.run_until_idle();
    return std::move(result.value());
  }

  ManualExecutor executor;
  Gate gate;
  Log log;
  int alive = 0;
};

Task<int> gives(int value) { co_return value; }

Task<> notes(Log& log, std::string line) {
  log.push_back(line);
  co_return;
}

TEST_F(TaskTest, NothingRunsBeforeItIsAwaited) {
  Task<> task = notes(log, "ran");
  executor.run_until_idle();
  EXPECT_TRUE(log.empty());
}

TEST_F(TaskTest, ATaskThatIsNeverAwaitedIsDestroyedWithItsParameters) {
  {
    Task<> task = [](Counted) -> Task<> { co_return; }(Counted(alive));
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST_F(TaskTest, AnAwaiterGoesOnWithTheResult) {
  EXPECT_EQ(run([]() -> Task<int> {
              const int left = co_await gives(40);
              const int right = co_await gives(2);
              co_return left + right;
            }()),
            42);
}

TEST_F(TaskTest, AwaitsNestInArgumentsAndConditions) {
  EXPECT_EQ(run([]() -> Task<int> {
              int sum = 0;
              while (const int more = co_await gives(3 - sum)) sum += std::max(more, 1);
              co_return sum + co_await gives(co_await gives(7));
            }()),
            10);
}

TEST_F(TaskTest, AResultThatCannotBeCopiedIsHandedOver) {
  auto pointer = run([]() -> Task<std::unique_ptr<int>> {
    auto made = std::make_unique<int>(5);
    co_return made;
  }());
  EXPECT_EQ(*pointer, 5);
}

TEST_F(TaskTest, AResultOfNothingIsSuccessOrAnError) {
  const auto ok = [](bool good) -> Task<Result<>> {
    if (!good) co_return std::unexpected(Errno::invalid);
    co_return {};
  };
  EXPECT_TRUE(run(ok(true)).has_value());
  EXPECT_EQ(run(ok(false)).error(), Errno::invalid);
}

TEST_F(TaskTest, AResultNeedsNoDefaultConstructor) {
  struct Named {
    explicit Named(std::string given) : name(std::move(given)) {}
    std::string name;
  };
  EXPECT_EQ(run([]() -> Task<Named> { co_return Named("bell"); }()).name, "bell");
}

TEST_F(TaskTest, AnExceptionComesOutOfEveryAwaitOfTheChain) {
  struct Chain {
    static Task<int> thrower(Gate& gate) {
      (void)co_await gate.pass();
      throw std::runtime_error("deep");
    }
    static Task<int> passes_on(Gate& gate, Counted) { co_return co_await thrower(gate); }
    static Task<std::string> catches(Gate& gate, int& alive) {
      try {
        (void)co_await passes_on(gate, Counted(alive));
      } catch (const std::runtime_error& error) {
        co_return error.what();
      }
      co_return "nothing thrown";
    }
  };
  gate.open();
  EXPECT_EQ(run(Chain::catches(gate, alive)), "deep");
  EXPECT_EQ(alive, 0);
}

TEST_F(TaskTest, AnExceptionCanBeThrownAgainAfterAWaitInBetween) {
  struct Chain {
    static Task<int> thrower() {
      throw std::runtime_error("first");
      co_return 0;
    }
    static Task<std::string> retries(Gate& gate) {
      std::string seen;
      for (int i = 0; i < 2; ++i) {
        try {
          (void)co_await thrower();
        } catch (const std::runtime_error& error) {
          seen += error.what();
        }
        (void)co_await gate.pass();
      }
      co_return seen;
    }
  };
  gate.open();
  EXPECT_EQ(run(Chain::retries(gate)), "firstfirst");
}

TEST_F(TaskTest, ADeepChainNeedsNoStack) {
  struct Chain {
    static Task<int> depth(int more) {
      if (more == 0) co_return 0;
      const int below = co_await depth(more - 1);
      co_return below + 1;
    }
  };
  EXPECT_EQ(run(Chain::depth(chain_length)), chain_length);
}

TEST_F(TaskTest, AnExceptionClimbsADeepChainWithoutStack) {
  struct Chain {
    static Task<int> depth(int more) {
      if (more == 0) throw std::runtime_error("bottom");
      co_return co_await depth(more - 1);
    }
    static Task<bool> top() {
      try {
        (void)co_await depth(chain_length / 10);
      } catch (const std::runtime_error&) {
        co_return true;
      }
      co_return false;
    }
  };
  EXPECT_TRUE(run(Chain::top()));
}

TEST_F(TaskTest, ALoopOfTasksThatAreReadyNeedsNoStack) {
  EXPECT_EQ(run([]() -> Task<int> {
              int sum = 0;
              for (int i = 0; i < loop_length; ++i) sum += co_await gives(1);
              co_return sum;
            }()),
            loop_length);
}

// Three frames, each with a parameter and a local, two gates: at each of the suspension points all
// of the chain has to go, innermost first.
struct Destroyed {
  Counted counted;
  Log& log;
  std::string name;
  ~Destroyed() { log.push_back(name); }
};

Task<> inner(Gate& first, Gate& second, Log& log, int& alive) {
  Destroyed local(Counted(alive), log, "inner");
  (void)co_await first.pass();
  (void)co_await second.pass();
}
Task<> middle(Gate& first, Gate& second, Log& log, int& alive, Counted) {
  Destroyed local(Counted(alive), log, "middle");
  co_await inner(first, second, log, alive);
}
Task<> outer(Gate& first, Gate& second, Log& log, int& alive) {
  Destroyed local(Counted(alive), log, "outer");
  co_await middle(first, second, log, alive, Counted(alive));
}

TEST_F(TaskTest, ASuspendedChainIsDestroyedInnermostFirstAtEverySuspensionPoint) {
  for (int opened = 0; opened < 2; ++opened) {
    Gate first;
    Gate second;
    log.clear();
    {
      Scope scope(executor);
      scope.spawn(outer(first, second, log, alive));
      if (opened == 1) first.open();
      executor.run_until_idle();
      EXPECT_EQ(alive, 4);
    }
    EXPECT_EQ(log, (Log{"inner", "middle", "outer"})) << "after gate " << opened;
    EXPECT_EQ(alive, 0);
    EXPECT_FALSE(first.has_waiting() || second.has_waiting());
    EXPECT_TRUE(executor.is_idle());
  }
}

TEST_F(TaskTest, AFrameThatIsDestroyedWhileItIsToBeResumedLeavesTheQueue) {
  ONLY_WITH_A_QUEUE_TO_LOOK_INTO(executor);
  {
    Scope scope(executor);
    scope.spawn(outer(gate, gate, log, alive));
    gate.open();
    EXPECT_FALSE(executor.is_idle());
  }
  EXPECT_TRUE(executor.is_idle());
  EXPECT_EQ(alive, 0);
}

TEST_F(TaskTest, ATaskCanBeMovedUntilItIsAwaited) {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(gives(i));
  EXPECT_EQ(run([](std::vector<Task<int>> all) -> Task<int> {
              int sum = 0;
              for (Task<int>& task : all) sum += co_await task;
              co_return sum;
            }(std::move(tasks))),
            45);
}

TEST_F(TaskTest, ACoroutineLearnsTheContextItRunsIn) {
  Context* seen = nullptr;
  Scope scope(executor);
  scope.spawn([](Context*& out, Gate& at) -> Task<> {
    Context& context = co_await this_context();
    out = &context;
    (void)co_await at.pass();
  }(seen, gate));
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(&seen->executor(), &executor);
  seen->cancel();
  executor.run_until_idle();
  EXPECT_EQ(scope.size(), 0u);
}

using TaskDeathTest = TaskTest;

TEST_F(TaskDeathTest, ATaskIsAwaitedOnce) {
  EXPECT_DEATH(run([](Task<int> task) -> Task<int> {
                 const int once = co_await task;
                 co_return once + co_await task;
               }(gives(1))),
               "a task is awaited once");
}

TEST_F(TaskDeathTest, ATaskThatWasMovedFromIsNotAwaited) {
  EXPECT_DEATH(
      {
        Task<int> task = gives(1);
        const Task<int> taken = std::move(task);
        run(std::move(task));
      },
      "moved from");
}

}  // namespace
}  // namespace tocsin
