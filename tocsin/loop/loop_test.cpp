// SPDX-License-Identifier: MIT
//
// Running and stopping, exceptions, misuse, and what can be seen of a loop from outside. The order
// of a turn is in loop_turn_test.cpp, registrations are in loop_source_test.cpp.
#include "tocsin/loop/loop.hpp"

#include <fcntl.h>

#include <stdexcept>
#include <thread>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/loop/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace loop_testing;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;

class LoopRun : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(All, LoopRun, every_mechanism, name_of_mechanism);

// ---- making one ---------------------------------------------------------------------------------

TEST(LoopCreate, AnOptionThatIsOutOfRangeIsEinval) {
  for (const LoopOptions& options :
       {LoopOptions{.buffer_size = 0}, LoopOptions{.turn_bytes = 0}, LoopOptions{.turn_works = 0},
        LoopOptions{.operation_bytes = -1}, LoopOptions{.operation_bytes = 4097},
        LoopOptions{.look_on = -1ns}})
    EXPECT_EQ(Loop::create(kernel_under_test(), options).error(), Errno::invalid);
  EXPECT_TRUE(Loop::create(kernel_under_test(), {.operation_bytes = 4096}));
}

TEST(LoopCreate, RefusesMechanismsWithoutEdges) {
  for (const Mechanism mechanism : {Mechanism::poll, Mechanism::select}) {
    const auto made = Loop::create(kernel_under_test(), {.mechanism = mechanism});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error(), Errno::unsupported) << name_of(mechanism);
  }
}

// Whichever system call fails, the loop is not made, the error is that call's, and no descriptor
// stays behind.
TEST(LoopCreate, FailsAsItsSystemCallsDoAndLeavesNothingOpen) {
  struct FailingKernel final : ForwardingKernel {
    int calls_until_failure = 0;
    bool fails() { return calls_until_failure-- == 0; }
    Result<int> epoll_create1(int flags) override {
      if (fails()) return std::unexpected(Errno{EMFILE});
      return ForwardingKernel::epoll_create1(flags);
    }
    Result<int> eventfd(unsigned initial, int flags) override {
      if (fails()) return std::unexpected(Errno{EMFILE});
      return ForwardingKernel::eventfd(initial, flags);
    }
    Result<void*> mmap(std::size_t length, int protection, int flags, int fd,
                       std::uint64_t offset) override {
      if (fails()) return std::unexpected(Errno{ENOMEM});
      return ForwardingKernel::mmap(length, protection, flags, fd, offset);
    }
    Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
      if (fails()) return std::unexpected(Errno{ENOSPC});
      return ForwardingKernel::epoll_ctl(epfd, operation, fd, event);
    }
  } kernel;
  const int lowest = kernel.dup(0).value();
  ASSERT_TRUE(kernel.close(lowest));
  for (const auto& [calls, error] :
       {std::pair{0, EMFILE}, std::pair{1, EMFILE}, std::pair{2, ENOMEM}, std::pair{3, ENOSPC}}) {
    kernel.calls_until_failure = calls;
    const auto made = Loop::create(kernel);
    ASSERT_FALSE(made) << calls;
    EXPECT_EQ(made.error(), Errno{error});
    const int after = kernel.dup(0).value();
    EXPECT_EQ(after, lowest);
    ASSERT_TRUE(kernel.close(after));
  }
  kernel.calls_until_failure = 4;
  EXPECT_TRUE(Loop::create(kernel)) << "that was all of them";
}

// ---- running and stopping -----------------------------------------------------------------------

TEST_P(LoopRun, ATurnWithNothingToDoEnds) {
  ASSERT_TRUE(loop().run_once(0ns));
  ASSERT_TRUE(loop().run_once(1ms));
  EXPECT_EQ(loop().counters().turns, 2u);
  EXPECT_EQ(loop().counters().events, 0u);
}

TEST_P(LoopRun, AStopBeforeRunIsNotLost) {
  CallWork work(note("work"));
  loop().post(work);
  loop().stop();
  ASSERT_TRUE(loop().run());
  EXPECT_EQ(log_, Log{}) << "it ends before its first turn";
  EXPECT_EQ(loop().counters().turns, 0u);
}

