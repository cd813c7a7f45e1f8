// SPDX-License-Identifier: MIT
//
// When a registration answers, and when again: level, oneshot, exclusive, and what epoll(7) says
// about combining events and about operations between events. What only those with edges can show
// is in poller_edge_test.cpp.
#include "tests/contract/poller_contract.hpp"

namespace tocsin::contract {
namespace {

class PollerTrigger : public PollerContract {};
INSTANTIATE_TEST_SUITE_P(All, PollerTrigger, testing::ValuesIn(worlds()), name_of);

// epoll(7), "Level-triggered and edge-triggered": the scenario in five steps, once in each manner.
TEST_P(PollerTrigger, TheFiveStepsOfEpoll7AnswerTwiceWhenLevelTriggered) {
  const Pair pipe = this->pipe();
  watch(pipe.first, Ready::read, level, 1);        // (1) The read side is registered.
  put(pipe.second, 2048);                          // (2) 2 kB are written.
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));  // (3) It is ready.
  EXPECT_EQ(take(pipe.first, 1024), 1024u);        // (4) 1 kB is read.
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));  // (5) And ready still.
  EXPECT_EQ(take(pipe.first), 1024u);
  EXPECT_EQ(look(), Answers{});
}

TEST_P(PollerTrigger, TheFiveStepsOfEpoll7AnswerOnceWhenEdgeTriggered) {
  const Pair pipe = this->pipe();
  if (!can().edge) {
    EXPECT_EQ(code(add(pipe.first.get(), Ready::read, edge, 1)), EOPNOTSUPP);
    return;
  }
  watch(pipe.first, Ready::read, edge, 1);
  put(pipe.second, 2048);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  EXPECT_EQ(take(pipe.first, 1024), 1024u);
  EXPECT_EQ(look(), Answers{}) << "the other kilobyte is not news";
  EXPECT_EQ(take(pipe.first), 1024u);
  EXPECT_EQ(look(), Answers{});
  put(pipe.second);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}})) << "this is";
}

TEST_P(PollerTrigger, WhatIsReadyWhenItIsAddedIsAnswered) {
  const Fd ready = counter(1);
  for (const Mode mode : {level, edge, oneshot}) {
    if (mode.trigger == Trigger::edge && !can().edge) continue;
    watch(ready, Ready::read, mode, 3);
    EXPECT_EQ(look(), (Answers{{3, Ready::read}}));
    EXPECT_EQ(code(poller_->remove(ready.get())), 0);
  }
}

TEST_P(PollerTrigger, ALevelAnswersAtEveryWaitAndOnlyWhileItHolds) {
  const Fd fd = counter();
  watch(fd, Ready::read, level, 1);
  EXPECT_EQ(look(), Answers{});
  bump(fd);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  drain(fd);
  EXPECT_EQ(look(), Answers{});
}

// The request was in flight, was answered between two waits, and holds no longer.
TEST_P(PollerTrigger, ALevelThatCameAndWentBetweenTwoWaitsIsNotAnswered) {
  const Fd fd = counter();
  watch(fd, Ready::read, level, 1);
  EXPECT_EQ(look(), Answers{});
  bump(fd);
  drain(fd);
  EXPECT_EQ(look(), Answers{});
}

// "If more than one event occurs between epoll_wait(2) calls, are they combined or reported
// separately? They will be combined."
TEST_P(PollerTrigger, SeveralEventsBetweenTwoWaitsAreOneAnswer) {
  for (const Mode mode : {level, edge, oneshot}) {
    if (mode.trigger == Trigger::edge && !can().edge) continue;
    const Pair pair = sockets();
    watch(pair.first, Ready::read, mode, 1);
    EXPECT_EQ(look(), Answers{});
    for (int i = 0; i < 5; ++i) put(pair.second);
    EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
    EXPECT_EQ(code(poller_->remove(pair.first.get())), 0);
  }
}

