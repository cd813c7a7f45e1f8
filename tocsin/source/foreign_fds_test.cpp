// SPDX-License-Identifier: MIT
//
// A played library: it keeps the rules of none, as libraries do. What its users report is a number
// that is closed, said late or never, and taken again, all while its event is in hand.
#include "tocsin/source/foreign_fds.hpp"

#include <sys/eventfd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

struct Library final : ForeignFds {
  explicit Library(Loop& loop) : ForeignFds(loop, "library") {}

  void on_ready(int fd, Ready ready) override {
    told.push_back(fd);
    last = ready;
    if (const auto action = std::exchange(when_ready, nullptr)) action();
  }
  void on_time() override {
    ++times;
    if (const auto action = std::exchange(when_time, nullptr)) action();
  }

  std::vector<int> told;
  Ready last = Ready::none;
  int times = 0;
  std::function<void()> when_ready;  // Once.
  std::function<void()> when_time;   // Once.
};

class ForeignFdsTest : public testing::Test {
 protected:
  /// A descriptor as a library has it: a number.
  int counter(bool ready = false) {
    return kernel_.eventfd(ready ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK).value();
  }
  void close(int fd) { ASSERT_TRUE(kernel_.close(fd)); }
  void turn() { ASSERT_TRUE(world_.loop.run_once(0ns)); }
  Duration real_now() {
    const timespec now = kernel_.clock_gettime(CLOCK_MONOTONIC).value();
    return std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec);
  }

  Kernel& kernel_ = kernel_under_test();
  LoopWorld world_;
  std::unique_ptr<Library> library_ = std::make_unique<Library>(world_.loop);
};

TEST_F(ForeignFdsTest, WhatIsReadyIsToldEveryTurnUntilItIsTaken) {
  const int fd = counter(true);
  ASSERT_TRUE(library_->watch(fd, Ready::read));
  turn();
  turn();
  EXPECT_EQ(library_->told, (std::vector{fd, fd}));
  EXPECT_EQ(library_->last, Ready::read);
  std::uint64_t count = 0;
  ASSERT_TRUE(kernel_.read(fd, std::as_writable_bytes(std::span(&count, 1))));
  turn();
  EXPECT_EQ(library_->told.size(), 2u);
  library_->unwatch(fd);
  close(fd);
}

TEST_F(ForeignFdsTest, TheInterestIsReplaced) {
  const int fd = counter();
  ASSERT_TRUE(library_->watch(fd, Ready::read));
  turn();
  EXPECT_TRUE(library_->told.empty());
  ASSERT_TRUE(library_->watch(fd, Ready::read | Ready::write));
  turn();
  EXPECT_EQ(library_->last, Ready::write);
  EXPECT_EQ(world_.registrations(), 1u);
  library_->unwatch(fd);
  library_->unwatch(fd);
  EXPECT_EQ(world_.registrations(), 0u);
  close(fd);
}

TEST_F(ForeignFdsTest, OneThatIsClosedBeforeItIsSaidLeavesNothing) {
  const int fd = counter();
  ASSERT_TRUE(library_->watch(fd, Ready::read));
  close(fd);
  library_->unwatch(fd);
  EXPECT_EQ(world_.registrations(), 0u);
}

TEST_F(ForeignFdsTest, ANumberThatMeansAnotherFileNowIsHeardAgain) {
  const int fd = counter();
  ASSERT_TRUE(library_->watch(fd, Ready::read));
  close(fd);
  ASSERT_EQ(counter(true), fd) << "the test needs the number to be reused";
  ASSERT_TRUE(library_->watch(fd, Ready::read));
  turn();
  EXPECT_EQ(library_->told, std::vector{fd});
  EXPECT_EQ(world_.registrations(), 1u);
  library_->unwatch(fd);
  close(fd);
}

// Both are harvested; what is done about the first of them ends the second, or replaces it.
TEST_F(ForeignFdsTest, AnEventInHandIsNotToldOfASuccessor) {
  const int first = counter(true);
  const int second = counter(true);
  ASSERT_TRUE(library_->watch(first, Ready::read));
  ASSERT_TRUE(library_->watch(second, Ready::read));
  library_->when_ready = [&] {
    const int gone = library_->told.front() == first ? second : first;
    library_->unwatch(gone);
    close(gone);
    ASSERT_EQ(counter(), gone) << "the test needs the number to be reused";
    ASSERT_TRUE(library_->watch(gone, Ready::read));
  };
  turn();
  EXPECT_EQ(library_->told.size(), 1u);
  library_.reset();
  close(first);
  close(second);
}

TEST_F(ForeignFdsTest, ItMayEndInWhatItIsTold) {
  const int fd = counter(true);
  ASSERT_TRUE(library_->watch(fd, Ready::read));
  library_->call_after(1h);
  library_->when_ready = [&] { library_.reset(); };
  turn();
  EXPECT_EQ(library_, nullptr);
  EXPECT_EQ(world_.registrations(), 0u);
  close(fd);
}

TEST_F(ForeignFdsTest, WhatCannotBeWatchedIsAnError) {
  EXPECT_EQ(library_->watch(-1, Ready::read).error(), Errno{EBADF});
  const Fd file = unnamed_file();
  EXPECT_EQ(library_->watch(file.get(), Ready::read).error(), Errno{EPERM});
  const int fd = counter();
  Library other(world_.loop);
  ASSERT_TRUE(library_->watch(fd, Ready::read));
  EXPECT_EQ(other.watch(fd, Ready::read).error(), Errno{EEXIST});
  library_->unwatch(fd);
  EXPECT_TRUE(other.watch(fd, Ready::read)) << "nothing of the failure has stayed";
  other.unwatch(fd);
  close(fd);
}

TEST_F(ForeignFdsTest, TimeIsToldOnceAndNeverEarly) {
  const Duration start = real_now();
  library_->call_after(1h);
  library_->call_after(2ms);
  EXPECT_TRUE(world_.run_until([&] { return library_->times > 0; }));
  EXPECT_GE(real_now() - start, 2ms);
  turn();
  EXPECT_EQ(library_->times, 1);
  library_->call_at(world_.loop.now());
  library_->call_never();
  turn();
  EXPECT_EQ(library_->times, 1);
}

TEST_F(ForeignFdsTest, NoTimeAtAllIsLaterAllTheSame) {
  library_->when_time = [&] {
    library_->call_after(0ns);
    EXPECT_EQ(library_->times, 1) << "not from inside";
  };
  library_->call_after(0ns);
  EXPECT_EQ(library_->times, 0) << "not from inside";
  EXPECT_TRUE(world_.run_until([&] { return library_->times == 2; }));
  library_->when_time = [&] { library_.reset(); };
  library_->call_after(0ns);
  EXPECT_TRUE(world_.run_until([&] { return library_ == nullptr; }));
}

}  // namespace
}  // namespace tocsin
