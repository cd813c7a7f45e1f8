// SPDX-License-Identifier: MIT
//
// Waiting: how long, in what order, with how little room, and what ends it.
//
// Lengths of time are measured on the real clock, and only their lower end: a loaded machine may
// make any of them longer.
#include <poll.h>
#include <sys/time.h>

#include <array>
#include <csignal>
#include <thread>

#include "tests/contract/poller_contract.hpp"
#include "tocsin/kern/io_uring.hpp"

namespace tocsin::contract {
namespace {

class PollerWait : public PollerContract {
 protected:
  /// Three counters, all readable, added as 1, 2, 3.
  std::vector<Fd> three_ready(Mode mode) {
    std::vector<Fd> fds;
    for (std::uint64_t token = 1; token <= 3; ++token) {
      fds.push_back(counter(1));
      watch(fds.back(), Ready::read, mode, token);
    }
    return fds;
  }

  std::vector<std::uint64_t> tokens(std::size_t room) {
    std::vector<std::uint64_t> found;
    for (const Answer& answer : look(room)) found.push_back(answer.token);
    return found;
  }
};
INSTANTIATE_TEST_SUITE_P(All, PollerWait, testing::ValuesIn(worlds()), name_of);

using Tokens = std::vector<std::uint64_t>;

TEST_P(PollerWait, WithNothingRegisteredItIsATimer) { EXPECT_TRUE(waits_out(1ms)); }

// To the nanosecond: a wait that ends early has to be made again, which is a busy loop.
TEST_P(PollerWait, ATimeoutIsNeverEarlySoOneWaitIsEnough) {
  const Fd idle = counter();
  watch(idle, Ready::read, level, 1);
  for (const Duration timeout : {Duration{1}, Duration{999}, Duration{10us}, Duration{250us},
                                 Duration{999'999ns}, Duration{1'000'001ns}, Duration{3ms}})
    EXPECT_TRUE(waits_out(timeout)) << timeout.count() << " ns";
}

TEST_P(PollerWait, ZeroAndLessOnlyLook) {
  const Fd idle = counter();
  watch(idle, Ready::read, level, 1);
  for (const Duration timeout : {Duration{0}, Duration{-1}, Duration::min()})
    EXPECT_EQ(wait_on(*poller_, timeout), Answers{});
}

TEST_P(PollerWait, WithoutALimitItWaitsForTheEvent) {
  const Fd fd = counter();
  watch(fd, Ready::read, level, 1);
  for (const std::optional<Duration> timeout : {std::optional<Duration>{}, {Duration::max()}}) {
    std::jthread other([&] { bump(fd); });
    EXPECT_EQ(next(timeout), (Answers{{1, Ready::read}}));
    other.join();
    drain(fd);
  }
}

// A signal that arrives while nothing is ready: "EINTR: The call was interrupted by a signal
// handler" (epoll_wait(2)) is an empty answer, so that a loop can look around.
TEST_P(PollerWait, ASignalEndsItWithAnEmptyAnswer) {
  if (!is_on_linux()) GTEST_SKIP() << "Linux' signals do not reach who sleeps in user space";
  static volatile std::sig_atomic_t signals = 0;
  signals = 0;
  struct sigaction action{};
  action.sa_handler = [](int) { signals = signals + 1; };  // And no SA_RESTART.
  struct sigaction before{};
  ASSERT_EQ(sigaction(SIGALRM, &action, &before), 0);
  const Fd idle = counter();
  watch(idle, Ready::read, level, 1);

  // Again and again, in case the first comes before the wait has begun.
  const itimerval every{.it_interval = {0, 5000}, .it_value = {0, 5000}};
  const itimerval never{};
  ASSERT_EQ(setitimer(ITIMER_REAL, &every, nullptr), 0);
  const auto start = std::chrono::steady_clock::now();
  do {
    EXPECT_EQ(wait_on(*poller_, 30s), Answers{});
  } while (signals == 0);
  const auto length = std::chrono::steady_clock::now() - start;
  ASSERT_EQ(setitimer(ITIMER_REAL, &never, nullptr), 0);
  ASSERT_EQ(sigaction(SIGALRM, &before, nullptr), 0);
  EXPECT_LT(length, 30s) << "the wait did not notice the signals";
}

// The kernel's work for the requests of this thread interrupts it as a signal does, and there is no
// handler: epoll_wait(2) says EINTR, poll(2) and select(2) go on by themselves.
TEST_P(PollerWait, AnAnswerOfARingIsNoFailureAndLosesNothing) {
  if (!is_on_linux()) GTEST_SKIP() << "vkern has no io_uring";
  auto ring = kernel().io_uring_setup(8);
  if (!ring) GTEST_SKIP() << "io_uring: " << ring.error().name();
  const Fd asked_for = counter();
  const Fd watched = counter();
  watch(watched, Ready::read, level, 1);
  for (int round = 0; round < 10; ++round) {
    ASSERT_EQ(code((*ring)->poll_add(asked_for.get(), POLLIN, PollShot::once, 1)), 0);
    ASSERT_EQ(code((*ring)->submit()), 0);
    std::jthread other([&] {
      bump(asked_for);
      std::this_thread::sleep_for(1ms);  // So that the wait is interrupted before it is answered.
      bump(watched);
    });
    EXPECT_EQ(next(), (Answers{{1, Ready::read}}));
    other.join();
    drain(asked_for);
    drain(watched);
    std::array<IoCompletion, 8> room;
    EXPECT_EQ((*ring)->harvest(room), 1u);
  }
}

TEST_P(PollerWait, AnswersComeInTheOrderOfAddingWhenAllIsReadyFromTheStart) {
  const auto fds = three_ready(level);
  EXPECT_EQ(tokens(16), (Tokens{1, 2, 3}));
}

// "What did not fit into `out` comes with the next wait, before what has been answered already."
TEST_P(PollerWait, ASmallRoomIsServedRoundRobin) {
  const auto fds = three_ready(level);
  EXPECT_EQ(tokens(1), (Tokens{1}));
  EXPECT_EQ(tokens(1), (Tokens{2}));
  EXPECT_EQ(tokens(1), (Tokens{3}));
  EXPECT_EQ(tokens(2), (Tokens{1, 2}));
  EXPECT_EQ(tokens(2), (Tokens{3, 1}));
  EXPECT_EQ(tokens(2), (Tokens{2, 3}));
}

TEST_P(PollerWait, ANewcomerQueuesBeforeThoseWhoWereAnsweredAndBehindThoseWhoWereNot) {
  auto fds = three_ready(level);
  EXPECT_EQ(tokens(2), (Tokens{1, 2}));
  const Fd fourth = counter(1);
  watch(fourth, Ready::read, level, 4);
  const Tokens round = tokens(4);
  // epoll re-queues levels when it answers them, so there the newcomer comes last; the promise is
  // only that 3, who found no room, does not wait longer for it.
  ASSERT_EQ(round.size(), 4u);
  EXPECT_EQ(round.front(), 3u);
}

TEST_P(PollerWait, OneWhoLeavesTakesNobodyElsesTurn) {
  auto fds = three_ready(level);
  EXPECT_EQ(tokens(1), (Tokens{1}));
  EXPECT_EQ(code(poller_->remove(fds[0].get())), 0);
  EXPECT_EQ(tokens(1), (Tokens{2}));
  EXPECT_EQ(tokens(1), (Tokens{3}));
  EXPECT_EQ(code(poller_->remove(fds[2].get())), 0);
  EXPECT_EQ(tokens(1), (Tokens{2}));
  EXPECT_EQ(tokens(1), (Tokens{2}));
}

TEST_P(PollerWait, OneshotsThatFoundNoRoomAreAnsweredLaterOnceEach) {
  const auto fds = three_ready(oneshot);
  EXPECT_EQ(tokens(1), (Tokens{1}));
  EXPECT_EQ(tokens(1), (Tokens{2}));
  EXPECT_EQ(tokens(1), (Tokens{3}));
  EXPECT_EQ(tokens(1), (Tokens{}));
}

TEST_P(PollerWait, EdgesThatFoundNoRoomAreAnsweredLaterOnceEach) {
  if (!can().edge) {
    EXPECT_EQ(code(add(counter().get(), Ready::read, edge, 1)), EOPNOTSUPP);
    return;
  }
  const auto fds = three_ready(edge);
  EXPECT_EQ(tokens(1), (Tokens{1}));
  EXPECT_EQ(tokens(2), (Tokens{2, 3}));
  EXPECT_EQ(tokens(1), (Tokens{}));
}

// An edge in hand must not make the others wait, nor the wait block.
TEST_P(PollerWait, LevelsAndEdgesThatFoundNoRoomAreAllServed) {
  const Fd first = counter(1);
  const Fd second = counter(1);
  const Fd third = counter(1);
  watch(first, Ready::read, can().edge ? edge : oneshot, 1);
  watch(second, Ready::read, can().edge ? edge : oneshot, 2);
  watch(third, Ready::read, level, 3);
  Tokens seen;
  for (int i = 0; i < 3; ++i)
    for (const Answer& answer : next(10s, 1)) seen.push_back(answer.token);
  EXPECT_THAT(seen, testing::UnorderedElementsAre(1, 2, 3));
}

// More than one batch of anything that is inside: 1,000 ready ones, 7 at a time, each once a round.
TEST_P(PollerWait, AThousandReadyOnesAreAllAnsweredInARoundOfSmallRooms) {
  constexpr std::uint64_t many = 1000;
  std::vector<Fd> fds;
  for (std::uint64_t token = 0; token < many; ++token) {
    fds.push_back(counter(1));
    watch(fds.back(), Ready::read, level, token);
  }
  for (int round = 0; round < 2; ++round) {
    std::vector<int> answered(many, 0);
    std::uint64_t count = 0;
    while (count < many) {
      const Tokens some = tokens(std::min<std::uint64_t>(7, many - count));
      ASSERT_FALSE(some.empty());
      for (const std::uint64_t token : some) ++answered[token];
      count += some.size();
    }
    EXPECT_EQ(answered, std::vector<int>(many, 1)) << "round " << round;
  }
}

// Thousands of edges between two waits overflow a completion queue of any fixed size.
TEST_P(PollerWait, AStormOfEventsBetweenTwoWaitsLosesNone) {
  constexpr std::uint64_t many = 1500;
  std::vector<Fd> fds;
  for (std::uint64_t token = 0; token < many; ++token) {
    fds.push_back(counter());
    watch(fds.back(), Ready::read, can().edge ? edge : level, token);
  }
  EXPECT_EQ(look(many), Answers{});
  for (int i = 0; i < 5; ++i)
    for (const Fd& fd : fds) bump(fd);

  std::vector<bool> seen(many, false);
  std::size_t count = 0;
  while (count < many) {
    const Answers answers = look(many);
    ASSERT_FALSE(answers.empty()) << count << " of " << many;
    for (const Answer& answer : answers) {
      if (!seen[answer.token]) ++count;
      seen[answer.token] = true;
      drain(fds[answer.token]);
    }
  }
  for (const Fd& fd : fds) bump(fd);
  EXPECT_EQ(tokens(many).size(), many) << "and all are watched still";
}

}  // namespace
}  // namespace tocsin::contract
