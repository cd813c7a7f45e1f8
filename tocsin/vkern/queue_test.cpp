// SPDX-License-Identifier: MIT
//
// Queues: what is sent arrives once and in order, whoever waits and however; and no system call is
// made as long as nobody sleeps.
#include "tocsin/vkern/queue.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

template <class R>
int errno_of(const R& result) {
  return result ? 0 : result.error().value();
}

template <class P>
class QueueTest : public testing::Test {
 protected:
  /// The events that are reported now, if any.
  Mask now() {
    epoll_event event{};
    const Count count = epoll_.wait(std::span(&event, 1), Duration::zero());
    EXPECT_TRUE(count);
    return count.value_or(0) == 1 ? event.events : 0;
  }

  System<P> system_;
  Queue<P, int> queue_{system_, 2};
  EpollHandle<P> epoll_{system_};
};

using Policies = testing::Types<Single, Threads>;
TYPED_TEST_SUITE(QueueTest, Policies);

TYPED_TEST(QueueTest, ItemsComeOutInTheirOrderAndNoMoreGoInThanThereIsRoomFor) {
  auto& queue = this->queue_;
  EXPECT_EQ(errno_of(queue.try_receive()), EAGAIN);
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(queue.try_send(1));
    EXPECT_TRUE(queue.send(2));
    EXPECT_EQ(errno_of(queue.try_send(3)), EAGAIN);
    EXPECT_EQ(queue.try_receive(), 1);
    EXPECT_TRUE(queue.try_send(3));
    EXPECT_EQ(queue.receive(), 2);
    EXPECT_EQ(queue.receive(), 3);
  }
}

TYPED_TEST(QueueTest, AnItemThatIsRefusedStaysWithItsSender) {
  Queue<TypeParam, std::unique_ptr<int>> queue(this->system_, 1);
  EXPECT_TRUE(queue.try_send(std::make_unique<int>(1)));
  auto item = std::make_unique<int>(2);
  EXPECT_EQ(errno_of(queue.try_send(std::move(item))), EAGAIN);
  ASSERT_NE(item, nullptr);
  queue.finish();
  EXPECT_EQ(errno_of(queue.try_send(std::move(item))), EPIPE);
  EXPECT_NE(item, nullptr);
}

TYPED_TEST(QueueTest, FinishedItIsReadToItsEnd) {
  auto& queue = this->queue_;
  EXPECT_TRUE(queue.send(1));
  queue.finish();
  EXPECT_EQ(errno_of(queue.send(2)), EPIPE);
  EXPECT_EQ(queue.receive(), 1);
  EXPECT_EQ(errno_of(queue.receive()), EPIPE);
  EXPECT_EQ(errno_of(queue.try_receive()), EPIPE);
}

TYPED_TEST(QueueTest, TheMaskSaysWhetherThereIsAnItemAndRoom) {
  constexpr Mask in = EPOLLIN | EPOLLRDNORM, out = EPOLLOUT | EPOLLWRNORM;
  auto& queue = this->queue_;
  EXPECT_EQ(queue.ready(), out);
  EXPECT_TRUE(queue.send(1));
  EXPECT_EQ(queue.ready(), in | out);
  EXPECT_TRUE(queue.send(2));
  EXPECT_EQ(queue.ready(), in);
  queue.finish();
  EXPECT_EQ(queue.ready(), in | EPOLLRDHUP | EPOLLHUP);
}

TYPED_TEST(QueueTest, EachItemIsAnEdgeAndSoIsRoomThatThereWasNot) {
  auto& queue = this->queue_;
  ASSERT_TRUE(this->epoll_.add(queue, EPOLLIN | EPOLLOUT | EPOLLET, 1));
  EXPECT_EQ(this->now(), EPOLLOUT + 0u);
  EXPECT_TRUE(queue.send(1));
  EXPECT_EQ(this->now(), EPOLLIN + EPOLLOUT);
  EXPECT_EQ(this->now(), 0u);
  EXPECT_TRUE(queue.send(2));
  EXPECT_EQ(this->now(), EPOLLIN + 0u);
  EXPECT_EQ(queue.receive(), 1);
  EXPECT_EQ(this->now(), EPOLLIN + EPOLLOUT);
  EXPECT_EQ(queue.receive(), 2);
  EXPECT_EQ(this->now(), 0u) << "there was room before";
  queue.finish();
  EXPECT_EQ(this->now(), EPOLLIN + EPOLLHUP);
}

TYPED_TEST(QueueTest, TheItemsLeftInItEndWithItsLastHandle) {
  const auto item = std::make_shared<int>(1);
  {
    Queue<TypeParam, std::shared_ptr<int>> queue(this->system_, 1);
    const auto duplicate = queue.duplicate();
    EXPECT_TRUE(queue.send(item));
    queue.close();
    EXPECT_EQ(item.use_count(), 2);
  }
  EXPECT_EQ(item.use_count(), 1);
}

