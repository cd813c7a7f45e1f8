// SPDX-License-Identifier: MIT
//
// Queues between threads that a Loop serves: through an epoll in user space and the one descriptor
// that it is exported by.
#include "tocsin/vkern/exported_epoll.hpp"

#include <array>
#include <memory>
#include <thread>

#include "tocsin/loop/loop_testing.hpp"
#include "tocsin/vkern/queue.hpp"

namespace tocsin {
namespace {

using vkern::Threads;
using Numbers = vkern::Queue<Threads, int>;

// Serves both queues until they are finished; then the loop stops.
class Server final : public Source {
 public:
  Server(Loop& loop, vkern::System<Threads>& system, std::array<Numbers*, 2> queues)
      : loop_(loop), epoll_(system), queues_(queues) {
    for (std::size_t i = 0; i < queues_.size(); ++i)
      EXPECT_TRUE(epoll_.add(*queues_[i], EPOLLIN | EPOLLET, i));
    exported_ = vkern::ExportedEpoll<Threads>::create(epoll_, loop.kernel()).value();
    token_ = loop_.add(exported_->fd(), Ready::read, {}, *this, "queues").value();
  }
  ~Server() { loop_.remove(token_); }

  void on_ready(Ready) override {
    ++calls;
    std::array<epoll_event, 2> events;
    const auto count = exported_->harvest(events);
    ASSERT_TRUE(count);
    for (std::size_t i = 0; i < *count; ++i) {
      Numbers& queue = *queues_[events[i].data.u64];
      while (const auto item = queue.try_receive()) sum += *item;
      if ((events[i].events & EPOLLHUP) == 0) continue;
      ASSERT_TRUE(epoll_.remove(queue));  // Or its end may be an edge twice.
      if (++finished_ == 2) loop_.stop();
    }
  }

  long long sum = 0;
  int calls = 0;

 private:
  Loop& loop_;
  vkern::EpollHandle<Threads> epoll_;
  std::array<Numbers*, 2> queues_;
  std::unique_ptr<vkern::ExportedEpoll<Threads>> exported_;
  Token token_{};
  int finished_ = 0;
};

TEST(AnExportedEpoll, LetsALoopServeTheQueuesOfOtherThreads) {
  constexpr int items = 20'000;
  const auto loop = Loop::create(kernel_under_test()).value();
  vkern::System<Threads> system;
  Numbers first(system, 8), second(system, 8);
  Server server(*loop, system, {&first, &second});
  {
    const auto send_all = [](Numbers& queue) {
      for (int i = 1; i <= items; ++i) ASSERT_TRUE(queue.send(i));
      queue.finish();
    };
    std::jthread a([&] { send_all(first); });
    std::jthread b([&] { send_all(second); });
    EXPECT_TRUE(loop->run());
    first.finish();  // If something was lost, nobody is to wait for it.
    second.finish();
  }
  EXPECT_EQ(server.sum, 1LL * items * (items + 1));
}

TEST(AnExportedEpoll, CallsALoopThatHasFoundItEmptyOnceForManyItems) {
  const auto loop = Loop::create(kernel_under_test()).value();
  vkern::System<Threads> system;
  Numbers first(system, 8), second(system, 8);
  Server server(*loop, system, {&first, &second});
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(first.send(1) && second.send(1));
    ASSERT_TRUE(loop->run_once(std::nullopt));  // Both queues.
    ASSERT_TRUE(loop->run_once(std::nullopt));  // That this was all.
    EXPECT_EQ(server.sum, 16 * round);
    EXPECT_EQ(server.calls, 2 * round);
    ASSERT_TRUE(loop->run_once(Duration::zero()));
    EXPECT_EQ(server.calls, 2 * round);
  }
}

}  // namespace
}  // namespace tocsin
