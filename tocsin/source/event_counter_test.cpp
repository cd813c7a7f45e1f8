// SPDX-License-Identifier: MIT
#include "tocsin/source/event_counter.hpp"

#include <sys/eventfd.h>

#include <optional>

#include <gtest/gtest.h>

#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

Task<Result<std::uint64_t>> next(EventCounter& counter) { co_return co_await counter.next(); }
Task<Result<>> add(EventCounter& counter, std::uint64_t count) {
  co_return co_await counter.add(count);
}
Task<> add_into(EventCounter& counter, std::uint64_t count, std::optional<Result<>>& into) {
  into = co_await counter.add(count);
}
Task<> next_into(EventCounter& counter, std::optional<Result<std::uint64_t>>& into) {
  into = co_await counter.next();
}

class EventCounterTest : public testing::Test {
 protected:
  LoopWorld world;
};

TEST_F(EventCounterTest, ACounterGivesAllThatWasAdded) {
  auto counter = EventCounter::create(world.loop).value();
  ASSERT_TRUE(world.await(add(counter, 2)));
  ASSERT_TRUE(world.await(add(counter, 3)));
  EXPECT_EQ(world.await(next(counter)), 5u);
}

TEST_F(EventCounterTest, ASemaphoreGivesOneAtATime) {
  auto counter = EventCounter::create(world.loop, Take::one).value();
  ASSERT_TRUE(world.await(add(counter, 2)));
  EXPECT_EQ(world.await(next(counter)), 1u);
  EXPECT_EQ(world.await(next(counter)), 1u);
  std::optional<Result<std::uint64_t>> third;
  world.scope.spawn(next_into(counter, third));
  world.run_until_idle();
  EXPECT_FALSE(third.has_value());
  ASSERT_TRUE(world.await(add(counter, 1)));
  ASSERT_TRUE(world.run_until([&] { return third.has_value(); }));
  EXPECT_EQ(*third, 1u);
}

TEST_F(EventCounterTest, WhoeverWouldOverflowItWaitsUntilThereIsRoom) {
  auto counter = EventCounter::create(world.loop).value();
  ASSERT_TRUE(world.await(add(counter, EventCounter::most - 1)));
  std::optional<Result<>> added;
  world.scope.spawn(add_into(counter, 2, added));
  world.run_until_idle();
  EXPECT_FALSE(added.has_value()) << "there is room for 1, and it is writable";
  EXPECT_EQ(world.await(next(counter)), EventCounter::most - 1);
  ASSERT_TRUE(world.run_until([&] { return added.has_value(); }));
  EXPECT_TRUE(added->has_value());
  EXPECT_EQ(world.await(next(counter)), 2u);
}

TEST_F(EventCounterTest, ItHoldsTheMostExactly) {
  auto counter = EventCounter::create(world.loop).value();
  ASSERT_TRUE(world.await(add(counter, EventCounter::most)));
  EXPECT_EQ(world.await(next(counter)), EventCounter::most);
  EXPECT_EQ(world.await(add(counter, EventCounter::most + 1)), std::unexpected(Errno::invalid));
}

TEST_F(EventCounterTest, SomebodyElsesIsTakenOver) {
  Kernel& kernel = kernel_under_test();
  Fd theirs(kernel, kernel.eventfd(0, EFD_CLOEXEC).value());  // Blocking.
  const Fd writer(kernel, kernel.dup(theirs.get()).value());
  auto counter = EventCounter::adopt(world.loop, std::move(theirs)).value();
  std::optional<Result<std::uint64_t>> got;
  world.scope.spawn(next_into(counter, got));
  world.run_until_idle();
  EXPECT_FALSE(got.has_value()) << "and the loop was not blocked";
  const std::uint64_t seven = 7;
  ASSERT_TRUE(kernel.write(writer.get(), std::as_bytes(std::span(&seven, 1))));
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, 7u);
}

// ---- cancellation -------------------------------------------------------------------------------

class Takes : public LoopScenario<> {
 public:
  Takes() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await counter_.next()) co_return;
  }
  void complete() override { EXPECT_TRUE(kernel.write(counter_.fd(), one_)); }

 protected:
  const std::uint64_t count_ = 1;
  const ByteView one_ = std::as_bytes(std::span(&count_, 1));
  EventCounter counter_ = EventCounter::create(loop()).value();
};
TEST(EventCounterCancellation, TakingIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Takes>(), 2); }

class Adds : public Takes {
 public:
  Adds() {
    const std::uint64_t most = EventCounter::most;
    EXPECT_TRUE(kernel.write(counter_.fd(), std::as_bytes(std::span(&most, 1))));
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await counter_.add(1)); }
  void complete() override {
    std::uint64_t all = 0;
    EXPECT_TRUE(kernel.read(counter_.fd(), std::as_writable_bytes(std::span(&all, 1))));
    EXPECT_EQ(all, EventCounter::most) << "whoever was cancelled has added nothing";
  }
};
TEST(EventCounterCancellation, AddingIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Adds>(), 1); }

}  // namespace
}  // namespace tocsin
