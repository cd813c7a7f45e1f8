// SPDX-License-Identifier: MIT
//
// Message queues: who gets a message, and who hears of it. What one thread alone can see is held
// against Linux in message_queue_differential_test.cpp; here are those who block.
#include "tocsin/vkern/message_queue.hpp"

#include <unistd.h>

#include <thread>

#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

template <class K>
class MessageQueueTest : public KernelTest<K> {
 protected:
  ~MessageQueueTest() override { static_cast<void>(this->kernel_.mq_unlink(name_.c_str())); }

  void SetUp() override {
    const auto made = open(O_CREAT | O_RDWR);
    if (!made) GTEST_SKIP() << "mq_open: " << made.error().message();
    queue_ = this->keep(made);
  }
  /// With room for two messages of four bytes.
  Result<int> open(int flags) {
    mq_attr attributes{};
    attributes.mq_maxmsg = 2;
    attributes.mq_msgsize = 4;
    return this->kernel_.mq_open(name_.c_str(), flags, 0600, &attributes);
  }
  int send(std::string_view text, unsigned priority = 0, const timespec* deadline = nullptr) {
    return errno_of(this->kernel_.mq_timedsend(queue_, as_bytes(text), priority, deadline));
  }
  std::string receive(const timespec* deadline = nullptr) {
    std::array<std::byte, 4> room{};
    const Count count = this->kernel_.mq_timedreceive(queue_, room, nullptr, deadline);
    if (!count) return std::string(count.error().name());
    return std::string(as_text(std::span(room).first(*count)));
  }

  const std::string name_ = "/tocsin-test-" + std::to_string(::getpid());
  int queue_ = -1;
};

TYPED_TEST_SUITE(MessageQueueTest, AllKernels);

TYPED_TEST(MessageQueueTest, TheHighestPriorityComesFirstAndThenTheOldest) {
  EXPECT_EQ(this->send("low", 1), 0);
  EXPECT_EQ(this->send("high", 2), 0);
  EXPECT_EQ(this->receive(), "high");
  EXPECT_EQ(this->send("also", 1), 0);
  EXPECT_EQ(this->receive(), "low");
  EXPECT_EQ(this->receive(), "also");
}

TYPED_TEST(MessageQueueTest, ItSaysWhatItHolds) {
  EXPECT_EQ(this->send("text"), 0);
  const auto attributes = this->kernel_.mq_getattr(this->queue_);
  ASSERT_TRUE(attributes);
  EXPECT_EQ(attributes->mq_maxmsg, 2);
  EXPECT_EQ(attributes->mq_msgsize, 4);
  EXPECT_EQ(attributes->mq_curmsgs, 1);
  EXPECT_EQ(attributes->mq_flags, 0);
  EXPECT_EQ(errno_of(this->kernel_.mq_getattr(-1)), EBADF);
}

TYPED_TEST(MessageQueueTest, ADeadlineEndsACallThatBlocks) {
  auto soon = *this->kernel_.clock_gettime(CLOCK_REALTIME);
  EXPECT_EQ(this->receive(&soon), "ETIMEDOUT");
  EXPECT_EQ(this->send("1"), 0);
  EXPECT_EQ(this->send("2"), 0);
  EXPECT_EQ(this->send("3", 0, &soon), ETIMEDOUT);
}

TYPED_TEST(MessageQueueTest, ANameThatIsGoneLeavesTheQueueToThoseWhoHaveIt) {
  EXPECT_EQ(errno_of(this->kernel_.mq_unlink(this->name_.c_str())), 0);
  EXPECT_EQ(errno_of(this->open(O_RDWR)), ENOENT);
  EXPECT_EQ(this->send("text"), 0);
  EXPECT_EQ(this->receive(), "text");
}

TYPED_TEST(MessageQueueTest, SendAndReceiveAreEdges) {
  this->watch(this->queue_);
  EXPECT_EQ(this->edges().size(), 1U);
  EXPECT_EQ(this->edges().size(), 0U);
  EXPECT_EQ(this->send("1"), 0);
  EXPECT_EQ(this->edges().size(), 1U);
  EXPECT_EQ(this->receive(), "1");
  EXPECT_EQ(this->edges().size(), 1U);
}

// Whether the other thread blocks already when the message comes cannot be seen on every kernel, so
// this tells what holds either way.
template <class K>
class MessageQueueThreads : public MessageQueueTest<K> {};
using RealThreads = testing::Types<OnLinux, OnVkern<Threads>>;
TYPED_TEST_SUITE(MessageQueueThreads, RealThreads);

TYPED_TEST(MessageQueueThreads, ABlockedReceiverGetsWhatIsSent) {
  std::string received;
  std::jthread receiver([&] { received = this->receive(); });
  EXPECT_EQ(this->send("text"), 0);
  receiver.join();
  EXPECT_EQ(received, "text");
}

TYPED_TEST(MessageQueueThreads, ManyMessagesThroughAFullQueueKeepTheirOrder) {
  constexpr int count = 2000;
  std::jthread sender([&] {
    for (int i = 0; i < count; ++i) ASSERT_EQ(this->send(std::to_string(i)), 0);
  });
  for (int i = 0; i < count; ++i) ASSERT_EQ(this->receive(), std::to_string(i));
}

// What is handed over enters no queue: nobody who polls is told.
TEST(MessageQueueHandOver, TellsNobodyWhoPolls) {
  MessageQueueUsage usage;
  MessageStore<Threads> store(1, 4, usage, 100);
  ThreadsWorld world;
  struct Counter final : WaitEntry, PollTable {
    Woke woken(Mask) override { return ++told, Woke::nobody; }
    void enter(WaitQueue& queue) override { queue.add(*this); }
    int told = 0;
  } counter;
  EXPECT_EQ(store.poll(&counter), static_cast<Mask>(EPOLLOUT | EPOLLWRNORM));
  unsigned priority = 0;
  std::jthread receiver([&] {
    const auto got = store.receive(world, priority, std::nullopt);
    EXPECT_TRUE(got.has_value() && got->size() == 3);
  });
  while (!store.is_awaited()) std::this_thread::yield();
  ASSERT_TRUE(store.send(world, std::vector<std::byte>(3), 7, at_once));
  receiver.join();
  EXPECT_EQ(priority, 7U);
  EXPECT_EQ(counter.told, 0);
  ASSERT_TRUE(store.send(world, {}, 0, at_once));
  EXPECT_EQ(counter.told, 1);
  counter.unlink();
}

}  // namespace
}  // namespace tocsin::vkern
