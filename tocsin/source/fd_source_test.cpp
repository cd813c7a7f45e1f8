// SPDX-License-Identifier: MIT
//
// Method: an operation that reads up to four bytes stands for all others, and a kernel that counts
// stands between it and Linux, so that "asked once" and "never registered again" are numbers.
#include "tocsin/source/fd_source.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

struct CountingKernel : ForwardingKernel {
  Count read(int fd, MutableBytes into) override {
    ++reads;
    return below_.read(fd, into);
  }
  Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
    ++epoll_ctls;
    return below_.epoll_ctl(epfd, operation, fd, event);
  }
  int reads = 0;
  int epoll_ctls = 0;
};

// Every connection has one: with malloc's word it fills 80 bytes.
static_assert(sizeof(FdSource) <= 72);

class FourBytes final : public IoOperation<Direction::read> {
 public:
  explicit FourBytes(FdSource& source) : IoOperation(source) {}
  FourBytes(FourBytes&&) = default;
  Result<std::string> await_resume() { return std::move(result_); }

 private:
  bool attempt() override {
    std::array<std::byte, 4> room{};
    const auto count = source().kernel().read(source().fd(), room);
    if (!count && count.error() == Errno::again) {
      source().blocked(Direction::read);
      return false;
    }
    if (!count) {
      fail(count.error());
      return true;
    }
    source().received(*count, room.size());
    source().spend(*count);
    result_ = std::string(as_text(ByteView(room).first(*count)));
    return true;
  }
  void fail(Errno error) override { result_ = std::unexpected(error); }

  Result<std::string> result_;
};

class FdSourceTest : public testing::Test {
 protected:
  void send(std::string_view text) {
    ASSERT_EQ(kernel.write(ends[1].get(), as_bytes(text)), text.size());
  }
  Task<Result<std::string>> read() { co_return co_await FourBytes(*source); }
  Task<> read_into(std::optional<Result<std::string>>& into) { into = co_await FourBytes(*source); }

  CountingKernel kernel;
  std::array<Fd, 2> ends = connected_pair(kernel);
  LoopWorld world{kernel};
  std::unique_ptr<FdSource> source =
      FdSource::create(world.loop, std::move(ends[0]), "test").value();
};

TEST_F(FdSourceTest, WhatIsThereIsReadWithoutWaiting) {
  send("abc");
  std::optional<Result<std::string>> got;
  world.scope.spawn(read_into(got));
  ASSERT_TRUE(got.has_value()) << "no turn was needed";
  EXPECT_EQ(*got, "abc");
}

TEST_F(FdSourceTest, AShortReadIsKnownToHaveDrainedTheStream) {
  send("abc");
  EXPECT_EQ(world.await(read()), "abc");
  world.run_until_idle();  // The edge of the registration itself is harvested.
  send("de");
  EXPECT_EQ(world.await(read()), "de");
  const int before = kernel.reads;
  std::optional<Result<std::string>> got;
  world.scope.spawn(read_into(got));
  EXPECT_EQ(kernel.reads, before) << "asked although it was known to be empty";
  send("f");
  EXPECT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, "f");
  EXPECT_EQ(kernel.reads, before + 1);
}

TEST_F(FdSourceTest, AReadThatFillsItsRoomExactlyIsFollowedByTheRest) {
  send("abcdefgh");
  EXPECT_EQ(world.await(read()), "abcd");
  EXPECT_EQ(world.await(read()), "efgh");
  std::optional<Result<std::string>> got;
  world.scope.spawn(read_into(got));  // Two full reads: only EAGAIN shows that nothing is left.
  world.run_until_idle();
  EXPECT_FALSE(got.has_value());
  send("i");
  EXPECT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(*got, "i");
}

TEST_F(FdSourceTest, AnEndThatComesWithTheLastBytesIsNotLost) {
  std::optional<Result<std::string>> first;
  world.scope.spawn(read_into(first));
  world.run_until_idle();
  send("ab");
  ends[1].reset();  // One edge for both.
  EXPECT_TRUE(world.run_until([&] { return first.has_value(); }));
  EXPECT_EQ(*first, "ab");
  EXPECT_EQ(world.await(read()), "");
}

TEST_F(FdSourceTest, IsRegisteredOnceForAllItsLife) {
  const int before = kernel.epoll_ctls;
  for (int i = 0; i < 10; ++i) {
    std::optional<Result<std::string>> got;
    world.scope.spawn(read_into(got));
    send("x");
    ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  }
  EXPECT_EQ(kernel.epoll_ctls, before);
  source.reset();
  EXPECT_EQ(kernel.epoll_ctls, before + 1);
  EXPECT_EQ(world.registrations(), 0u);
}

