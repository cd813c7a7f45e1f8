// SPDX-License-Identifier: MIT
//
// Readiness of any descriptor, in each mode; and what users of such software report again and
// again: descriptors that are closed, duplicated, handed over, or shared with a child, by others
// and at the wrong moment.
#include "tocsin/source/watch.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/child_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/on_each.hpp"

namespace tocsin {
namespace {

constexpr Mode level{};
constexpr Mode edge{.trigger = Trigger::edge};
constexpr Mode oneshot{.oneshot = true};
constexpr Mode exclusive{.exclusive = true};
constexpr std::unexpected bad_fd{Errno{EBADF}};

Task<Result<Ready>> next_of(Watch& watch) { co_return co_await watch.next(); }

struct WatchTest : testing::Test {
  Fd counter() { return {kernel, kernel.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK).value()}; }
  void ring(const Fd& fd) {
    const std::uint64_t one = 1;
    ASSERT_TRUE(kernel.write(fd.get(), std::as_bytes(std::span(&one, 1))));
  }
  void drain(const Fd& fd) {
    std::uint64_t count = 0;
    ASSERT_TRUE(kernel.read(fd.get(), std::as_writable_bytes(std::span(&count, 1))));
  }
  std::unique_ptr<Watch> watch(const Fd& fd, Mode mode, Ready interest = Ready::read) {
    return Watch::create(world.loop, fd.get(), interest, mode).value();
  }
  Result<Ready> next(Watch& from) { return world.await(next_of(from)); }
  /// Whether there is nothing to tell now.
  bool is_silent(Watch& from) {
    std::optional<Result<Ready>> told;
    Scope scope(world.loop);
    scope.spawn([](Watch& watched, std::optional<Result<Ready>>& into) -> Task<> {
      into = co_await watched.next();
    }(from, told));
    world.run_until_idle();
    const bool silent = !told.has_value();
    scope.cancel();
    world.run_until_idle();
    return silent;
  }

  Kernel& kernel = kernel_under_test();
  LoopWorld world;
};

// ---- the modes ----------------------------------------------------------------------------------

TEST_F(WatchTest, ALevelIsToldAsLongAsItHolds) {
  const Fd fd = counter();
  const auto watched = watch(fd, level);
  ring(fd);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(next(*watched), Ready::read);
  drain(fd);
  EXPECT_TRUE(is_silent(*watched));
  ring(fd);
  EXPECT_EQ(next(*watched), Ready::read);
}

TEST_F(WatchTest, ALevelThatNobodyWaitsForKeepsNoLoopBusy) {
  const auto pair = connected_pair();
  const auto watched = watch(pair[0], level, Ready::read | Ready::read_hangup);
  ASSERT_TRUE(kernel.shutdown(pair[1].get(), SHUT_RDWR));  // A hangup is told even unasked.
  world.run_until_idle();
  const auto before = world.loop.counters().events;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(world.loop.run_once(Duration::zero()));
  EXPECT_EQ(world.loop.counters().events, before);
  const Ready ready = next(*watched).value();
  EXPECT_TRUE(any(ready, Ready::hangup));
  EXPECT_TRUE(any(ready, Ready::read));
}

TEST_F(WatchTest, AnEdgeIsToldOnceAndKeptWhileNobodyWaits) {
  const Fd fd = counter();
  const auto watched = watch(fd, edge);
  ring(fd);
  world.run_until_idle();
  EXPECT_EQ(next(*watched), Ready::read);
  EXPECT_TRUE(is_silent(*watched)) << "it is ready still, but that is no news";
  ring(fd);
  EXPECT_EQ(next(*watched), Ready::read);
}

TEST_F(WatchTest, AOneshotIsToldOnceForEachThatAsks) {
  const Fd fd = counter();
  const auto watched = watch(fd, oneshot);
  ring(fd);
  world.run_until_idle();
  ring(fd);
  const auto before = world.loop.counters().events;
  world.run_until_idle();
  EXPECT_EQ(world.loop.counters().events, before) << "it is disabled until somebody asks";
  EXPECT_EQ(next(*watched), Ready::read);
  EXPECT_EQ(next(*watched), Ready::read);
  drain(fd);
  EXPECT_TRUE(is_silent(*watched));
}

TEST_F(WatchTest, AnExclusiveOneRestsAndComesBackToo) {
  const Fd fd = counter();
  const auto watched = watch(fd, exclusive);
  ring(fd);
  world.run_until_idle();
  EXPECT_EQ(world.registrations(), 0u);
  EXPECT_EQ(next(*watched), Ready::read);
  drain(fd);
  EXPECT_TRUE(is_silent(*watched));
}

TEST_F(WatchTest, OfExclusiveLoopsOnOneFileNotAllAreWoken) {
  const Fd fd = counter();
  LoopWorld other;
  const auto here = watch(fd, {.trigger = Trigger::edge, .exclusive = true});
  const auto there = Watch::create(other.loop, fd.get(), Ready::read,
                                   {.trigger = Trigger::edge, .exclusive = true})
                         .value();
  ring(fd);  // Nobody sleeps in either, so both are told: only sleepers are chosen among.
  EXPECT_EQ(next(*here), Ready::read);
  EXPECT_EQ(other.await(next_of(*there)), Ready::read);
  EXPECT_EQ(here->modify(Ready::read | Ready::priority, exclusive),
            Result<>(std::unexpected(Errno::invalid)))
      << "epoll_ctl(2): EPOLLEXCLUSIVE allows few bits besides";
}

TEST_F(WatchTest, UrgentDataIsAPriority) {
  const auto pair = connected_pair();
  const auto watched = watch(pair[0], edge, Ready::priority);
  EXPECT_TRUE(is_silent(*watched));
  ASSERT_TRUE(kernel.send(pair[1].get(), std::as_bytes(std::span("!", 1)), MSG_OOB));
  EXPECT_EQ(next(*watched), Ready::priority);
}

TEST_F(WatchTest, InterestAndModeMayChange) {
  const auto pair = connected_pair();
  const auto watched = watch(pair[0], level);
  EXPECT_TRUE(is_silent(*watched));
  ASSERT_TRUE(watched->modify(Ready::write, edge));
  EXPECT_EQ(next(*watched), Ready::write);
  EXPECT_TRUE(is_silent(*watched));
  ASSERT_TRUE(watched->modify(Ready::write, exclusive));
  EXPECT_EQ(next(*watched), Ready::write);
}

TEST_F(WatchTest, TellsACallbackAsWell) {
  const Fd fd = counter();
  const auto watched = watch(fd, level);
  int calls = 0;
  Scope scope(world.loop);
  on_each(scope, *watched, [&](Ready) {
    if (++calls == 3) drain(fd);
  });
  ring(fd);
  EXPECT_TRUE(world.run_until([&] { return calls == 3; }));
  world.run_until_idle();
  EXPECT_EQ(calls, 3);
}

TEST_F(WatchTest, WhatIsAlwaysReadyIsRefused) {
  const Fd file = unnamed_file();
  const auto refused = Watch::create(world.loop, file.get(), Ready::read);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Errno::not_permitted);
  EXPECT_EQ(world.registrations(), 0u);
}

