// SPDX-License-Identifier: MIT
#include "tocsin/source/message_queue.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/timeout.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

struct Received {
  std::string text;
  unsigned priority;
  bool operator==(const Received&) const = default;
};

Task<Result<Received>> receive(MessageQueue& queue) {
  const auto message = co_await queue.receive();
  if (!message) co_return std::unexpected(message.error());
  co_return Received{std::string(as_text(message->bytes)), message->priority};
}
Task<> receive_into(MessageQueue& queue, std::optional<Result<Received>>& into) {
  into = co_await receive(queue);
}
Task<Result<>> send(MessageQueue& queue, std::string_view text, unsigned priority = 0) {
  co_return co_await queue.send(as_bytes(text), priority);
}
Task<> send_into(MessageQueue& queue, std::string_view text, std::optional<Result<>>& into) {
  into = co_await queue.send(as_bytes(text));
}

/// A name that no other test has; unlinked before it is used, should a dead process have left it.
std::string fresh_name() {
  static int made = 0;
  std::string name = "/tocsin-test-" + std::to_string(LinuxKernel::shared().getpid()) + "-" +
                     std::to_string(++made);
  static_cast<void>(MessageQueue::unlink(kernel_under_test(), name));
  return name;
}

class MessageQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened =
        MessageQueue::open(world.loop, name, {.most_messages = 2, .most_message_bytes = 8});
    if (!opened && opened.error() == Errno{ENOSYS}) GTEST_SKIP() << "a kernel without queues";
    ASSERT_TRUE(opened) << explain_queue_error(name, opened.error());
    queue.emplace(std::move(*opened));
  }
  ~MessageQueueTest() override {
    static_cast<void>(MessageQueue::unlink(world.loop.kernel(), name));
  }

  /// What opening it fails with.
  Errno refused(const std::string& as, const MessageQueueOptions& options = {}) {
    const auto opened = MessageQueue::open(world.loop, as, options);
    return opened ? Errno{0} : opened.error();
  }

  LoopWorld world;
  const std::string name = fresh_name();
  std::optional<MessageQueue> queue;
};

