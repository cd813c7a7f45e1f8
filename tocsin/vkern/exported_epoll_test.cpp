// SPDX-License-Identifier: MIT
//
// An epoll of this kernel in an epoll of Linux: how often it is written, and that nobody who waits
// there misses anything.
#include "tocsin/vkern/exported_epoll.hpp"

#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/queue.hpp"

namespace tocsin::vkern {
namespace {

// Linux, and how often it was asked to read and to write.
class CountingLinux final : public ForwardingKernel {
 public:
  CountingLinux() : ForwardingKernel(LinuxKernel::shared()) {}
  Count read(int fd, MutableBytes into) override {
    ++reads;
    return ForwardingKernel::read(fd, into);
  }
  Count write(int fd, ByteView bytes) override {
    ++writes;
    return ForwardingKernel::write(fd, bytes);
  }
  std::atomic<int> reads = 0;
  std::atomic<int> writes = 0;
};

template <class P>
class Exported : public testing::Test {
 protected:
  Exported() {
    EXPECT_TRUE(epoll_.add(queue_, EPOLLIN, 1));
    exported_ = std::move(*ExportedEpoll<P>::create(epoll_, host_));
  }

  bool is_readable() {
    pollfd one{.fd = exported_->fd(), .events = POLLIN, .revents = 0};
    const timespec no_time{};
    return host_.ppoll(std::span(&one, 1), &no_time) == 1u;
  }
  std::size_t harvest(std::size_t room = 4) {
    std::array<epoll_event, 4> events;
    const Count count = exported_->harvest(std::span(events).first(room));
    EXPECT_TRUE(count);
    return count.value_or(0);
  }

  CountingLinux host_;
  System<P> system_;
  Queue<P, int> queue_{system_, 1000};
  EpollHandle<P> epoll_{system_};
  std::unique_ptr<ExportedEpoll<P>> exported_;
};

using Policies = testing::Types<Single, Threads>;
TYPED_TEST_SUITE(Exported, Policies);

TYPED_TEST(Exported, IsWrittenOnceForManyEventsAndAgainOnlyAfterAHarvestOfNothing) {
  EXPECT_FALSE(this->is_readable());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(this->queue_.send(i));
  EXPECT_TRUE(this->is_readable());
  EXPECT_EQ(this->host_.writes, 1);

  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(this->harvest(), 1u);
    EXPECT_EQ(this->queue_.receive(), i);
    EXPECT_TRUE(this->is_readable()) << "it is not known yet whether that was all";
  }
  EXPECT_TRUE(this->queue_.send(0));
  EXPECT_EQ(this->queue_.receive(), 0);
  EXPECT_EQ(this->host_.writes, 1) << "nobody has found it empty yet";
  EXPECT_EQ(this->host_.reads, 0);

  EXPECT_EQ(this->harvest(), 0u);
  EXPECT_FALSE(this->is_readable());
  EXPECT_EQ(this->host_.reads, 1);
  EXPECT_TRUE(this->queue_.send(0));
  EXPECT_TRUE(this->queue_.send(0));
  EXPECT_TRUE(this->is_readable());
  EXPECT_EQ(this->host_.writes, 2);
}

TYPED_TEST(Exported, IsReadableAtOnceIfSomethingWasReadyBefore) {
  EXPECT_TRUE(this->queue_.send(1));
  const auto late = std::move(*ExportedEpoll<TypeParam>::create(this->epoll_, this->host_));
  pollfd one{.fd = late->fd(), .events = POLLIN, .revents = 0};
  const timespec no_time{};
  EXPECT_EQ(this->host_.ppoll(std::span(&one, 1), &no_time), 1u);
}

TYPED_TEST(Exported, StaysReadableWhileThereIsMoreThanThereWasRoomFor) {
  Queue<TypeParam, int> other(this->system_, 1);
  ASSERT_TRUE(this->epoll_.add(other, EPOLLIN | EPOLLET, 2));
  ASSERT_TRUE(this->epoll_.modify(this->queue_, EPOLLIN | EPOLLET, 1));
  EXPECT_TRUE(this->queue_.send(1));
  EXPECT_TRUE(other.send(1));
  EXPECT_EQ(this->harvest(1), 1u);
  EXPECT_TRUE(this->is_readable());
  EXPECT_EQ(this->harvest(1), 1u);
  EXPECT_EQ(this->harvest(1), 0u);
  EXPECT_FALSE(this->is_readable());
}

TYPED_TEST(Exported, RefusesAHarvestIntoNothing) {
  EXPECT_TRUE(this->queue_.send(1));
  EXPECT_EQ(this->exported_->harvest({}).error().value(), EINVAL);
  EXPECT_TRUE(this->is_readable());
}

TYPED_TEST(Exported, KeepsItsEpollOpenAndLeavesItWhenItEnds) {
  this->epoll_.close();
  EXPECT_TRUE(this->queue_.send(1));
  EXPECT_EQ(this->harvest(), 1u);
  this->exported_.reset();
  EXPECT_TRUE(this->queue_.send(1));
  EXPECT_EQ(this->host_.writes, 1);
}

// Any interleaving of wake-ups with the arming: who sends waits for the answer before it sends the
// next, so that one wake-up that is lost stops all.
TEST(ExportedToThreads, NoWakeUpIsLost) {
  constexpr int items = 20'000, senders = 2;
  CountingLinux host;
  System<Threads> system;
  EpollHandle<Threads> epoll(system);
  std::vector<Queue<Threads, int>> queues, answers;
  for (std::size_t i = 0; i < senders; ++i) {
    queues.emplace_back(system, 4);
    answers.emplace_back(system, 4);
    ASSERT_TRUE(epoll.add(queues[i], i == 0 ? EPOLLIN : EPOLLIN | EPOLLET, i));
  }
  const auto exported = std::move(*ExportedEpoll<Threads>::create(epoll, host));
  const int outer = *host.epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
  ASSERT_TRUE(host.epoll_ctl(outer, EPOLL_CTL_ADD, exported->fd(), &event));

  std::vector<std::jthread> threads;
  threads.reserve(senders);
  for (std::size_t i = 0; i < senders; ++i)
    threads.emplace_back([&, i] {
      for (int item = 0; item < items; ++item)
        if (!queues[i].send(item) || !answers[i].receive()) return;
    });
  int taken = 0;
  while (taken < senders * items) {
    const Count ready = host.epoll_wait(outer, std::span(&event, 1), 10'000);
    if (ready != 1u) break;  // Lost.
    std::array<epoll_event, senders> events;
    const Count count = exported->harvest(events);
    ASSERT_TRUE(count);
    for (std::size_t i = 0; i < *count; ++i)
      while (const auto item = queues[events[i].data.u64].try_receive()) {
        ++taken;
        EXPECT_TRUE(answers[events[i].data.u64].send(*item));
      }
  }
  EXPECT_EQ(taken, senders * items);
  EXPECT_LE(host.writes, host.reads + 1) << "written only after it was found empty";
  for (auto& queue : answers) queue.finish();
  for (auto& queue : queues) queue.finish();
  threads.clear();
  static_cast<void>(host.close(outer));
}

}  // namespace
}  // namespace tocsin::vkern