// ---- descriptors in the hands of others ---------------------------------------------------------

TEST_F(WatchTest, ASecondWatchOfOneFdIsRefusedAndOneOfADuplicateIsNot) {
  const Fd fd = counter();
  const auto first = watch(fd, level);
  const auto second = Watch::create(world.loop, fd.get(), Ready::write);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), Errno{EEXIST});
  const Fd duplicate(kernel, kernel.fcntl(fd.get(), F_DUPFD_CLOEXEC, 0).value());
  const auto third = watch(duplicate, level, Ready::write);
  EXPECT_EQ(next(*third), Ready::write);
  ring(fd);
  EXPECT_EQ(next(*first), Ready::read);
}

TEST_F(WatchTest, AnFdThatAForeignLibraryClosedIsAnErrorAndNotTheEnd) {
  for (const Mode mode : {level, edge, oneshot, exclusive}) {
    Fd fd = counter();
    const auto watched = watch(fd, mode);
    EXPECT_TRUE(is_silent(*watched));
    EXPECT_FALSE(watched->was_closed());
    fd.reset();
    EXPECT_TRUE(watched->was_closed());
    EXPECT_EQ(next(*watched), bad_fd);
    EXPECT_FALSE(watched->modify(Ready::write, level));
  }
  EXPECT_EQ(world.registrations(), 0u);
}

// libcurl closes a socket, and tells its user afterwards; the next socket gets the number.
TEST_F(WatchTest, TheLateEndOfAWatchDoesNotDeafenTheOneThatHasItsNumberNow) {
  Fd fd = counter();
  const int number = fd.get();
  auto before = watch(fd, level);
  fd.reset();
  const Fd after = counter();
  ASSERT_EQ(after.get(), number) << "the test needs the number to be reused";
  const auto now = watch(after, level);
  EXPECT_TRUE(before->was_closed());
  EXPECT_FALSE(now->was_closed());
  EXPECT_EQ(next(*before), bad_fd);
  EXPECT_EQ(before->modify(Ready::write, level), Result<>(bad_fd));
  before.reset();
  ring(after);
  EXPECT_EQ(next(*now), Ready::read);
}

TEST_F(WatchTest, ANumberThatMeansAnotherFileNowIsFoundOut) {
  ONLY_ON_LINUX("only the kernel can tell, by kcmp(2)");
  Fd fd = counter();
  const int number = fd.get();
  const auto watched = watch(fd, level);
  const Fd duplicate(kernel, kernel.fcntl(number, F_DUPFD_CLOEXEC, 0).value());
  if (kernel.kcmp_epoll(number, world.loop.fd().value(), number, 0) ==
      std::unexpected(Errno{ENOSYS}))
    GTEST_SKIP() << "needs CONFIG_KCMP: ENOSYS";
  EXPECT_FALSE(watched->was_closed());
  fd.reset();
  const Fd impostor = counter();
  ASSERT_EQ(impostor.get(), number);
  EXPECT_TRUE(watched->was_closed());
}

