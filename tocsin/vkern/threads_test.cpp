// SPDX-License-Identifier: MIT
//
// The core under real threads: producers, sleepers, and others who change, remove and close what
// they work on, all at once. What the exploration (exploring_test.cpp) takes for granted, that
// shared state is touched under locks only, is seen here, under the thread sanitizer.
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

using std::chrono::seconds;

constexpr int producers = 8;
constexpr int sleepers = 4;
constexpr std::uint64_t writes = 20'000;  // By each producer.
constexpr std::uint64_t last_word = 1000;

class Crowd : public testing::Test {
 protected:
  Crowd() {
    for (int& fd : counters_) fd = *process_.eventfd(0, EFD_NONBLOCK);
    end_ = *process_.eventfd(0, EFD_NONBLOCK);
    register_all();
  }

  int control(int operation, int fd, std::uint32_t events, std::uint64_t name) {
    epoll_event event{.events = events, .data = {.u64 = name}};
    const auto done = process_.epoll_ctl(epoll_, operation, fd, &event);
    return done ? 0 : done.error().value();
  }
  static std::uint32_t interest(std::size_t index) {
    constexpr std::array<std::uint32_t, 4> kinds = {EPOLLIN, EPOLLIN | EPOLLET,
                                                    EPOLLIN | EPOLLONESHOT, EPOLLIN | EPOLLET};
    return kinds[index % kinds.size()];
  }
  void register_all() {
    for (std::size_t i = 0; i < counters_.size(); ++i)
      ASSERT_EQ(control(EPOLL_CTL_ADD, counters_[i], interest(i), i), 0);
    ASSERT_EQ(control(EPOLL_CTL_ADD, end_, EPOLLIN, last_word), 0);
  }
  void bump(int fd) {
    const std::uint64_t one = 1;
    static_cast<void>(process_.write(fd, std::as_bytes(std::span(&one, 1))));
  }
  std::uint64_t drain(int fd) {
    std::uint64_t value = 0;
    const Count count = process_.read(fd, std::as_writable_bytes(std::span(&value, 1)));
    return count ? value : 0;
  }

  // Takes what it is told of until everything that was written has been read by somebody.
  void serve(bool with_deadline) {
    std::array<epoll_event, 3> events;
    const timespec timeout{.tv_sec = 0, .tv_nsec = 50'000};
    while (true) {
      const Count count = process_.epoll_pwait2(epoll_, events, with_deadline ? &timeout : nullptr);
      ASSERT_TRUE(count);
      for (std::size_t i = 0; i < *count; ++i) {
        const std::uint64_t name = events[i].data.u64;
        if (name == last_word) return;
        taken_ += drain(counters_[name]);
        // A disabled one is armed again; one that was removed meanwhile is registered again by
        // whoever removed it.
        if ((interest(name) & EPOLLONESHOT) != 0)
          control(EPOLL_CTL_MOD, counters_[name], interest(name), name);
      }
      if (taken_ == producers * writes) bump(end_);
    }
  }
  void produce(std::size_t index) {
    for (std::uint64_t i = 0; i < writes; ++i) bump(counters_[index]);
    --producing_;
  }
  void change() {
    for (std::size_t i = 0; producing_ > 0; i = (i + 1) % counters_.size())
      control(EPOLL_CTL_MOD, counters_[i], interest(i), i);
  }
  void remove_and_add() {
    for (std::size_t i = 0; producing_ > 0; i = (i + 1) % counters_.size()) {
      control(EPOLL_CTL_DEL, counters_[i], 0, 0);
      control(EPOLL_CTL_ADD, counters_[i], interest(i), i);
    }
  }
  // What is registered is closed while it is being written to.
  void open_and_close() {
    while (producing_ > 0) {
      const int fd = *process_.eventfd(0, EFD_NONBLOCK);
      control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 0);
      std::jthread writer([this, fd] { bump(fd); });
      ASSERT_TRUE(process_.close(fd));
    }
  }

  System<Threads> system_;
  Process<Threads>& process_ = system_.init();
  int epoll_ = *process_.epoll_create1(0);
  std::array<int, producers> counters_{};
  int end_ = -1;
  std::atomic<int> producing_ = producers;
  std::atomic<std::uint64_t> taken_ = 0;
};

TEST_F(Crowd, OfProducersAndSleepersLosesNothingWhileItIsChangedRemovedAndClosed) {
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < sleepers; ++i) threads.emplace_back([this, i] { serve(i % 2 == 0); });
    for (std::size_t i = 0; i < producers; ++i) threads.emplace_back([this, i] { produce(i); });
    threads.emplace_back([this] { change(); });
    threads.emplace_back([this] { remove_and_add(); });
    threads.emplace_back([this] { open_and_close(); });
  }
  EXPECT_EQ(taken_, producers * writes);
}

// Each round the last sleeper to come is woken, alone, and is gone right after.
TEST_F(Crowd, ThatBlocksInReadIsWokenByEveryWrite) {
  const int ping = *process_.eventfd(0, 0), pong = *process_.eventfd(0, 0);
  constexpr int rounds = 5000;
  std::jthread answers([&] {
    for (int i = 0; i < rounds; ++i) {
      ASSERT_EQ(drain(ping), 1u);
      bump(pong);
    }
  });
  for (int i = 0; i < rounds; ++i) {
    bump(ping);
    ASSERT_EQ(drain(pong), 1u);
  }
}

TEST_F(Crowd, OfPollersIsWokenTogether) {
  const int fd = *process_.eventfd(0, EFD_NONBLOCK);
  std::atomic<int> woken = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < sleepers; ++i)
    threads.emplace_back([&] {
      pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
      const Count count = process_.ppoll(std::span(&one, 1), nullptr);
      if (count && *count == 1) ++woken;
    });
  bump(fd);
  threads.clear();
  EXPECT_EQ(woken, sleepers);
}

}  // namespace
}  // namespace tocsin::vkern
