// SPDX-License-Identifier: MIT
#include "tocsin/net/connect_any.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

/// Notes in which order addresses are tried.
struct Noting : ForwardingKernel {
  Result<> connect(int fd, const sockaddr* address, socklen_t length) override {
    tried.push_back(Address::from(address, length));
    return ForwardingKernel::connect(fd, address, length);
  }
  std::vector<Address> tried;
};

Task<> keep(std::optional<Result<TcpStream>>& into, Task<Result<TcpStream>> task) {
  into.emplace(co_await std::move(task));
}

class ConnectAny : public testing::Test {
 protected:
  /// An address at which nobody listens: the port was just free.
  Address refused(const char* host = "127.0.0.1:0") {
    return TcpListener::bind(world_.loop, Address::parse(host).value())
        .value()
        .local_address()
        .value();
  }
  bool has_ipv6() {
    return TcpListener::bind(world_.loop, Address::parse("[::1]:0").value()).has_value();
  }

  Noting kernel_;
  LoopWorld world_{kernel_};
  TcpListener listener_ = TcpListener::bind(world_.loop, Address::loopback(0)).value();
  const Address here_ = listener_.local_address().value();
};

/// A listener that lets its queue fill up: to connect to it takes for ever.
class Silent {
 public:
  explicit Silent(LoopWorld& world)
      : listener_(TcpListener::bind(world.loop, Address::loopback(0), {.backlog = 0}).value()) {
    Kernel& kernel = kernel_under_test();
    const Address at = address();
    for (int i = 0; i < 3; ++i) {  // The first takes the one place there is.
      const int type = SOCK_STREAM | SOCK_CLOEXEC | (i == 0 ? 0 : SOCK_NONBLOCK);
      queue_.emplace_back(kernel, kernel.socket(AF_INET, type, 0).value());
      static_cast<void>(kernel.connect(queue_.back().get(), at.data(), at.size()));
    }
  }
  Address address() { return listener_.local_address().value(); }

 private:
  TcpListener listener_;
  std::vector<Fd> queue_;
};

TEST_F(ConnectAny, TheFirstThatAnswersIsTheConnection) {
  auto stream = world_.await(connect_any(world_.loop, {here_, refused()}));
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->peer_address().value(), here_);
  EXPECT_EQ(kernel_.tried, std::vector{here_}) << "there was no need for the second";
}

TEST_F(ConnectAny, OneThatFailsIsFollowedAtOnce) {
  const TimePoint start = world_.loop.now();
  auto stream =
      world_.await(connect_any(world_.loop, {refused(), refused(), here_}, {.attempt_delay = 1h}));
  EXPECT_TRUE(stream);
  EXPECT_LT(world_.loop.now() - start, 10s);
}

TEST_F(ConnectAny, OneThatNeverAnswersIsOvertakenAfterItsHeadStart) {
  ONLY_ON_LINUX("vkern's listener has no queue that drops");
  Silent silent(world_);
  const TimePoint start = world_.loop.now();
  auto stream =
      world_.await(connect_any(world_.loop, {silent.address(), here_}, {.attempt_delay = 20ms}));
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->peer_address().value(), here_);
  EXPECT_GE(world_.loop.now() - start, 20ms);
}

TEST_F(ConnectAny, TheFamiliesTakeTurnsAndIpv6ComesFirst) {
  if (!has_ipv6()) GTEST_SKIP() << "no IPv6 loopback on this machine";
  const Address v4 = refused();
  const Address v4_too = refused();
  const Address v6 = refused("[::1]:0");
  const Address v6_too = refused("[::1]:0");
  auto stream = world_.await(connect_any(world_.loop, {v4, v4_too, v6, v6_too}));
  EXPECT_EQ(stream.error(), Errno{ECONNREFUSED});
  EXPECT_EQ(kernel_.tried, (std::vector{v6, v4, v6_too, v4_too}));
}

TEST_F(ConnectAny, AddressesThatAreFoundLaterJoin) {
  Channel<std::vector<Address>> batches(1);
  std::optional<Result<TcpStream>> got;
  world_.scope.spawn(keep(got, connect_any(world_.loop, batches)));
  ASSERT_TRUE(batches.try_send({refused()}));
  EXPECT_TRUE(world_.run_until([&] { return !kernel_.tried.empty(); }));
  world_.run_until_idle();
  EXPECT_FALSE(got) << "it waits for more";
  ASSERT_TRUE(batches.try_send({here_}));
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_TRUE(*got);
}

TEST_F(ConnectAny, NoAddressIsAnErrorOfItsOwn) {
  EXPECT_EQ(world_.await(connect_any(world_.loop, {})).error(), Errno{EDESTADDRREQ});
}

TEST_F(ConnectAny, TheAttemptsThatLostLeaveNothing) {
  ONLY_ON_LINUX("vkern's listener has no queue that drops");
  Silent silent(world_);
  const std::size_t before = world_.registrations();
  {
    auto stream = world_.await(connect_any(world_.loop, {silent.address(), silent.address(), here_},
                                           {.attempt_delay = 5ms}));
    ASSERT_TRUE(stream);
    EXPECT_EQ(world_.registrations(), before + 1);
  }
  EXPECT_EQ(world_.registrations(), before);
}

TEST_F(ConnectAny, CancellingItCancelsTheAttempts) {
  ONLY_ON_LINUX("vkern's listener has no queue that drops");
  Silent silent(world_);
  const std::size_t before = world_.registrations();
  std::optional<Result<TcpStream>> got;
  Scope scope(world_.loop);
  const Address to = silent.address();
  scope.spawn(keep(got, connect_any(world_.loop, {to, to}, {.attempt_delay = 1ms})));
  EXPECT_TRUE(world_.run_until([&] { return kernel_.tried.size() == 2; }));
  scope.cancel();
  ASSERT_TRUE(world_.run_until([&] { return got.has_value(); }));
  EXPECT_EQ(got->error(), Errno::cancelled);
  EXPECT_EQ(world_.registrations(), before);
}

}  // namespace
}  // namespace tocsin
