// SPDX-License-Identifier: MIT
//
// When a level-triggered Watch looks whether its fd was closed under it, between an event and the
// next: not at each event, and in time all the same.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <optional>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/watch.hpp"
#include "tocsin/task/on_each.hpp"

namespace tocsin {
namespace {

class CountingKernel final : public ForwardingKernel {
 public:
  Result<int> fcntl(int fd, int command, int argument) override {
    if (command == F_GETFD) ++looks;
    return below_.fcntl(fd, command, argument);
  }
  Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
    if (operation == EPOLL_CTL_MOD) ++looks;
    return below_.epoll_ctl(epfd, operation, fd, event);
  }

  int looks = 0;
};

constexpr std::unexpected bad_fd{Errno{EBADF}};

struct WatchClosedTest : testing::Test {
  Fd counter() { return {kernel, kernel.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK).value()}; }
  void ring() {
    const std::uint64_t one = 1;
    ASSERT_TRUE(kernel.write(fd.get(), std::as_bytes(std::span(&one, 1))));
  }
  void drain() {
    std::uint64_t count = 0;
    ASSERT_TRUE(kernel.read(fd.get(), std::as_writable_bytes(std::span(&count, 1))));
  }

  /// Calls `each` at every event from now on, and keeps how that ended.
  template <class Each>
  void listen(Each each) {
    world.scope.spawn([](WatchClosedTest& test, Each call) -> Task<> {
      while (true) {
        const auto ready = co_await test.watch->next();
        if (!ready) {
          test.ended = ready.error();
          co_return;
        }
        ++test.told;
        call();
      }
    }(*this, std::move(each)));
  }

  CountingKernel kernel;
  LoopWorld world{kernel};
  Fd fd = counter();
  const int number = fd.get();
  std::unique_ptr<Watch> watch = Watch::create(world.loop, fd.get(), Ready::read).value();
  int told = 0;
  std::optional<Errno> ended;
};

TEST_F(WatchClosedTest, EventsCostNoLookWhileTheLoopIsBusy) {
  constexpr int events = Watch::unlooked_events;
  listen([&] {
    if (told == events) drain();
  });
  ring();
  const int before = kernel.looks;
  ASSERT_TRUE(world.run_until([&] { return told == events; }));
  EXPECT_EQ(kernel.looks, before) << "the level held";
  world.run_until_idle();
  EXPECT_EQ(kernel.looks, before + 1);
  EXPECT_FALSE(ended);
  ring();
  ASSERT_TRUE(world.run_until([&] { return told == events + 1; }));
  drain();
}

TEST_F(WatchClosedTest, InALoopThatDoesNotKnowWhenItIsIdleEachEventIsLookedAt) {
  ASSERT_TRUE(world.loop.fd());
  listen([&] {
    if (told == 2 * Watch::unlooked_events) fd.reset();
  });
  ring();
  const int before = kernel.looks;
  ASSERT_TRUE(world.run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, Errno{EBADF});
  EXPECT_EQ(told, 2 * Watch::unlooked_events);
  EXPECT_EQ(kernel.looks, before + told);
}

TEST_F(WatchClosedTest, AnFdThatIsClosedInACallbackIsFoundOutBeforeTheLoopSleeps) {
  listen([&] { fd.reset(); });
  ring();
  ASSERT_TRUE(world.run_until([&] { return told == 1; }));
  world.run_until_idle();
  EXPECT_EQ(ended, Errno{EBADF});
  EXPECT_EQ(told, 1);
  watch.reset();
  EXPECT_EQ(world.registrations(), 0u);
}

TEST_F(WatchClosedTest, ANumberThatNobodyRegisteredAgainIsFoundOutToo) {
  Fd next;
  listen([&] {
    fd.reset();
    next = counter();
    ASSERT_EQ(next.get(), number) << "the test needs the number to be reused";
  });
  ring();
  ASSERT_TRUE(world.run_until([&] { return told == 1; }));
  world.run_until_idle();
  EXPECT_EQ(ended, Errno{EBADF});
}

TEST_F(WatchClosedTest, ANumberThatMeansARegularFileNowIsFoundOutToo) {
  Fd next;
  listen([&] {
    fd.reset();
    next = unnamed_file(kernel);
    ASSERT_EQ(next.get(), number) << "the test needs the number to be reused";
  });
  ring();
  ASSERT_TRUE(world.run_until([&] { return told == 1; }));
  world.run_until_idle();
  EXPECT_EQ(ended, Errno{EBADF});
}

// Its file is open still, and ready for ever: the loop is never idle.
TEST_F(WatchClosedTest, AGhostIsToldOfABoundedNumberOfTimes) {
  const Fd duplicate(kernel, kernel.fcntl(fd.get(), F_DUPFD_CLOEXEC, 0).value());
  listen([&] { fd.reset(); });
  ring();
  ASSERT_TRUE(world.run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, Errno{EBADF});
  EXPECT_EQ(told, 1 + Watch::unlooked_events);
}

TEST_F(WatchClosedTest, ANumberThatIsRegisteredAgainKeepsItsNewRegistration) {
  Fd next;
  std::unique_ptr<Watch> another;
  listen([&] {
    fd.reset();
    next = counter();
    another = Watch::create(world.loop, next.get(), Ready::read).value();
  });
  ring();
  ASSERT_TRUE(world.run_until([&] { return told == 1; }));
  world.run_until_idle();
  EXPECT_EQ(ended, Errno{EBADF});
  watch.reset();
  const std::uint64_t one = 1;
  ASSERT_TRUE(kernel.write(next.get(), std::as_bytes(std::span(&one, 1))));
  EXPECT_EQ(world.await([](Watch& from) -> Task<Result<Ready>> {
    co_return co_await from.next();
  }(*another)),
            Ready::read);
}

TEST_F(WatchClosedTest, AWatchThatEndsBeforeItWasLookedAtLeavesNothingBehind) {
  listen([&] { drain(); });
  ring();
  ASSERT_TRUE(world.run_until([&] { return told == 1; }));
  watch.reset();
  const int before = kernel.looks;
  world.run_until_idle();
  EXPECT_EQ(ended, Errno::cancelled);
  EXPECT_EQ(kernel.looks, before);
}

TEST_F(WatchClosedTest, ACancelledWaitThatWasNotLookedAtIsLookedAtByTheNext) {
  listen([&] { drain(); });
  ring();
  ASSERT_TRUE(world.run_until([&] { return told == 1; }));
  world.scope.cancel();
  fd.reset();
  world.run_until_idle();
  EXPECT_EQ(ended, Errno::cancelled);
  EXPECT_EQ(world.await(
                [](Watch& from) -> Task<Result<Ready>> { co_return co_await from.next(); }(*watch)),
            Result<Ready>(bad_fd));
}

}  // namespace
}  // namespace tocsin
