// SPDX-License-Identifier: MIT
//
// Method: a kernel that answers accept4 with what the test says, then as Linux does. What a real
// machine does once in a year happens on purpose.
#include "tocsin/net/accept.hpp"

#include <sys/resource.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/net/tcp.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

class FailingKernel : public ForwardingKernel {
 public:
  Result<int> accept4(int fd, sockaddr* address, socklen_t* length, int flags) override {
    ++accepts;
    if (accept_errors.empty()) return below_.accept4(fd, address, length, flags);
    const int error = accept_errors.front();
    if (!keep_failing) accept_errors.pop_front();
    return std::unexpected(Errno{error});
  }
  Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
    if (operation == EPOLL_CTL_ADD && add_error != 0)
      return std::unexpected(Errno{std::exchange(add_error, 0)});
    return below_.epoll_ctl(epfd, operation, fd, event);
  }

  std::deque<int> accept_errors;
  bool keep_failing = false;
  int add_error = 0;
  int accepts = 0;
};

class AcceptTest : public testing::Test {
 protected:
  /// A client's connection that waits in the backlog.
  void knock() {
    clients_.push_back(
        client_world_
            .await(TcpStream::connect(client_world_.loop, listener.local_address().value()))
            .value());
  }
  std::vector<TcpStream>& clients() { return clients_; }
  /// What comes to a client first.
  std::string client_reads(TcpStream& client) {
    return client_world_.await([](TcpStream& from) -> Task<std::string> {
      const auto bytes = co_await from.read();
      if (!bytes) co_return std::string(bytes.error().name());
      co_return bytes->empty() ? "the end" : "bytes";
    }(client));
  }
  Task<Result<TcpStream>> accept() { co_return co_await listener.accept(); }
  Task<> accept_into(std::optional<Result<TcpStream>>& into) {
    into.emplace(co_await listener.accept());
  }

  FailingKernel kernel;
  LoopWorld world{kernel};
  TcpListener listener = TcpListener::bind(world.loop, Address::loopback(0)).value();

 private:
  LoopWorld client_world_;
  std::vector<TcpStream> clients_;
};

TEST_F(AcceptTest, WhatConcernsOneConnectionIsFollowedByTheNextAtOnce) {
  for (const int error : {ECONNABORTED, EPERM, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET,
                          EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EINTR, ETIMEDOUT}) {
    knock();
    kernel.accept_errors = {error, error};
    const auto aborted = listener.counters().aborted;
    EXPECT_TRUE(world.await(accept())) << Errno{error}.name();
    EXPECT_EQ(listener.counters().aborted, aborted + 2);
  }
  EXPECT_EQ(listener.counters().pauses, 0u);
}

TEST_F(AcceptTest, WhenThereIsNoRoomItRestsAndTriesAgain) {
  for (const int error : {ENOBUFS, ENOMEM}) {
    knock();
    kernel.accept_errors = {error};
    const TimePoint start = world.loop.now();
    const auto pauses = listener.counters().pauses;
    EXPECT_TRUE(world.await(accept())) << Errno{error}.name();
    EXPECT_GE(world.loop.now() - start, accept_pause);
    EXPECT_EQ(listener.counters().pauses, pauses + 1);
  }
}

TEST_F(AcceptTest, OutOfDescriptorsWhoeverWaitsIsRefusedAndWhoeverComesLaterIsServed) {
  for (const int error : {EMFILE, ENFILE}) {
    for (int i = 0; i < 3; ++i) knock();
    kernel.accept_errors = {error};
    const AcceptCounters before = listener.counters();
    std::optional<Result<TcpStream>> got;
    Scope scope(world.loop);
    scope.spawn(accept_into(got));
    world.run_until_idle();
    EXPECT_FALSE(got.has_value());
    EXPECT_EQ(listener.counters().refused, before.refused + 3);
    EXPECT_EQ(listener.counters().pauses, before.pauses + 1);
    for (TcpStream& client : clients()) EXPECT_EQ(client_reads(client), "the end");
    clients().clear();
    knock();
    ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
    EXPECT_TRUE(got->has_value());
  }
}

TEST_F(AcceptTest, ItComesBackAtOnceWhenAConnectionEnds) {
  knock();
  std::optional<TcpStream> other = world.await(accept()).value();
  knock();
  kernel.accept_errors = {ENOMEM};
  std::optional<Result<TcpStream>> got;
  Scope scope(world.loop);
  scope.spawn(accept_into(got));
  const int asked = kernel.accepts;
  world.run_until_idle();
  EXPECT_EQ(kernel.accepts, asked);
  other.reset();
  world.run_until_idle();  // It waits for nothing, and so for no alarm.
  ASSERT_TRUE(got.has_value());
  EXPECT_TRUE(got->has_value());
}

// Somebody else takes the descriptor that is given up: nobody is refused, and nothing spins.
TEST_F(AcceptTest, WithoutItsReserveItRestsAllTheSame) {
  knock();
  kernel.accept_errors = {EMFILE};
  kernel.keep_failing = true;
  std::optional<Result<TcpStream>> got;
  Scope scope(world.loop);
  scope.spawn(accept_into(got));
  ASSERT_TRUE(world.run_until([&] { return listener.counters().pauses == 3; }));
  EXPECT_EQ(kernel.accepts, 6) << "one to accept and one to refuse, each time";
  EXPECT_EQ(listener.counters().refused, 0u);
  kernel.accept_errors.clear();
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_TRUE(got->has_value());
}

