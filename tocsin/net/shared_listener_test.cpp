// SPDX-License-Identifier: MIT
//
// Method: as many threads as workers, each with a loop of its own, accept and close at once; this
// thread is the client and the acceptor, and makes the next connection when the last was closed.
// Then the counts show who was woken.
#include "tocsin/net/shared_listener.hpp"

#include <algorithm>
#include <array>
#include <latch>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

constexpr std::array all_ways{Sharing::reuse_port, Sharing::exclusive, Sharing::hand_over};

Task<> accept_and_close(TcpListener listener) {
  while (auto peer = co_await listener.accept()) continue;
}

/// Connects, and waits until the other side has closed: empty if all went well.
Task<std::string> visit(Loop& loop, Address where) {
  auto stream = co_await TcpStream::connect(loop, where);
  if (!stream) co_return std::string(stream.error().name());
  const auto bytes = co_await stream->read();
  if (!bytes) co_return std::string(bytes.error().name());
  co_return bytes->empty() ? "" : "bytes";
}

class SharedListenerTest : public testing::Test {
 protected:
  static constexpr std::size_t workers = 4;

  SharedListenerTest() {
    for (auto& one : owned_) {
      one = Loop::create(kernel_under_test()).value();
      loops.push_back(one.get());
    }
  }
  ~SharedListenerTest() override { stop(); }

  SharedListener bind(Sharing sharing) {
    return SharedListener::bind(world.loop, loops, Address::loopback(0), sharing).value();
  }
  void start(SharedListener& shared) {
    for (std::size_t i = 0; i < workers; ++i)
      threads_.emplace_back([&loop = *loops[i], listener = shared.take(i)]() mutable {
        Scope scope(loop);
        scope.spawn(accept_and_close(std::move(listener)));
        EXPECT_TRUE(loop.run());
      });
    wait_for_all();
  }
  /// Until each has been through its loop. On a busy machine one that is still running takes the
  /// next connection before the one that was woken for it has a processor, and has no turn to pass.
  void wait_for_all() {
    std::latch passed(workers);
    for (Loop* const loop : loops) loop->waker().post([&] { passed.count_down(); });
    passed.wait();
  }
  void stop() {
    for (Loop* const loop : loops) loop->stop();
    threads_.clear();
    loops.clear();
  }
  /// The counts after so many visits, one after the other.
  std::vector<std::uint64_t> visit_often(SharedListener& shared, int visits) {
    for (int i = 0; i < visits; ++i) {
      EXPECT_EQ(world.await(visit(world.loop, shared.local_address())), "");
      if (HasFailure()) break;
      wait_for_all();
    }
    return shared.accepted();
  }
  static std::uint64_t sum_of(const std::vector<std::uint64_t>& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  }

 private:
  std::array<std::unique_ptr<Loop>, workers> owned_;

 protected:
  LoopWorld world;
  std::vector<Loop*> loops;

 private:
  std::vector<std::jthread> threads_;
};

TEST(Imbalance, IsZeroForEqualShares) {
  const auto of = [](std::vector<std::uint64_t> counts) { return imbalance_of(counts); };
  EXPECT_EQ(of({}), 0);
  EXPECT_EQ(of({0, 0}), 0);
  EXPECT_EQ(of({7, 7, 7}), 0);
  EXPECT_DOUBLE_EQ(of({8, 0, 0, 0}), 0.75);
  EXPECT_DOUBLE_EQ(of({1, 3}), 0.25);
}

TEST_F(SharedListenerTest, DealtOutEachWorkerHasAsMany) {
  auto shared = bind(Sharing::hand_over);
  start(shared);
  EXPECT_EQ(visit_often(shared, 40), (std::vector<std::uint64_t>{10, 10, 10, 10}));
}

