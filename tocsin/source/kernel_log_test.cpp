// SPDX-License-Identifier: MIT
//
// Records as /dev/kmsg writes them, through a pipe that keeps packets apart; and, where that is
// allowed, one line in the log of the running kernel.
#include "tocsin/source/kernel_log.hpp"

#include <fcntl.h>
#include <syslog.h>

#include <cerrno>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/base/bytes.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

TEST(LogRecordText, IsReadAsTheKernelWritesIt) {
  const auto record = parse_log_record(
      "30,339,5140900,-;a\\x09tab, a \\x5c; a semicolon\n SUBSYSTEM=net\n DEVICE=n2\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->severity, LOG_INFO);
  EXPECT_EQ(record->facility, 3);
  EXPECT_EQ(record->sequence, 339u);
  EXPECT_EQ(record->since_boot, std::chrono::microseconds{5'140'900});
  EXPECT_EQ(record->text, "a\ttab, a \\; a semicolon");
  EXPECT_EQ(record->details, "SUBSYSTEM=net\nDEVICE=n2\n");
  EXPECT_EQ(parse_log_record("4,1,2,-,caller=T1;later fields are passed over\n")->text,
            "later fields are passed over");
  for (const char* none : {"", "6", "6,1,2,-", "x,1,2,-;text"})
    EXPECT_EQ(parse_log_record(none), std::nullopt) << none;
}

/// A kernel whose log is a pipe, and which says EPIPE when it is told to.
class LogKernel : public ScenarioKernel {
 public:
  Result<int> openat(int, const char*, int, mode_t) override { return log_.release(); }
  Result<> lseek(int, std::int64_t, int) override { return {}; }
  Count read(int fd, MutableBytes into) override {
    if (overwritten > 0 && fd == log_number_) {
      --overwritten;
      return std::unexpected(Errno{EPIPE});
    }
    return below_.read(fd, into);
  }

  void say(const std::string& record) {
    EXPECT_TRUE(below_.write(writer_.get(), as_bytes(record)));
  }
  int overwritten = 0;

 private:
  explicit LogKernel(std::array<int, 2> fds)
      : log_(below_, fds[0]), writer_(below_, fds[1]), log_number_(fds[0]) {}

  Fd log_;
  Fd writer_;
  int log_number_;

 public:
  LogKernel() : LogKernel(kernel_under_test().pipe2(O_DIRECT | O_NONBLOCK | O_CLOEXEC).value()) {}
};

Task<Result<LogRecord>> next_of(KernelLog& log) { co_return co_await log.next(); }

TEST(KernelLog, RecordsThatWereOverwrittenAreCountedAndNoError) {
  LogKernel kernel;
  LoopWorld world(kernel);
  auto log = KernelLog::create(world.loop).value();
  kernel.say("6,10,1,-;first\n");
  EXPECT_EQ(world.await(next_of(log)).value().lost, 0u);
  kernel.say("6,11,2,-;second\n");
  EXPECT_EQ(world.await(next_of(log)).value().lost, 0u);
  kernel.overwritten = 1;
  kernel.say("6,112,3,-;third\n");
  const auto third = world.await(next_of(log)).value();
  EXPECT_EQ(third.text, "third");
  EXPECT_EQ(third.lost, 100u);
}

TEST(KernelLog, WhatWasOverwrittenBeforeTheFirstIsAtLeastOne) {
  LogKernel kernel;
  LoopWorld world(kernel);
  auto log = KernelLog::create(world.loop).value();
  kernel.overwritten = 2;
  kernel.say("6,10,1,-;first\n");
  EXPECT_EQ(world.await(next_of(log)).value().lost, 1u);
}

class Reading : public LoopScenario<LogKernel> {
 public:
  Reading() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await log_.next()) co_return;
  }
  void complete() override { kernel.say("6,10,1,-;a record\n"); }

 private:
  KernelLog log_ = KernelLog::create(loop()).value();
};
TEST(KernelLog, IsWaitedForAndGivenUpWithoutATrace) { EXPECT_EQ(walk<Reading>(), 2); }

TEST(KernelLog, ALineThatIsWrittenToItComesOutAgain) {
  ONLY_ON_LINUX("vkern logs nothing");
  LoopWorld world;
  Kernel& kernel = kernel_under_test();
  auto log = KernelLog::create(world.loop);
  if (!log) GTEST_SKIP() << "needs CAP_SYSLOG and /dev/kmsg: " << log.error().name();
  const auto fd = own(kernel, kernel.openat(AT_FDCWD, "/dev/kmsg", O_WRONLY | O_CLOEXEC, 0));
  if (!fd) GTEST_SKIP() << "/dev/kmsg may not be written: " << fd.error().name();
  const std::string text = "tocsin: a line of the tests, " + std::to_string(kernel.getpid());
  ASSERT_TRUE(kernel.write(fd->get(), as_bytes("<12>" + text + "\n")));
  while (true) {
    const auto record = world.await(next_of(*log));
    ASSERT_TRUE(record);
    if (record->text != text) continue;  // Of others.
    EXPECT_EQ(record->severity, LOG_WARNING);
    EXPECT_EQ(record->facility, 1);
    EXPECT_GT(record->since_boot, Duration::zero());
    return;
  }
}

TEST(KernelLog, OfTheOldestThereIsComesFirst) {
  ONLY_ON_LINUX("vkern logs nothing");
  LoopWorld world;
  auto log = KernelLog::create(world.loop, KernelLog::From::oldest);
  if (!log) GTEST_SKIP() << "needs CAP_SYSLOG and /dev/kmsg: " << log.error().name();
  std::uint64_t last = world.await(next_of(*log)).value().sequence;
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t next = world.await(next_of(*log)).value().sequence;
    EXPECT_GT(next, last);
    last = next;
  }
}

}  // namespace
}  // namespace tocsin
