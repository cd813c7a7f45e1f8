// SPDX-License-Identifier: MIT
//
// The one who touches the memory is a thread of the test; the loop's thread makes the pages.
#include "tocsin/source/page_faults.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

constexpr std::byte seven{7};

Task<Result<PageFault>> next_of(PageRegion& region) { co_return co_await region.next(); }

/// Touches memory in a thread of its own, once, and tells the loop then; joined at the end.
class Toucher {
 public:
  Toucher(Loop& loop, std::byte& at, std::optional<std::byte> to_write = std::nullopt)
      : thread_([this, &loop, &at, to_write] {
          id = static_cast<pid_t>(::syscall(SYS_gettid));
          std::atomic_ref<std::byte> place(at);
          if (to_write) place.store(*to_write);
          saw = place.load();
          done = true;
          loop.waker().post([] {});
        }) {}

  std::atomic<pid_t> id = 0;
  std::atomic<std::byte> saw{};
  std::atomic<bool> done = false;

 private:
  std::jthread thread_;
};

class PageRegions : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern has no memory of its own"); }

  /// Null, and the test is skipped, where this machine has no such faults.
  std::optional<PageRegion> make(std::size_t pages, const PageRegionOptions& options = {}) {
    auto made = PageRegion::create(world_.loop, pages * page_, options);
    if (made) return std::move(*made);
    skip(made.error(), options);
    return std::nullopt;
  }
  static void skip(Errno why, const PageRegionOptions& options) {
    if (why == Errno{ENOSYS}) GTEST_SKIP() << "the kernel has no userfaultfd: ENOSYS";
    if (why == Errno::unsupported) GTEST_SKIP() << "not in this kernel: EOPNOTSUPP";
    if (why == Errno::not_permitted && options.system_calls)
      GTEST_SKIP() << "faults in system calls need CAP_SYS_PTRACE, or /dev/userfaultfd: EPERM";
    FAIL() << why.name();
  }
  std::vector<std::byte> filled(std::byte with, std::size_t size) {
    return std::vector<std::byte>(size, with);
  }
  /// Serves what `toucher` needs, with `answer`, until it has gone on.
  template <class Answer>
  void serve(PageRegion& region, const Toucher& toucher, Answer answer) {
    Scope scope(world_.loop);
    scope.spawn([](PageRegion& from, Answer give) -> Task<> {
      while (true) {
        const auto fault = co_await from.next();
        if (!fault) co_return;
        EXPECT_TRUE(give(*fault));
      }
    }(region, std::move(answer)));
    EXPECT_TRUE(world_.run_until([&] { return toucher.done.load(); }));
  }

  const std::size_t page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  LoopWorld world_;
};

TEST_F(PageRegions, AThreadThatReadsAMissingPageIsAnEvent) {
  auto region = make(4);
  if (!region) return;
  Toucher toucher(world_.loop, region->memory()[2 * page_ + 17]);
  const auto fault = world_.await(next_of(*region));
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, PageFaultKind::missing);
  EXPECT_FALSE(fault->write);
  EXPECT_EQ(fault->page, 2 * page_);
  EXPECT_EQ((fault->address - region->memory().data()) / static_cast<std::ptrdiff_t>(page_), 2);
  EXPECT_EQ(fault->thread, toucher.id);
  EXPECT_FALSE(toucher.done);
  EXPECT_TRUE(region->copy(fault->page, filled(seven, page_)));
  EXPECT_TRUE(world_.run_until([&] { return toucher.done.load(); }));
  EXPECT_EQ(toucher.saw, seven);
}

TEST_F(PageRegions, AWriteSaysThatItIsOne) {
  auto region = make(1);
  if (!region) return;
  Toucher toucher(world_.loop, region->memory()[5], seven);
  const auto fault = world_.await(next_of(*region));
  ASSERT_TRUE(fault);
  EXPECT_TRUE(fault->write);
  EXPECT_TRUE(region->zero(0, page_));
  EXPECT_TRUE(world_.run_until([&] { return toucher.done.load(); }));
  EXPECT_EQ(region->memory()[5], seven);
  EXPECT_EQ(region->memory()[6], std::byte{0});
}

TEST_F(PageRegions, ManyPagesComeAtOnceAndTheLastIsFilledUpWithZeroes) {
  auto region = make(4);
  if (!region) return;
  ASSERT_TRUE(region->zero(page_, page_));
  ASSERT_TRUE(region->copy(0, filled(seven, 3 * page_ + 10)));
  const auto memory = region->memory();
  EXPECT_EQ(memory[0], seven);
  EXPECT_EQ(memory[page_], std::byte{0}) << "it was there already";
  EXPECT_EQ(memory[3 * page_ + 9], seven);
  EXPECT_EQ(memory[3 * page_ + 10], std::byte{0});
}