TEST_F(FdSourceTest, ThatEndsWhileAnOperationWaitsEndsItWithEcanceled) {
  std::optional<Result<std::string>> got;
  world.scope.spawn(read_into(got));
  source.reset();
  EXPECT_FALSE(got.has_value()) << "nobody is resumed from inside a destructor";
  world.run_until_idle();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(*got, std::unexpected(Errno::cancelled));
}

TEST_F(FdSourceTest, ThatIsReleasedGivesItsDescriptorBackOpen) {
  std::optional<Result<std::string>> got;
  world.scope.spawn(read_into(got));
  const Fd fd = source->release();
  EXPECT_EQ(world.registrations(), 0u);
  world.run_until_idle();
  EXPECT_EQ(got, std::unexpected(Errno::cancelled));
  send("still");
  std::array<std::byte, 8> room{};
  EXPECT_EQ(kernel.read(fd.get(), room), 5u);
}

TEST_F(FdSourceTest, BothDirectionsMayWaitAtTheSameTime) {
  class Writable final : public IoOperation<Direction::write> {
   public:
    explicit Writable(FdSource& of) : IoOperation(of) { of.blocked(Direction::write); }
    Writable(Writable&&) = default;
    Result<> await_resume() const { return result_; }

   private:
    bool attempt() override { return true; }
    void fail(Errno error) override { result_ = std::unexpected(error); }
    Result<> result_;
  };
  bool writable = false;
  std::optional<Result<std::string>> got;
  world.run_until_idle();
  world.scope.spawn(read_into(got));
  world.scope.spawn([](FdSource& of, bool& done) -> Task<> {
    const auto result = co_await Writable(of);
    done = result.has_value();
  }(*source, writable));
  send("xy");  // An edge reports all that is true (epoll(7)), so both are served by one.
  EXPECT_TRUE(world.run_until([&] { return got.has_value() && writable; }));
}

TEST_F(FdSourceTest, WhatExceedsItsBudgetIsServedInTheNextTurn) {
  const LoopOptions options{.turn_bytes = 8, .operation_bytes = 1};
  LoopWorld small(kernel, options);
  source = nullptr;
  auto pair = connected_pair(kernel);
  auto limited = FdSource::create(small.loop, std::move(pair[0]), "test").value();
  ASSERT_EQ(kernel.write(pair[1].get(), as_bytes("abcdabcdabcdabcdabcd")), 20u);
  std::vector<std::uint32_t> turns;
  small.scope.spawn([](LoopWorld& of, FdSource& from, std::vector<std::uint32_t>& when) -> Task<> {
    while (when.size() < 5) {
      const auto got = co_await FourBytes(from);
      if (!got) co_return;
      when.push_back(of.loop.turn_number());
    }
  }(small, *limited, turns));
  ASSERT_TRUE(small.run_until([&] { return turns.size() == 5; }));
  // Four bytes and the cost of an operation are 5 of 8: two in a turn use it up.
  EXPECT_EQ(turns[1], turns[0]);
  EXPECT_EQ(turns[2], turns[1] + 1);
  EXPECT_EQ(turns[3], turns[2]);
  EXPECT_EQ(turns[4], turns[3] + 1);
  limited.reset();
}

// It counts as hung up, writable and readable, for as long as it exists.
TEST_F(FdSourceTest, ASocketThatWasNeverConnectedKeepsNoLoopBusy) {
  const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  Fd fresh(kernel, kernel.socket(AF_INET, type, 0).value());
  const auto hung_up = FdSource::create(world.loop, std::move(fresh), "fresh").value();
  world.run_until_idle();
  const auto before = world.loop.counters().events;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(world.loop.run_once(Duration::zero()));
  EXPECT_EQ(world.loop.counters().events, before);
}

TEST_F(FdSourceTest, AKindThatCannotBeWaitedForIsRefusedAndClosed) {
  Fd file(kernel, kernel.openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0).value());
  const int number = file.get();
  const auto made = FdSource::create(world.loop, std::move(file), "file");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), Errno::not_permitted);
  EXPECT_EQ(kernel.fcntl(number, F_GETFD, 0), std::unexpected(Errno{EBADF}));
}

TEST_F(FdSourceTest, TwoOperationsInOneDirectionAreAMistake) {
  std::optional<Result<std::string>> one;
  std::optional<Result<std::string>> two;
  world.scope.spawn(read_into(one));
  EXPECT_DEATH(world.scope.spawn(read_into(two)), "one operation a direction at a time");
}

}  // namespace
}  // namespace tocsin
