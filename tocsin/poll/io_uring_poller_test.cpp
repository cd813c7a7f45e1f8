// SPDX-License-Identifier: MIT
//
// What a running ring does too seldom to be waited for: answers of requests that were given up,
// requests that are cut short, failures. Method: a ring whose completions the test writes. What
// IoUringPoller shares with the other mechanisms is held to in tests/contract.
#include "tocsin/poll/io_uring_poller.hpp"

#include <linux/io_uring.h>

#include <array>
#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

/// What a test sees of the ring and what it puts into it; outlives both.
struct Script {
  struct Request {
    std::uint64_t user_data;
    PollShot shot;
  };
  std::vector<Request> requests;
  std::vector<std::uint64_t> removed;        // Targets.
  std::deque<IoCompletion> completions;      // Handed out at the next harvest...
  std::deque<IoCompletion> after_next_wait;  // ... or once the next wait has ended.
  std::vector<bool> waits_at_once;           // For each wait, whether its timeout was zero.
  int error = 0;                             // Of every wait, unless 0.
};

class ScriptedRing final : public IoUring {
 public:
  explicit ScriptedRing(Script& script) : script_(script) {}

  int fd() const override { return -1; }
  bool supports(unsigned) const override { return true; }
  Result<> poll_add(int, std::uint32_t, PollShot shot, std::uint64_t user_data) override {
    script_.requests.push_back({user_data, shot});
    return {};
  }
  Result<> poll_remove(std::uint64_t target, std::uint64_t) override {
    script_.removed.push_back(target);
    return {};
  }
  Result<> submit() override { return {}; }
  Result<> submit_and_wait(const timespec* timeout) override {
    script_.waits_at_once.push_back(timeout != nullptr && timeout->tv_sec == 0 &&
                                    timeout->tv_nsec == 0);
    script_.completions.insert(script_.completions.end(), script_.after_next_wait.begin(),
                               script_.after_next_wait.end());
    script_.after_next_wait.clear();
    if (script_.error != 0) return std::unexpected(Errno{script_.error});
    return {};
  }
  std::size_t harvest(std::span<IoCompletion> into) override {
    std::size_t count = 0;
    for (; count < into.size() && !script_.completions.empty(); ++count) {
      into[count] = script_.completions.front();
      script_.completions.pop_front();
    }
    return count;
  }

  Result<> epoll_wait(int, std::span<epoll_event>, std::uint64_t) override { return {}; }
  Result<> read(int, MutableBytes, std::uint64_t, std::uint64_t) override { return {}; }
  Result<> readv(int, std::span<const iovec>, std::uint64_t, std::uint64_t) override { return {}; }
  Result<> writev(int, std::span<const iovec>, std::uint64_t, std::uint64_t) override { return {}; }
  Result<> renameat2(int, const char*, int, const char*, unsigned, std::uint64_t) override {
    return {};
  }
  Result<> write(int, ByteView, std::uint64_t, std::uint64_t) override { return {}; }
  Result<> fsync(int, std::uint64_t) override { return {}; }
  Result<> openat(int, const char*, int, mode_t, std::uint64_t) override { return {}; }
  Result<> statx(int, const char*, int, unsigned, struct statx&, std::uint64_t) override {
    return {};
  }
  Result<> cancel(std::uint64_t, std::uint64_t) override { return {}; }
  Result<> register_eventfd(int) override { return {}; }

 private:
  Script& script_;
};

class ScriptedKernel final : public LinuxKernel {
 public:
  Result<std::unique_ptr<IoUring>> io_uring_setup(unsigned, unsigned) override {
    return std::make_unique<ScriptedRing>(script);
  }
  Script script;
};

struct IoUringPollerTest : testing::Test {
  Fd pipe_end() {
    const auto ends = kernel.pipe2(O_CLOEXEC).value();
    others.emplace_back(kernel, ends[1]);
    return Fd(kernel, ends[0]);
  }
  void watch(const Fd& fd, Mode mode, std::uint64_t token) {
    ASSERT_TRUE(poller->add(fd.get(), Ready::read, mode, Token{token}));
  }
  std::vector<std::uint64_t> look(std::size_t room = 8, Duration timeout = 0ns) {
    std::vector<Event> events(room);
    std::vector<std::uint64_t> tokens;
    const auto answered = poller->wait(events, timeout);
    EXPECT_TRUE(answered);
    for (const Event& event : answered.value_or(std::span<Event>{}))
      tokens.push_back(std::to_underlying(event.token));
    return tokens;
  }
  std::uint64_t latest() const { return script.requests.back().user_data; }