// Without taking turns one of four has nearly all: 0.75.
TEST_F(SharedListenerTest, OfOneSocketForAllEveryWorkerHasItsTurn) {
  ONLY_ON_LINUX("the order in which the kernel wakes threads");
  auto shared = bind(Sharing::exclusive);
  start(shared);
  const auto counts = visit_often(shared, 200);
  EXPECT_EQ(sum_of(counts), 200u);
  EXPECT_LT(imbalance_of(counts), 0.4) << testing::PrintToString(counts);
  EXPECT_GT(std::ranges::min(counts), 0u);
}

TEST_F(SharedListenerTest, OfSocketsSideBySideEveryWorkerHasSome) {
  ONLY_ON_LINUX("the hash by which the kernel divides connections");
  auto shared = bind(Sharing::reuse_port);
  start(shared);
  const auto counts = visit_often(shared, 200);
  EXPECT_EQ(sum_of(counts), 200u);
  EXPECT_GT(std::ranges::min(counts), 0u) << testing::PrintToString(counts);
}

TEST_F(SharedListenerTest, EveryListenerKnowsWhereItListens) {
  for (const Sharing sharing : all_ways) {
    auto shared = bind(sharing);
    for (std::size_t i = 0; i < workers; ++i)
      EXPECT_EQ(shared.take(i).local_address(), shared.local_address()) << name_of(sharing);
  }
}

TEST_F(SharedListenerTest, OnceAllHaveEndedConnectionsAreRefused) {
  for (const Sharing sharing : all_ways) {
    std::optional<SharedListener> shared(bind(sharing));
    const Address where = shared->local_address();
    for (std::size_t i = 0; i < workers; ++i) static_cast<void>(shared->take(i));
    shared.reset();
    EXPECT_EQ(world.await(visit(world.loop, where)), "ECONNREFUSED") << name_of(sharing);
  }
}

TEST_F(SharedListenerTest, AWorkerThatHasEndedIsPassedOver) {
  auto shared = bind(Sharing::hand_over);
  for (std::size_t i = 1; i < workers; ++i) static_cast<void>(shared.take(i));
  std::jthread only([&loop = *loops[0], listener = shared.take(0)]() mutable {
    Scope scope(loop);
    scope.spawn(accept_and_close(std::move(listener)));
    EXPECT_TRUE(loop.run());
  });
  for (int i = 0; i < 8; ++i) EXPECT_EQ(world.await(visit(world.loop, shared.local_address())), "");
  EXPECT_EQ(shared.accepted(), (std::vector<std::uint64_t>{8, 0, 0, 0}));
  loops[0]->stop();
}

TEST_F(SharedListenerTest, WhatAWorkerHasNotTakenIsClosedWhenItEnds) {
  auto shared = bind(Sharing::hand_over);
  std::optional<std::string> said;
  world.scope.spawn([](Loop& loop, Address where, std::optional<std::string>& into) -> Task<> {
    into = co_await visit(loop, where);
  }(world.loop, shared.local_address(), said));
  world.run_until_idle();
  EXPECT_FALSE(said.has_value()) << "it waits for a worker";
  for (std::size_t i = 0; i < workers; ++i) static_cast<void>(shared.take(i));
  ASSERT_TRUE(world.run_until([&] { return said.has_value(); }));
  EXPECT_EQ(*said, "");
}

TEST_F(SharedListenerTest, APortInUseIsRefusedHoweverItIsToBeShared) {
  auto other = TcpListener::bind(world.loop, Address::loopback(0), {.reuse_port = true}).value();
  const Address taken = other.local_address().value();
  for (const Sharing sharing : all_ways) {
    const auto shared = SharedListener::bind(world.loop, loops, taken, sharing);
    ASSERT_FALSE(shared) << name_of(sharing);
    EXPECT_EQ(shared.error(), Errno{EADDRINUSE});
  }
}

TEST_F(SharedListenerTest, OneLoopSharesWithNobody) {
  const auto one = std::span(loops).first(1);
  auto shared =
      SharedListener::bind(world.loop, one, Address::loopback(0), Sharing::reuse_port).value();
  EXPECT_FALSE(TcpListener::bind(world.loop, shared.local_address(), {.reuse_port = true}));
}

}  // namespace
}  // namespace tocsin
