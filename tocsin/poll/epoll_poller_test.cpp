// SPDX-License-Identifier: MIT
//
// What is epoll's alone: its two ways to wait, and many threads at once. What it shares with the
// other mechanisms is held to in tests/contract.
#include "tocsin/poll/epoll_poller.hpp"

#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <climits>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

/// Answers every wait with nothing at once, and remembers how it was asked.
class WaitingKernel final : public LinuxKernel {
 public:
  explicit WaitingKernel(int error) : error_(error) {}

  Count epoll_wait(int, std::span<epoll_event>, int timeout) override {
    milliseconds.push_back(timeout);
    return 0;
  }
  Count epoll_pwait2(int, std::span<epoll_event>, const timespec* timeout,
                     const sigset_t*) override {
    nanoseconds.push_back(timeout->tv_sec * 1'000'000'000 + timeout->tv_nsec);
    if (error_ != 0) return std::unexpected(Errno{error_});
    return 0;
  }

  std::vector<int> milliseconds;
  std::vector<long> nanoseconds;

 private:
  int error_;
};

using Timeouts = std::vector<std::optional<Duration>>;

void wait_each(WaitingKernel& kernel, const Timeouts& timeouts) {
  const auto poller = EpollPoller::create(kernel).value();
  std::array<Event, 4> room;
  for (const auto& timeout : timeouts) EXPECT_TRUE(poller->wait(room, timeout)->empty());
}

TEST(EpollPoller, NowAndForEverNeedNoNanoseconds) {
  WaitingKernel kernel(0);
  wait_each(kernel, {0ns, std::nullopt, -5ns});
  EXPECT_EQ(kernel.milliseconds, (std::vector<int>{0, -1, 0}));
  EXPECT_EQ(kernel.nanoseconds, std::vector<long>{});
}

TEST(EpollPoller, WhatIsFiniteIsWaitedForInNanoseconds) {
  WaitingKernel kernel(0);
  wait_each(kernel, {1ns, 1'500'000'001ns});
  EXPECT_EQ(kernel.nanoseconds, (std::vector<long>{1, 1'500'000'001}));
  EXPECT_EQ(kernel.milliseconds, std::vector<int>{});
}

// Linux before 5.11 says ENOSYS; a seccomp filter from before then says EPERM.
TEST(EpollPoller, WithoutEpollPwait2ItRoundsUpToMillisecondsAndAsksOnlyOnce) {
  for (const int error : {ENOSYS, EPERM}) {
    WaitingKernel kernel(error);
    wait_each(kernel, {1ns, 1ms, 1'000'001ns, 26 * 24h, Duration::max(), 0ns});
    EXPECT_EQ(kernel.milliseconds, (std::vector<int>{1, 1, 2, INT_MAX, INT_MAX, 0}));
    EXPECT_EQ(kernel.nanoseconds, (std::vector<long>{1})) << "asked once, remembered";
  }
}

TEST(EpollPoller, ASignalIsAnEmptyAnswerAndAnyOtherFailureIsItself) {
  std::array<Event, 4> room;
  for (const int error : {EINTR, EFAULT}) {
    WaitingKernel kernel(error);
    const auto answer = EpollPoller::create(kernel).value()->wait(room, 1s);
    EXPECT_EQ(answer ? 0 : answer.error().value(), error == EINTR ? 0 : error);
  }
}

TEST(EpollPollerDeathTest, AWaitWithoutRoomEndsTheProgram) {
  const auto poller = EpollPoller::create(LinuxKernel::shared()).value();
  EXPECT_DEATH(static_cast<void>(poller->wait({}, 0ns)), "could never tell what is ready");
}

// Four threads wait on one Poller while 2,000 oneshots fire: each is answered once, by one of them.
TEST(EpollPoller, ThreadsShareTheAnswersOfOnePoller) {
  constexpr std::uint64_t many = 2000;
  Kernel& kernel = LinuxKernel::shared();
  const auto poller = EpollPoller::create(kernel).value();
  std::vector<Fd> fds;
  for (std::uint64_t token = 0; token < many; ++token) {
    fds.emplace_back(kernel, kernel.eventfd(1, EFD_CLOEXEC).value());
    ASSERT_TRUE(poller->add(fds.back().get(), Ready::none, {.oneshot = true}, Token{token}));
  }
  std::vector<std::atomic<int>> answered(many);
  std::atomic<std::uint64_t> count = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      std::array<Event, 3> room;
      while (count < many) {
        const auto events = poller->wait(room, 1ms);
        for (const Event& event : *events) {
          ++answered[std::to_underlying(event.token)];
          ++count;
        }
      }
    });
  for (std::uint64_t token = 0; token < many; ++token)
    EXPECT_TRUE(poller->modify(fds[token].get(), Ready::read, {.oneshot = true}, Token{token}));
  for (std::jthread& thread : threads) thread.join();
  for (std::uint64_t token = 0; token < many; ++token) EXPECT_EQ(answered[token], 1) << token;
}

}  // namespace
}  // namespace tocsin