// "Does an operation on a file descriptor affect the already collected but not yet reported events?
// [...] Modify will reread available I/O."
TEST_P(PollerTrigger, ModifyReadsAnewWhatWasCollectedButNotReported) {
  for (const Mode mode : {level, edge, oneshot}) {
    if (mode.trigger == Trigger::edge && !can().edge) continue;
    const Fd fd = counter();
    watch(fd, Ready::read, mode, 1);
    EXPECT_EQ(look(), Answers{});
    bump(fd);  // Collected...
    drain(fd);
    EXPECT_EQ(code(modify(fd.get(), Ready::read, mode, 2)), 0);
    EXPECT_EQ(look(), Answers{}) << "... and gone, and read anew";
    bump(fd);
    EXPECT_EQ(code(modify(fd.get(), Ready::read, mode, 3)), 0);
    EXPECT_EQ(look(), (Answers{{3, Ready::read}}));
    EXPECT_EQ(code(poller_->remove(fd.get())), 0);
  }
}

TEST_P(PollerTrigger, OneshotAnswersOnceUntilModifyArmsItAgain) {
  std::vector<Mode> modes{oneshot};
  if (can().edge) modes.push_back({.trigger = Trigger::edge, .oneshot = true});
  for (const Mode mode : modes) {
    const Fd fd = counter(1);
    watch(fd, Ready::read, mode, 1);
    EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
    bump(fd);
    EXPECT_EQ(look(), Answers{}) << "disabled, though new data came";
    EXPECT_EQ(code(add(fd.get(), Ready::read, mode, 2)), EEXIST) << "disabled, but still there";
    EXPECT_EQ(code(modify(fd.get(), Ready::read, mode, 2)), 0);
    EXPECT_EQ(look(), (Answers{{2, Ready::read}}));
    EXPECT_EQ(look(), Answers{});
    EXPECT_EQ(code(poller_->remove(fd.get())), 0);
  }
}

// epoll ignores even EPOLLERR and EPOLLHUP of a disabled registration; so do all.
TEST_P(PollerTrigger, ADisabledOneshotDoesNotEvenAnswerHangup) {
  Pair pipe = this->pipe();
  watch(pipe.first, Ready::read, oneshot, 1);
  put(pipe.second);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  pipe.second.reset();
  EXPECT_EQ(look(), Answers{});
}

TEST_P(PollerTrigger, AModeCanBeChangedByModify) {
  const Fd fd = counter(1);
  watch(fd, Ready::read, oneshot, 1);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  EXPECT_EQ(code(modify(fd.get(), Ready::read, level, 2)), 0);
  EXPECT_EQ(look(), (Answers{{2, Ready::read}}));
  EXPECT_EQ(look(), (Answers{{2, Ready::read}}));
  if (!can().edge) return;
  EXPECT_EQ(code(modify(fd.get(), Ready::read, edge, 3)), 0);
  EXPECT_EQ(look(), (Answers{{3, Ready::read}}));
  EXPECT_EQ(look(), Answers{});
}

// epoll_ctl(2), EPOLLEXCLUSIVE: it cannot be modified, nor combined with oneshot.
TEST_P(PollerTrigger, ExclusiveAnswersCannotBeModifiedAndIsRefusedWhereItIsUnknown) {
  const Fd fd = counter(1);
  if (!can().exclusive) {
    EXPECT_EQ(code(add(fd.get(), Ready::read, exclusive, 1)), EOPNOTSUPP);
    EXPECT_EQ(look(), Answers{}) << "after a failure nothing has changed";
    EXPECT_EQ(code(add(fd.get(), Ready::read, level, 1)), 0);
    EXPECT_EQ(code(modify(fd.get(), Ready::read, exclusive, 2)), EOPNOTSUPP);
    EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
    return;
  }
  EXPECT_EQ(code(add(fd.get(), Ready::read, {.oneshot = true, .exclusive = true}, 1)), EINVAL);
  watch(fd, Ready::read, exclusive, 1);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}}));
  EXPECT_EQ(code(modify(fd.get(), Ready::read, level, 2)), EINVAL);
  EXPECT_EQ(code(modify(fd.get(), Ready::read, exclusive, 2)), EINVAL);
  EXPECT_EQ(look(), (Answers{{1, Ready::read}})) << "the former registration stands";
}

}  // namespace
}  // namespace tocsin::contract