TEST_F(WatchTest, AnFdIsHandedOverBetweenLoopsWithWhatIsReady) {
  const Fd fd = counter();
  LoopWorld other;
  auto here = watch(fd, edge);
  ring(fd);
  EXPECT_EQ(next(*here), Ready::read);
  here.reset();
  const auto there = Watch::create(other.loop, fd.get(), Ready::read, edge).value();
  EXPECT_EQ(other.await(next_of(*there)), Ready::read);
  EXPECT_EQ(world.registrations(), 0u);
}

// Both are ready in one batch; whoever is served first closes the other's fd and opens a new one.
TEST_F(WatchTest, AHandlerMayCloseTheFdOfAnotherInTheSameBatch) {
  struct Side {
    Fd fd;
    std::unique_ptr<Watch> watch;
    int told = 0;
  } sides[2];
  Scope scope(world.loop);
  const auto listen = [&](Side& side) {
    side.fd = counter();
    side.watch = watch(side.fd, level);
  };
  for (Side& side : sides) listen(side);
  const auto line = [](WatchTest& test, Side& mine, Side& theirs, auto again) -> Task<> {
    const auto ready = co_await mine.watch->next();
    if (!ready) co_return;
    ++mine.told;
    const int number = theirs.fd.get();
    theirs.watch.reset();  // Its line is told ECANCELED.
    theirs.fd.reset();
    again(theirs);
    EXPECT_EQ(theirs.fd.get(), number) << "the test needs the number to be reused";
    test.drain(mine.fd);
  };
  scope.spawn(line(*this, sides[0], sides[1], listen));
  scope.spawn(line(*this, sides[1], sides[0], listen));
  for (Side& side : sides) ring(side.fd);
  ASSERT_TRUE(world.run_until([&] { return sides[0].told + sides[1].told > 0; }));
  world.run_until_idle();
  EXPECT_EQ(sides[0].told + sides[1].told, 1);
  EXPECT_EQ(scope.size(), 0u);
  Side& other = sides[0].told == 1 ? sides[1] : sides[0];
  EXPECT_TRUE(is_silent(*other.watch)) << "the event was of the fd that is closed";
  ring(other.fd);
  EXPECT_EQ(next(*other.watch), Ready::read);
}

// A handler forks; the child takes everything apart, on its way to running another program.
TEST_F(WatchTest, AForkInMidBatchLeavesTheRestOfTheBatchToTheParent) {
  ONLY_ON_LINUX("a kernel in user space is not forked with its program");
  const Fd fds[] = {counter(), counter(), counter()};
  std::unique_ptr<Watch> watches[3];
  int told = 0;
  Scope scope(world.loop);
  for (std::size_t i = 0; i < 3; ++i) {
    watches[i] = watch(fds[i], edge);
    on_each(scope, *watches[i], [&](Ready) {
      if (++told != 1) return;
      const auto reason = in_child([&]() -> std::string {
        for (auto& each : watches) each.reset();
        return "";
      });
      EXPECT_EQ(reason, "");
    });
  }
  for (const Fd& fd : fds) ring(fd);
  EXPECT_TRUE(world.run_until([&] { return told == 3; }));
  for (const Fd& fd : fds) ring(fd);
  EXPECT_TRUE(world.run_until([&] { return told == 6; })) << "the child removed nothing of ours";
}

// ---- cancellation -------------------------------------------------------------------------------

class Waiting : public LoopScenario<> {
 public:
  Waiting() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await watch_->next()) co_return;
  }
  void complete() override {
    const std::uint64_t one = 1;
    EXPECT_TRUE(kernel.write(fd_.get(), std::as_bytes(std::span(&one, 1))));
  }

 private:
  Fd fd_{kernel, kernel.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK).value()};
  std::unique_ptr<Watch> watch_ = Watch::create(loop(), fd_.get(), Ready::read, edge).value();
};
TEST(WatchCancellation, AWatchIsWaitedForAndGivenUpWithoutATrace) { EXPECT_EQ(walk<Waiting>(), 2); }

TEST_F(WatchTest, AWatchThatEndsTellsWhoeverWaits) {
  const Fd fd = counter();
  auto watched = watch(fd, level);
  std::optional<Result<Ready>> told;
  world.scope.spawn([](Watch& from, std::optional<Result<Ready>>& into) -> Task<> {
    into = co_await from.next();
  }(*watched, told));
  watched.reset();
  world.run_until_idle();
  EXPECT_EQ(told, std::optional(Result<Ready>(std::unexpected(Errno::cancelled))));
}

}  // namespace
}  // namespace tocsin