  ScriptedKernel kernel;
  Script& script = kernel.script;
  std::vector<Fd> others;
  std::unique_ptr<IoUringPoller> poller = IoUringPoller::create(kernel).value();
};

using Tokens = std::vector<std::uint64_t>;
constexpr Mode edge{.trigger = Trigger::edge};

TEST_F(IoUringPollerTest, TheAnswerOfARequestThatWasGivenUpIsDroppedHoweverLateItComes) {
  const Fd fd = pipe_end();
  watch(fd, edge, 1);
  EXPECT_EQ(look(), Tokens{});
  const std::uint64_t old = latest();
  ASSERT_TRUE(poller->remove(fd.get()));
  EXPECT_EQ(script.removed, (std::vector<std::uint64_t>{old}));
  watch(fd, edge, 2);
  EXPECT_EQ(look(), Tokens{});
  ASSERT_NE(latest(), old);
  script.completions = {{.user_data = old, .result = EPOLLIN, .more = true},
                        {.user_data = old, .result = -ECANCELED, .more = false}};
  EXPECT_EQ(look(), Tokens{}) << "the number is the same, the request is not";
  EXPECT_EQ(script.requests.size(), 2u) << "and the new one stays as it is";
  script.completions = {{.user_data = latest(), .result = EPOLLIN, .more = true}};
  EXPECT_EQ(look(), (Tokens{2}));
}

TEST_F(IoUringPollerTest, AnEdgeThatAFullRingCutShortIsAnsweredAndAskedForAgain) {
  const Fd fd = pipe_end();
  watch(fd, edge, 1);
  EXPECT_EQ(look(), Tokens{});
  script.completions = {{.user_data = latest(), .result = EPOLLIN, .more = false}};
  EXPECT_EQ(look(), (Tokens{1}));
  EXPECT_EQ(script.requests.size(), 2u);
  EXPECT_EQ(script.requests.back().shot, PollShot::multi);
}

TEST_F(IoUringPollerTest, WhatEndedWithItsThreadIsAskedForAgainWithoutAnAnswer) {
  const Fd fd = pipe_end();
  for (const Mode mode : {Mode{}, edge, Mode{.oneshot = true}}) {
    watch(fd, mode, 1);
    EXPECT_EQ(look(), Tokens{});
    const std::size_t before = script.requests.size();
    script.completions = {{.user_data = latest(), .result = -ECANCELED, .more = false}};
    EXPECT_EQ(look(), Tokens{});
    EXPECT_EQ(script.requests.size(), before + 1);
    ASSERT_TRUE(poller->remove(fd.get()));
  }
}

TEST_F(IoUringPollerTest, ARequestThatFailsIsAnErrorForItsOwnerToFind) {
  const Fd fd = pipe_end();
  watch(fd, {}, 1);
  script.after_next_wait = {
      {.user_data = std::uint64_t{1} << 32 | unsigned(fd.get()), .result = -ENOMEM, .more = false}};
  std::array<Event, 4> room;
  const auto answered = poller->wait(room, 0ns);
  ASSERT_TRUE(answered);
  ASSERT_EQ(answered->size(), 1u);
  EXPECT_EQ(Ready{room[0].ready}, Ready::error);
}

TEST_F(IoUringPollerTest, WithAnEdgeInHandAWaitDoesNotWait) {
  const Fd one = pipe_end();
  const Fd two = pipe_end();
  watch(one, edge, 1);
  watch(two, edge, 2);
  EXPECT_EQ(look(), Tokens{});
  for (const auto& request : script.requests)
    script.completions.push_back({.user_data = request.user_data, .result = EPOLLIN, .more = true});
  EXPECT_EQ(look(1, 10s), (Tokens{1}));
  EXPECT_EQ(look(1, 10s), (Tokens{2}));
  EXPECT_EQ(script.waits_at_once, (std::vector<bool>{true, true, true}));
}

TEST_F(IoUringPollerTest, ASignalIsAnEmptyAnswerAndAnyOtherFailureIsItself) {
  std::array<Event, 4> room;
  for (const int error : {EINTR, EBUSY}) {
    script.error = error;
    const auto answer = poller->wait(room, 1s);
    EXPECT_EQ(answer ? 0 : answer.error().value(), error == EINTR ? 0 : error);
  }
}

}  // namespace
}  // namespace tocsin