TEST_P(LoopRun, AStopEndsOneRun) {
  loop().stop();
  loop().stop();
  ASSERT_TRUE(loop().run());
  CallWork work([&] { loop().stop(); });
  loop().post(work);
  ASSERT_TRUE(loop().run());
  EXPECT_EQ(loop().counters().turns, 1u);
}

TEST_P(LoopRun, AStopFromAWorkEndsTheTurnFirst) {
  CallWork stopping([&] { loop().stop(); });
  CallWork behind(note("behind"));
  loop().post(stopping);
  loop().post(behind);
  ASSERT_TRUE(loop().run());
  EXPECT_EQ(log_, Log{"behind"});
  EXPECT_EQ(loop().counters().turns, 1u);
}

TEST_P(LoopRun, AStopFromAnotherThreadEndsASleep) {
  for (int i = 0; i < 200; ++i) {
    const std::jthread stopper([&] { loop().stop(); });
    ASSERT_TRUE(loop().run());
  }
}

TEST_P(LoopRun, ALoopThatWasStoppedCanBeRunAgain) {
  int runs = 0;
  CallAlarm alarm([&] {
    ++runs;
    loop().stop();
  });
  for (int i = 1; i <= 3; ++i) {
    loop().arm(alarm, loop().now() + 100'000ns);
    ASSERT_TRUE(loop().run());
    EXPECT_EQ(runs, i);
  }
}

TEST_P(LoopRun, WorkCanBeCalledOff) {
  CallWork unlinked(note("unlinked"));
  auto destroyed = std::make_unique<CallWork>(note("destroyed"));
  CallWork unlinks_the_next(nullptr);
  CallWork first([&] { unlinks_the_next.unlink(); });
  loop().post(unlinked);
  loop().post(*destroyed);
  loop().post(first);
  loop().post(unlinks_the_next);
  unlinked.unlink();
  destroyed.reset();
  turn();
  EXPECT_EQ(log_, Log{});
  EXPECT_EQ(loop().counters().works, 1u);
}

TEST_P(LoopRun, AWorkMayDestroyItself) {
  struct Once final : Work {
    explicit Once(Log& words) : log(words) {}
    void run() override {
      log.push_back("run");
      delete this;
    }
    Log& log;
  };
  loop().post(*new Once(log_));
  turn();
  EXPECT_EQ(log_, Log{"run"});
}

TEST_P(LoopRun, APollerThatCannotWaitIsAnErrorAndNotTheEnd) {
  if (GetParam() != Mechanism::epoll) GTEST_SKIP() << "shown for epoll_wait(2)";
  struct BrokenKernel final : ForwardingKernel {
    bool broken = false;
    Count epoll_wait(int epfd, std::span<epoll_event> events, int timeout) override {
      if (broken) return std::unexpected(Errno{ENOMEM});
      return ForwardingKernel::epoll_wait(epfd, events, timeout);
    }
  } kernel;
  const auto loop = Loop::create(kernel).value();
  CallWork work(note("work"));
  loop->post(work);
  kernel.broken = true;
  EXPECT_EQ(loop->run(), std::unexpected(Errno{ENOMEM}));
  EXPECT_EQ(log_, Log{});
  kernel.broken = false;
  ASSERT_TRUE(loop->run_once(0ns));
  EXPECT_EQ(log_, Log{"work"});
}

// ---- exceptions ---------------------------------------------------------------------------------

TEST_P(LoopRun, WhatAWorkThrowsComesOutAndTheOthersAreRunNext) {
  CallWork throws([] { throw std::runtime_error("a work"); });
  CallWork behind(note("behind"));
  loop().post(throws);
  loop().post(behind);
  EXPECT_THROW(static_cast<void>(loop().run()), std::runtime_error);
  EXPECT_EQ(log_, Log{});
  ASSERT_TRUE(loop().run_once(std::nullopt)) << "it must not sleep";
  EXPECT_EQ(log_, Log{"behind"});
  EXPECT_EQ(loop().turn_times().total(), loop().counters().turns);
}

TEST_P(LoopRun, WhatASourceThrowsComesOutAndTheOtherEventsAreServedNext) {
  std::vector<std::unique_ptr<CallSource>> sources;
  for (int i = 0; i < 3; ++i) {
    sources.push_back(std::make_unique<CallSource>(loop(), [&](Ready) {
      log_.push_back("source");
      throw std::runtime_error("a source");
    }));
    sources.back()->ring();
  }
  for (std::size_t served = 1; served <= 3; ++served) {
    EXPECT_THROW(static_cast<void>(loop().run_once(std::nullopt)), std::runtime_error);
    EXPECT_EQ(log_.size(), served);
  }
  turn();
  EXPECT_EQ(log_.size(), 3u);
}

TEST_P(LoopRun, WhatALeftOverSourceThrowsLosesNoOther) {
  CallSource throws(loop(), [](Ready) { throw std::runtime_error("left over"); });
  CallSource behind(loop(), note_ready("behind"));
  loop().serve_again(throws);
  loop().serve_again(behind);
  EXPECT_THROW(static_cast<void>(loop().run_once(0ns)), std::runtime_error);
  ASSERT_TRUE(loop().run_once(std::nullopt)) << "it must not sleep";
  EXPECT_EQ(log_, Log{"behind"});
}

TEST_P(LoopRun, WhatAPostedFunctionThrowsLosesNoOther) {
  loop().waker().post([] { throw std::runtime_error("posted"); });
  loop().waker().post(note("behind"));
  EXPECT_THROW(static_cast<void>(loop().run_once(0ns)), std::runtime_error);
  loop().waker().post(note("later"));
  ASSERT_TRUE(loop().run_once(std::nullopt)) << "it must not sleep";
  while (log_.size() < 2) ASSERT_TRUE(loop().run_once(std::nullopt));
  EXPECT_EQ(log_, (Log{"behind", "later"}));
}

// ---- misuse -------------------------------------------------------------------------------------

TEST(LoopDeathTest, RunningALoopFromInsideItselfIsCaught) {
  EXPECT_DEATH(
      {
        const auto loop = Loop::create(kernel_under_test()).value();
        CallWork work([&] { static_cast<void>(loop->run_once(0ns)); });
        loop->post(work);
        static_cast<void>(loop->run());
      },
      "run from inside one of its own turns");
}

TEST(LoopDeathTest, DestroyingALoopBeforeItsRegistrationsIsCaught) {
  EXPECT_DEATH(
      {
        auto loop = Loop::create(kernel_under_test()).value();
        const CallSource source(*loop, nullptr);
        loop.reset();
      },
      "destroyed before what is registered in it");
}

TEST(LoopDeathTest, DestroyingALoopFromInsideATurnIsCaught) {
  EXPECT_DEATH(
      {
        auto loop = Loop::create(kernel_under_test()).value();
        CallWork work([&] { loop.reset(); });
        loop->post(work);
        static_cast<void>(loop->run());
      },
      "destroyed from inside one of its own turns");
}

TEST(LoopDeathTest, PostingAWorkTwiceIsCaught) {
  EXPECT_DEATH(
      {
        const auto loop = Loop::create(kernel_under_test()).value();
        CallWork work(nullptr);
        loop->post(work);
        loop->post(work);
      },
      "in one list at a time");
}

// ---- looking inside -----------------------------------------------------------------------------

TEST_P(LoopRun, DescribeListsWhatThereIsByNameFdAndPlace) {
  CallSource source(loop(), nullptr, level, "a name");
  ASSERT_EQ(loop().describe().size(), 2u);
  EXPECT_EQ(loop().describe()[0].name, "waker");
  EXPECT_EQ(loop().describe()[0].fd, loop().waker().fd());

  const Fd fd(loop().kernel(), loop().kernel().eventfd(0, EFD_CLOEXEC).value());
  const auto here = std::source_location::current();
  const Token token = loop().add(fd.get(), Ready::read, edge, source, "another").value();
  const auto all = loop().describe();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].name, "a name");
  EXPECT_EQ(all[1].token, source.token());
  EXPECT_EQ(all[1].mode.trigger, Trigger::level);
  EXPECT_EQ(all[2].name, "another");
  EXPECT_EQ(all[2].token, token);
  EXPECT_EQ(all[2].fd, fd.get());
  EXPECT_EQ(all[2].interest, Ready::read);
  EXPECT_EQ(all[2].mode.trigger, Trigger::edge);
  EXPECT_STREQ(all[2].where.file_name(), here.file_name());
  EXPECT_EQ(all[2].where.line(), here.line() + 1);
  loop().remove(token);
  EXPECT_EQ(loop().describe().size(), 2u);
}

}  // namespace
}  // namespace tocsin