TEST_F(PageRegions, TwoThreadsOnOnePageAreTwoFaultsAndOneAnswer) {
  auto region = make(1);
  if (!region) return;
  Toucher first(world_.loop, region->memory()[0]);
  Toucher second(world_.loop, region->memory()[1]);
  const auto one = world_.await(next_of(*region));
  const auto two = world_.await(next_of(*region));
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->thread, two->thread);
  EXPECT_TRUE(region->copy(one->page, filled(seven, page_)));
  EXPECT_TRUE(region->copy(two->page, filled(std::byte{8}, page_))) << "harmless, and does nothing";
  EXPECT_TRUE(world_.run_until([&] { return first.done && second.done; }));
  EXPECT_EQ(second.saw, seven);
}

TEST_F(PageRegions, AFaultThatNobodyAnsweredIsToldAgainAfterWake) {
  auto region = make(1);
  if (!region) return;
  Toucher toucher(world_.loop, region->memory()[0]);
  ASSERT_TRUE(world_.await(next_of(*region)));
  ASSERT_TRUE(region->wake(0, page_));
  const auto again = world_.await(next_of(*region));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->thread, toucher.id);
  EXPECT_TRUE(region->zero(0, page_));
  EXPECT_TRUE(world_.run_until([&] { return toucher.done.load(); }));
}

TEST_F(PageRegions, TheFirstWriteToAProtectedPageIsTold) {
  auto region = make(2, {.write_protect = true});
  if (!region) return;
  ASSERT_TRUE(region->copy(0, filled(seven, page_), PageAccess::write_protected));
  EXPECT_EQ(region->memory()[0], seven) << "reading is free";
  Toucher toucher(world_.loop, region->memory()[1], std::byte{9});
  serve(*region, toucher, [&](const PageFault& fault) {
    EXPECT_EQ(fault.kind, PageFaultKind::write_protected);
    EXPECT_TRUE(fault.write);
    return region->allow_writes(fault.page, page_);
  });
  EXPECT_EQ(region->memory()[1], std::byte{9});
}

TEST_F(PageRegions, WhatIsWrittenCanBeFoundOutWithoutMakingPages) {
  auto region = make(3, {.missing = false, .write_protect = true});
  if (!region) return;
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(region->memory()[i * page_], std::byte{0});
  ASSERT_TRUE(region->protect(0, 3 * page_));
  std::vector<std::size_t> dirty;
  Toucher toucher(world_.loop, region->memory()[page_], seven);
  serve(*region, toucher, [&](const PageFault& fault) {
    dirty.push_back(fault.page);
    return region->allow_writes(fault.page, page_);
  });
  EXPECT_EQ(dirty, std::vector<std::size_t>{page_});
}

TEST_F(PageRegions, APageOfTheBackingIsShownWhenItIsAskedFor) {
  auto region = make(2, {.missing = false, .minor = true});
  if (!region) return;
  region->backing()[page_] = std::byte{1};
  Toucher toucher(world_.loop, region->memory()[page_]);
  serve(*region, toucher, [&](const PageFault& fault) {
    EXPECT_EQ(fault.kind, PageFaultKind::minor);
    region->backing()[fault.page] = seven;
    return region->map(fault.page, page_);
  });
  EXPECT_EQ(toucher.saw, seven);
  EXPECT_EQ(region->map(0, page_).error(), Errno{EFAULT}) << "nobody has written that page";
}

TEST_F(PageRegions, AnOrdinarySystemCallOnAMissingPageIsEfaultAndNoEvent) {
  auto region = make(1);
  if (!region) return;
  Kernel& kernel = kernel_under_test();
  const auto pipe = kernel.pipe2(O_CLOEXEC).value();
  const Fd reader(kernel, pipe[0]);
  const Fd writer(kernel, pipe[1]);
  EXPECT_EQ(kernel.write(writer.get(), region->memory().first(8)).error(), Errno{EFAULT});
}