// ---- blocking -----------------------------------------------------------------------------------

TEST(QueueOfFibers, SendersAndReceiversWaitForEachOther) {
  System<Single> system;
  Queue<Single, int> queue(system, 1);
  std::vector<int> received;
  system.world().spawn([&] {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(queue.send(i));
    queue.finish();
  });
  while (const auto item = queue.receive()) received.push_back(*item);
  ASSERT_EQ(received.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(received[static_cast<std::size_t>(i)], i);
}

TEST(QueueOfFibers, ASleepingEpollIsWokenByTheQueueOfItsSystemOnly) {
  System<Single> system, other;
  Queue<Single, int> queue(system, 1), elsewhere(other, 1);
  EpollHandle<Single> epoll(system);
  ASSERT_TRUE(epoll.add(queue, EPOLLIN, 1));
  const TimePoint before = system.world().now();
  system.world().spawn([&] {
    EXPECT_TRUE(elsewhere.send(1));
    EXPECT_TRUE(queue.send(1));
  });
  epoll_event event{};
  EXPECT_EQ(epoll.wait(std::span(&event, 1)), 1u);
  EXPECT_EQ(system.world().now(), before) << "no time passes while somebody can run";
}

// Two who send, each in its own queue; two who wait for both; every item is taken once.
TEST(QueueOfThreads, NothingIsLostBetweenManySendersAndManyWhoWait) {
  constexpr int items = 50'000;
  System<Threads> system;
  std::vector<Queue<Threads, int>> queues;
  queues.reserve(2);
  for (int i = 0; i < 2; ++i) queues.emplace_back(system, 8);
  EpollHandle<Threads> epoll(system);
  for (std::size_t i = 0; i < queues.size(); ++i) ASSERT_TRUE(epoll.add(queues[i], EPOLLIN, i));

  std::atomic<long long> sum = 0;
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (auto& queue : queues)
      threads.emplace_back([&queue] {
        for (int i = 1; i <= items; ++i) ASSERT_TRUE(queue.send(i));
        queue.finish();
      });
    for (int i = 0; i < 2; ++i)
      threads.emplace_back([&] {
        while (true) {
          std::array<epoll_event, 2> events;
          const Count count = epoll.wait(events);
          ASSERT_TRUE(count);
          std::size_t finished = 0;
          for (std::size_t j = 0; j < *count; ++j) {
            while (const auto item = queues[events[j].data.u64].try_receive()) {
              sum += *item;
              ++taken;
            }
            if ((events[j].events & EPOLLHUP) != 0) ++finished;
          }
          if (finished == 2) return;
        }
      });
  }
  EXPECT_EQ(taken, 2 * items);
  EXPECT_EQ(sum, 2LL * items * (items + 1) / 2);
}

// ---- no system call -----------------------------------------------------------------------------

// A process that is killed by any system call but its own end: exit_group(2).
void forbid_system_calls() {
  constexpr auto allowed = static_cast<unsigned>(SYS_exit_group);
  std::array<sock_filter, 4> program = {
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
  sock_fprog filter{.len = program.size(), .filter = program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(3);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(3);
}

/// How a child ends that does `work` without any system call: 0, or the signal that killed it.
int killed_by(auto work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work(forbid_system_calls);
    ::syscall(SYS_exit_group, 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "no filter could be set";
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

template <class P>
void exchange_items(auto forbid) {
  System<P> system;
  Queue<P, int> first(system, 8), second(system, 8);
  EpollHandle<P> epoll(system);
  if (!epoll.add(first, EPOLLIN, 1) || !epoll.add(second, EPOLLIN | EPOLLET, 2)) ::_exit(4);
  forbid();
  for (int i = 0; i < 10'000; ++i) {
    std::array<epoll_event, 2> events;
    const bool sent = first.send(i) && second.try_send(int{i});
    const bool both = epoll.wait(events) == 2u;
    const bool received = first.receive() == i && second.try_receive() == i;
    const bool rearmed = epoll.modify(second, EPOLLIN | EPOLLET, 2) && epoll.remove(first) &&
                         epoll.add(first, EPOLLIN, 1);
    if (!sent || !both || !received || !rearmed || epoll.wait(events, Duration::zero()) != 0u)
      __builtin_trap();
  }
  ::syscall(SYS_exit_group, 0);  // Before anything is torn down.
}

TEST(HandlesAndQueues, MakeNoSystemCallUnlessSomebodySleeps) {
  EXPECT_EQ(killed_by([](auto forbid) { exchange_items<Single>(forbid); }), 0);
  EXPECT_EQ(killed_by([](auto forbid) { exchange_items<Threads>(forbid); }), 0);
}

TEST(HandlesAndQueues, AreWatchedByAFilterThatKills) {
  EXPECT_EQ(killed_by([](auto forbid) {
              forbid();
              ::syscall(SYS_getppid);
            }),
            SIGSYS);
}

}  // namespace
}  // namespace tocsin::vkern
