// SPDX-License-Identifier: MIT
#include "tocsin/source/run_nested.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/watch.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

constexpr int most_levels = 5;

Task<> keep(Task<Result<>> task, std::optional<Result<>>& outcome) {
  outcome = co_await std::move(task);
}

/// Loops, of which each may run in another one.
class Hierarchy {
 public:
  explicit Hierarchy(int count) {
    for (int i = 0; i < count; ++i) {
      loops_.push_back(Loop::create(kernel_under_test()).value());
      scopes_.push_back(std::make_unique<Scope>(*loops_.back()));
      outcomes_.push_back(std::make_unique<std::optional<Result<>>>());
    }
  }
  ~Hierarchy() { scopes_.clear(); }
  Hierarchy(const Hierarchy&) = delete;
  Hierarchy& operator=(const Hierarchy&) = delete;

  /// Runs the loop of number `inner` in the one of number `outer`. What came of it at once.
  std::optional<Result<>> nest(std::size_t outer, std::size_t inner) {
    outcomes_[inner]->reset();
    scopes_[outer]->spawn(keep(run_nested(loop(outer), loop(inner)), *outcomes_[inner]));
    return *outcomes_[inner];
  }
  std::string_view why_not(std::size_t outer, std::size_t inner) {
    return why_not_nested(loop(outer), loop(inner), outcomes_[inner]->value().error());
  }
  Loop& loop(std::size_t i) { return *loops_[i]; }
  Scope& scope(std::size_t i) { return *scopes_[i]; }
  const std::optional<Result<>>& outcome(std::size_t inner) { return *outcomes_[inner]; }

  /// Takes turns of the outermost one until `holds`.
  template <class Condition>
  bool run_until(Condition holds) {
    for (int turns = 0; turns < 100 && !holds(); ++turns)
      if (!loop(0).run_once(100ms)) return false;
    return holds();
  }

 private:
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::unique_ptr<std::optional<Result<>>>> outcomes_;
  std::vector<std::unique_ptr<Scope>> scopes_;
};

const std::optional<Result<>> too_many(Result<>(std::unexpected(Errno{ELOOP})));

TEST(RunNested, AnEventOfTheInnermostOfFiveComesThroughAll) {
  Hierarchy loops(most_levels);
  for (std::size_t i = 0; i + 1 < most_levels; ++i)
    ASSERT_EQ(loops.nest(i, i + 1), std::nullopt) << i;
  const auto [mine, theirs] = connected_pair();
  const auto watch = Watch::create(loops.loop(4), mine.get(), Ready::read).value();
  bool told = false;
  loops.scope(4).spawn([](Watch& from, bool& into) -> Task<> {
    into = (co_await from.next()).has_value();
  }(*watch, told));
  for (int turns = 0; turns < 20; ++turns) ASSERT_TRUE(loops.loop(0).run_once(0ns));
  EXPECT_FALSE(told);
  ASSERT_TRUE(kernel_under_test().write(theirs.get(), std::as_bytes(std::span("!", 1))));
  EXPECT_TRUE(loops.run_until([&] { return told; }));
}

TEST(RunNested, TimersAndPostsOfTheInnerLoopAreServedInTime) {
  Hierarchy loops(2);
  ASSERT_EQ(loops.nest(0, 1), std::nullopt);
  bool slept = false;
  bool posted = false;
  loops.scope(1).spawn([](bool& done) -> Task<> {
    co_await sleep_for(2ms);
    done = true;
  }(slept));
  loops.loop(1).waker().post([&] { posted = true; });
  EXPECT_TRUE(loops.run_until([&] { return slept && posted; }));
}