TEST_F(AcceptTest, WhileItRestsNewConnectionsAreNoReasonToAsk) {
  kernel.accept_errors = {ENOMEM};
  kernel.keep_failing = true;
  std::optional<Result<TcpStream>> got;
  Scope scope(world.loop);
  scope.spawn(accept_into(got));
  world.run_until_idle();
  const TimePoint start = world.loop.now();
  const int asked = kernel.accepts;
  for (int i = 0; i < 10; ++i) {
    knock();
    world.run_until_idle();
  }
  const auto rests = static_cast<int>((world.loop.now() - start) / accept_pause) + 1;
  EXPECT_LE(kernel.accepts - asked, rests) << "once a rest, however many knock";
  EXPECT_FALSE(got.has_value());
  kernel.accept_errors.clear();
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_TRUE(got->has_value());
}

TEST_F(AcceptTest, NoRoomInTheSetOfWatchesIsWaitedOutToo) {
  knock();
  knock();
  kernel.add_error = ENOSPC;
  EXPECT_TRUE(world.await(accept())) << "the second one: the first had to be closed";
  EXPECT_EQ(listener.counters().pauses, 1u);
  EXPECT_EQ(listener.counters().accepted, 1u);
}

TEST_F(AcceptTest, AListenerThatIsUnusableSaysSo) {
  kernel.accept_errors = {EINVAL};
  const auto peer = world.await(accept());
  ASSERT_FALSE(peer);
  EXPECT_EQ(peer.error(), Errno::invalid);
}

TEST_F(AcceptTest, CancelledWhileItRestsItIsGoneAtOnceAndLosesNobody) {
  knock();
  world.run_until_idle();  // Its edge is harvested: there will be no other.
  kernel.accept_errors = {ENOMEM};
  std::optional<Result<TcpStream>> got;
  {
    Scope scope(world.loop);
    scope.spawn(accept_into(got));
    EXPECT_EQ(listener.counters().pauses, 1u);
    scope.cancel();
    world.run_until_idle();
  }
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->error(), Errno::cancelled);
  // Its knowledge that nothing is to be had was of the rest: an accept of its own tries again.
  EXPECT_TRUE(world.await(accept()));
}

TEST_F(AcceptTest, AListenerThatEndsEndsWhoeverAccepts) {
  std::optional<Result<TcpStream>> got;
  Scope scope(world.loop);
  scope.spawn(accept_into(got));
  {
    const TcpListener gone = std::move(listener);
  }
  world.run_until_idle();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->error(), Errno::cancelled);
}

TEST_F(AcceptTest, ABacklogOfConnectionsIsAcceptedToTheLast) {
  constexpr int many = 200;  // More than one turn's budget of operations.
  for (int i = 0; i < many; ++i) knock();
  std::vector<TcpStream> accepted;
  Scope scope(world.loop);
  scope.spawn([](TcpListener& from, std::vector<TcpStream>& into) -> Task<> {
    while (auto peer = co_await from.accept()) into.push_back(std::move(*peer));
  }(listener, accepted));
  EXPECT_TRUE(world.run_until([&] { return accepted.size() == many; }));
  EXPECT_GT(world.loop.counters().left_over, 0u) << "in one turn, although others may wait";
}

// Has the process no descriptor left above `last`, as long as it lives: Linux by a limit, a kernel
// in user space, whose limit is not to be changed but low, by taking them all.
class NoDescriptorLeft {
 public:
  explicit NoDescriptorLeft(int last) {
    if (is_linux_under_test()) {
      EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
      const rlimit none{.rlim_cur = static_cast<rlim_t>(last) + 1, .rlim_max = before_.rlim_max};
      EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    } else {
      Kernel& kernel = kernel_under_test();
      for (auto made = kernel.dup(last); made; made = kernel.dup(last))
        taken_.emplace_back(kernel, *made);
    }
  }
  NoDescriptorLeft(const NoDescriptorLeft&) = delete;
  NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;
  ~NoDescriptorLeft() {
    if (is_linux_under_test()) {
      EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0);
    }
  }

 private:
  rlimit before_{};
  std::vector<Fd> taken_;
};

// The same without a made-up failure: a process that has no descriptor left.
TEST(AcceptForReal, OutOfDescriptorsItRefusesUntilThereAreSome) {
  LoopWorld world;
  auto listener = TcpListener::bind(world.loop, Address::loopback(0)).value();
  const Address where = listener.local_address().value();
  auto client = world.await(TcpStream::connect(world.loop, where)).value();
  Kernel& kernel = world.loop.kernel();
  Fd late(kernel, kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).value());
  std::optional<NoDescriptorLeft> full(late.get());
  std::optional<Result<TcpStream>> got;
  Scope scope(world.loop);
  scope.spawn([](TcpListener& from, std::optional<Result<TcpStream>>& into) -> Task<> {
    into.emplace(co_await from.accept());
  }(listener, got));
  const auto end = world.await([](TcpStream& from) -> Task<std::size_t> {
    const auto bytes = co_await from.read();
    co_return bytes ? bytes->size() : 1;
  }(client));
  EXPECT_EQ(end, 0u) << "the peer learns of it";
  EXPECT_EQ(listener.counters().refused, 1u);
  EXPECT_TRUE(world.run_until([&] { return listener.counters().pauses >= 2; }));
  EXPECT_FALSE(got.has_value());
  full.reset();
  ASSERT_TRUE(kernel.connect(late.get(), where.data(), where.size()));
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_TRUE(got->has_value());
  EXPECT_EQ(listener.counters().refused, 1u);
}

}  // namespace
}  // namespace tocsin