TEST_F(PageRegions, ASystemCallThatFaultsIsServedWhereThatIsAllowed) {
  auto region = make(2, {.system_calls = true});
  if (!region) return;
  Kernel& kernel = kernel_under_test();
  const auto pipe = kernel.pipe2(O_CLOEXEC).value();
  const Fd reader(kernel, pipe[0]);
  const Fd writer(kernel, pipe[1]);
  std::atomic<std::int64_t> wrote = 0;
  std::atomic<std::int64_t> refused = 0;
  std::jthread caller([&] {
    wrote = kernel.write(writer.get(), region->memory().first(8)).as_kernel();
    refused = kernel.write(writer.get(), region->memory().subspan(page_, 8)).as_kernel();
  });
  const auto first = world_.await(next_of(*region));
  ASSERT_TRUE(first);
  EXPECT_TRUE(region->copy(first->page, filled(seven, page_)));
  const auto second = world_.await(next_of(*region));
  ASSERT_TRUE(second);
  EXPECT_TRUE(region->poison(second->page, page_));
  EXPECT_TRUE(world_.run_until([&] { return refused != 0; }));
  EXPECT_EQ(wrote, 8);
  EXPECT_EQ(refused, -EFAULT);
}

/// A child that serves one fault with `answer`, and then runs until its toucher has gone on.
template <class Answer>
void answer_one_fault(Answer answer) {
  for (const int number : {SIGSEGV, SIGBUS}) ::signal(number, SIG_DFL);  // Not the sanitizer's.
  LoopWorld world;
  auto region = std::make_unique<PageRegion>(PageRegion::create(world.loop, 1).value());
  Toucher toucher(world.loop, region->memory()[0]);
  if (!world.await(next_of(*region))) return;
  answer(region);
  static_cast<void>(world.run_until([&] { return toucher.done.load(); }));
}

TEST_F(PageRegions, WhoTouchesAPageThatNobodyCanMakeGetsSigbus) {
  if (!make(1)) return;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto made_late = [](auto& region) { static_cast<void>(region->poison(0, 1)); };
  EXPECT_EXIT(answer_one_fault(made_late), testing::KilledBySignal(SIGBUS), "");
}

TEST_F(PageRegions, WhoWaitsInARegionThatEndsGetsSigsegvRatherThanZeroes) {
  if (!make(1)) return;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(answer_one_fault([](auto& region) { region.reset(); }),
              testing::KilledBySignal(SIGSEGV), "");
}

// The user and group of a thread are its own, for whoever asks the kernel and not the C library.
TEST_F(PageRegions, AnOrdinaryUserHasThemButForSystemCalls) {
  if (!make(1)) return;
  std::optional<Errno> plain;
  std::optional<Errno> of_system_calls;
  std::jthread([&] {
    const long nobody = 65534;
    if (::getuid() == 0) {
      ASSERT_EQ(::syscall(SYS_setresuid, nobody, nobody, nobody), 0);
    }
    LoopWorld world;
    if (const auto made = PageRegion::create(world.loop, 1); !made) plain = made.error();
    const auto made = PageRegion::create(world.loop, 1, {.system_calls = true});
    if (!made) of_system_calls = made.error();
  }).join();
  EXPECT_EQ(plain, std::nullopt);
  if (!of_system_calls) GTEST_SKIP() << "vm.unprivileged_userfaultfd or /dev/userfaultfd allow it";
  EXPECT_EQ(of_system_calls, Errno::not_permitted);
}

TEST_F(PageRegions, NoBytesOrNoKindOfFaultIsEinval) {
  EXPECT_EQ(PageRegion::create(world_.loop, 0).error(), Errno::invalid);
  EXPECT_EQ(PageRegion::create(world_.loop, 1, {.missing = false}).error(), Errno::invalid);
}

class PageFaults : public LoopScenario<> {
 public:
  PageFaults() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto fault = co_await region_.next();
      if (!fault) co_return;
    }
  }
  void complete() override {
    touchers_.push_back(std::make_unique<Toucher>(loop(), region_.memory()[touched_++ * 4096]));
    pollfd ready{.fd = region_.fd(), .events = POLLIN, .revents = 0};
    const timespec limit{.tv_sec = 10, .tv_nsec = 0};
    EXPECT_EQ(kernel.ppoll({&ready, 1}, &limit).value(), 1u);
  }
  ~PageFaults() override { release_threads(); }
  std::string left_behind() override {
    release_threads();
    run_until_idle();
    return LoopScenario::left_behind();
  }

 private:
  // Those whose fault the line has read, and those whose it has not: a fault is never lost.
  void release_threads() {
    EXPECT_TRUE(region_.zero(0, region_.memory().size()));
    touchers_.clear();
  }

  PageRegion region_ = PageRegion::create(loop(), std::size_t{4} * 65536).value();
  std::size_t touched_ = 0;
  std::vector<std::unique_ptr<Toucher>> touchers_;
};
TEST_F(PageRegions, AFaultIsWaitedForAndGivenUpWithoutATrace) {
  if (!make(1)) return;
  EXPECT_EQ(walk<PageFaults>(), 2);
}

}  // namespace
}  // namespace tocsin