TEST(RunNested, TheSixthLevelIsTooDeepWhicheverWayItGrows) {
  Hierarchy inward(most_levels + 1);
  for (std::size_t i = 0; i + 1 < most_levels; ++i)
    ASSERT_EQ(inward.nest(i, i + 1), std::nullopt) << i;
  EXPECT_EQ(inward.nest(most_levels - 1, most_levels), too_many);
  EXPECT_NE(inward.why_not(most_levels - 1, most_levels).find("too deep"), std::string_view::npos);

  Hierarchy outward(most_levels + 1);
  for (std::size_t i = most_levels; i > 1; --i)
    ASSERT_EQ(outward.nest(i - 1, i), std::nullopt) << i;
  EXPECT_EQ(outward.nest(0, 1), too_many);
  EXPECT_NE(outward.why_not(0, 1).find("too deep"), std::string_view::npos);
}

TEST(RunNested, ACircleIsRefusedAndSaidToBeOne) {
  Hierarchy loops(3);
  ASSERT_EQ(loops.nest(0, 1), std::nullopt);
  ASSERT_EQ(loops.nest(1, 2), std::nullopt);
  EXPECT_EQ(loops.nest(2, 0), too_many);
  EXPECT_NE(loops.why_not(2, 0).find("a circle"), std::string_view::npos);

  Hierarchy alone(1);
  EXPECT_EQ(alone.nest(0, 0), too_many);
  EXPECT_NE(alone.why_not(0, 0).find("in itself"), std::string_view::npos);
}

// What epoll itself says is what why_not_nested leans on.
TEST(RunNested, TheKernelRefusesTheCircleToo) {
  Kernel& kernel = kernel_under_test();
  const Fd outer(kernel, kernel.epoll_create1(EPOLL_CLOEXEC).value());
  const Fd inner(kernel, kernel.epoll_create1(EPOLL_CLOEXEC).value());
  epoll_event event{.events = EPOLLIN, .data = {}};
  ASSERT_TRUE(kernel.epoll_ctl(outer.get(), EPOLL_CTL_ADD, inner.get(), &event));
  EXPECT_EQ(kernel.epoll_ctl(inner.get(), EPOLL_CTL_ADD, outer.get(), &event),
            Result<>(std::unexpected(Errno{ELOOP})));
  EXPECT_EQ(kernel.epoll_ctl(inner.get(), EPOLL_CTL_ADD, inner.get(), &event),
            Result<>(std::unexpected(Errno::invalid)));
}

TEST(RunNested, EndsWhenTheInnerLoopIsStoppedAndCanBeginAnew) {
  Hierarchy loops(2);
  ASSERT_EQ(loops.nest(0, 1), std::nullopt);
  EXPECT_EQ(loops.loop(1).outer(), &loops.loop(0));
  loops.loop(1).stop();
  ASSERT_TRUE(loops.run_until([&] { return loops.outcome(1).has_value(); }));
  EXPECT_EQ(loops.outcome(1), std::optional(Result<>()));
  EXPECT_EQ(loops.loop(1).outer(), nullptr);
  EXPECT_EQ(loops.nest(0, 1), std::nullopt);
}

TEST(RunNested, ALoopWithoutADescriptorCannotBeNested) {
  LoopOptions options;
  options.mechanism = Mechanism::io_uring;
  auto inner = Loop::create(kernel_under_test(), options);
  if (!inner) GTEST_SKIP() << "io_uring: " << inner.error().message();
  LoopWorld world;
  EXPECT_EQ(world.await(run_nested(world.loop, **inner)),
            Result<>(std::unexpected(Errno::unsupported)));
}

class Nested : public LoopScenario<> {
 public:
  Nested() {
    static_cast<void>(inner_->fd());
    set_out();
  }
  Task<> line() override { co_await run_nested(loop(), *inner_); }
  void complete() override { inner_->stop(); }

 private:
  std::unique_ptr<Loop> inner_ = Loop::create(kernel).value();
};
TEST(RunNested, IsGivenUpWithoutATrace) { EXPECT_EQ(walk<Nested>(), 1); }

}  // namespace
}  // namespace tocsin