TEST_F(MessageQueueTest, TheHighestPriorityComesFirstAndOfEqualOnesTheOldest) {
  ASSERT_TRUE(world.await(send(*queue, "low", 1)));
  ASSERT_TRUE(world.await(send(*queue, "high", 32'767)));
  EXPECT_EQ(world.await(receive(*queue)), (Received{"high", 32'767}));
  ASSERT_TRUE(world.await(send(*queue, "", 1)));
  EXPECT_EQ(world.await(receive(*queue)), (Received{"low", 1}));
  EXPECT_EQ(world.await(receive(*queue)), (Received{"", 1})) << "empty is a message, too";
}

TEST_F(MessageQueueTest, WhoeverWaitsIsWokenByAMessageOfAnother) {
  auto other = MessageQueue::open(world.loop, name, {.access = O_WRONLY, .create = false}).value();
  std::optional<Result<Received>> got;
  world.scope.spawn(receive_into(*queue, got));
  world.run_until_idle();
  EXPECT_FALSE(got.has_value());
  ASSERT_TRUE(world.await(send(other, "wake")));
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, (Received{"wake", 0}));
}

TEST_F(MessageQueueTest, AFullQueueIsWaitedFor) {
  ASSERT_TRUE(world.await(send(*queue, "1")));
  ASSERT_TRUE(world.await(send(*queue, "2")));
  std::optional<Result<>> sent;
  world.scope.spawn(send_into(*queue, "3", sent));
  world.run_until_idle();
  EXPECT_FALSE(sent.has_value());
  EXPECT_EQ(queue->attributes()->mq_curmsgs, 2);
  EXPECT_EQ(world.await(receive(*queue))->text, "1");
  ASSERT_TRUE(world.run_until([&] { return sent.has_value(); }));
  EXPECT_TRUE(sent->has_value());
  EXPECT_EQ(world.await(receive(*queue))->text, "2");
  EXPECT_EQ(world.await(receive(*queue))->text, "3");
}

TEST_F(MessageQueueTest, ALimitOfTimeLosesNoMessage) {
  const auto with_limit = [&]() -> Task<Result<>> {
    const auto got = co_await timeout(1ms, queue->receive());
    if (!got) co_return std::unexpected(got.error());
    co_return {};
  };
  EXPECT_EQ(world.await(with_limit()), std::unexpected(Errno::timed_out));
  ASSERT_TRUE(world.await(send(*queue, "late")));
  EXPECT_EQ(world.await(receive(*queue))->text, "late");
}

TEST_F(MessageQueueTest, WhatDoesNotFitIsRefused) {
  EXPECT_EQ(world.await(send(*queue, "nine byte")), std::unexpected(Errno{EMSGSIZE}));
  EXPECT_EQ(world.await(send(*queue, "text", 32'768)), std::unexpected(Errno::invalid));
  EXPECT_EQ(queue->attributes()->mq_curmsgs, 0);
}

TEST_F(MessageQueueTest, ADirectionThatWasNotAskedForIsEbadf) {
  auto reader = MessageQueue::open(world.loop, name, {.access = O_RDONLY}).value();
  auto writer = MessageQueue::open(world.loop, name, {.access = O_WRONLY}).value();
  EXPECT_EQ(world.await(send(reader, "text")), std::unexpected(Errno{EBADF}));
  const auto got = world.await(receive(writer));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error(), Errno{EBADF});
}

TEST_F(MessageQueueTest, ItOutlivesItsNameButNobodyFindsIt) {
  ASSERT_TRUE(world.await(send(*queue, "kept")));
  ASSERT_TRUE(MessageQueue::unlink(world.loop.kernel(), name));
  EXPECT_EQ(refused(name, {.create = false}), Errno{ENOENT});
  EXPECT_EQ(world.await(receive(*queue))->text, "kept");
}

TEST_F(MessageQueueTest, WhatIsWrongWithANameIsSaid) {
  struct Case {
    std::string name;
    int error;
    const char* says;
  };
  const Case cases[] = {{"jobs", EINVAL, "\"/jobs\""},
                        {"", EINVAL, "begins with a slash"},
                        {"/", ENOENT, "at least one character"},
                        {"/a/b", EACCES, "one slash"},
                        {"//a", EACCES, "one slash"},
                        {"/..", EACCES, "cannot be called \"..\""},
                        {"/" + std::string(256, 'n'), ENAMETOOLONG, "255 characters"},
                        {fresh_name(), ENOENT, "no such queue"}};
  for (const Case& one : cases) {
    const Errno error = refused(one.name, {.create = false});
    EXPECT_EQ(error, Errno{one.error}) << one.name;
    EXPECT_NE(explain_queue_error(one.name, error).find(one.says), std::string::npos)
        << one.name << ": " << explain_queue_error(one.name, error);
  }
}

TEST_F(MessageQueueTest, WhatElseForbidsItIsSaid) {
  EXPECT_EQ(refused(name, {.exclusive = true}), Errno{EEXIST});
  EXPECT_EQ(refused(fresh_name(), {.most_messages = 0}), Errno::invalid);
  EXPECT_NE(explain_queue_error(name, Errno::invalid).find("msg_max"), std::string::npos);
  EXPECT_NE(explain_queue_error(name, Errno{EMFILE}).find("ulimit -q"), std::string::npos);
  EXPECT_EQ(explain_queue_error(name, Errno{EIO}), Errno{EIO}.message());
}

TEST_F(MessageQueueTest, MessagesThatTheLoopsBuffersCannotHoldAreRefusedAtOnce) {
  LoopOptions options;
  options.buffer_size = 4;
  LoopWorld small(kernel_under_test(), options);
  const auto opened = MessageQueue::open(small.loop, name);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error(), Errno{EMSGSIZE});
}

// ---- cancellation -------------------------------------------------------------------------------

class QueueScenario : public LoopScenario<> {
 public:
  ~QueueScenario() override { static_cast<void>(MessageQueue::unlink(kernel, name_)); }

 protected:
  const std::string name_ = fresh_name();
  MessageQueue queue_ = MessageQueue::open(loop(), name_, {.most_messages = 1}).value();
};

class Receives : public QueueScenario {
 public:
  Receives() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await queue_.receive()) co_return;
  }
  void complete() override {
    EXPECT_TRUE(kernel.mq_timedsend(queue_.fd(), as_bytes("x"), 0, nullptr));
  }
};
TEST_F(MessageQueueTest, ReceivingIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Receives>(), 2); }

class Sends : public QueueScenario {
 public:
  Sends() {
    EXPECT_TRUE(kernel.mq_timedsend(queue_.fd(), as_bytes("full"), 0, nullptr));
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await queue_.send(as_bytes("more"))); }
  void complete() override {
    std::array<std::byte, 8192> room{};
    EXPECT_EQ(kernel.mq_timedreceive(queue_.fd(), room, nullptr, nullptr), Count(4));
  }
};
TEST_F(MessageQueueTest, SendingIsGivenUpWithoutATrace) { EXPECT_EQ(walk<Sends>(), 1); }

}  // namespace
}  // namespace tocsin
