// SPDX-License-Identifier: MIT
#include "tocsin/net/tcp.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/when.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

int option_of(const Stream& stream, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_TRUE(kernel_under_test().getsockopt(stream.fd(), level, name, &value, &size));
  return value;
}

struct Connected {
  TcpStream client;
  TcpStream server;
};

Task<Result<TcpStream>> accept_one(TcpListener& listener) { co_return co_await listener.accept(); }

Connected connect_to(LoopWorld& world, TcpListener& listener) {
  auto client =
      world.await(TcpStream::connect(world.loop, listener.local_address().value())).value();
  return {std::move(client), world.await(accept_one(listener)).value()};
}

class TcpTest : public testing::Test {
 protected:
  LoopWorld world;
  TcpListener listener = TcpListener::bind(world.loop, Address::loopback(0)).value();
};

TEST_F(TcpTest, BothEndsKnowWhereTheyAre) {
  Connected pair = connect_to(world, listener);
  EXPECT_EQ(pair.client.peer_address(), listener.local_address());
  EXPECT_EQ(pair.server.local_address(), listener.local_address());
  EXPECT_EQ(pair.client.local_address(), pair.server.peer_address());
  EXPECT_EQ(listener.counters().accepted, 1u);
}

TEST_F(TcpTest, AStreamIsOnePointer) { EXPECT_EQ(sizeof(TcpStream), sizeof(void*)); }

TEST_F(TcpTest, SmallWritesGoOutAtOnceOnBothSides) {
  Connected pair = connect_to(world, listener);
  EXPECT_EQ(option_of(pair.client, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option_of(pair.server, IPPROTO_TCP, TCP_NODELAY), 1) << "inherited from the listener";
  ASSERT_TRUE(pair.client.set_nodelay(false));
  EXPECT_EQ(option_of(pair.client, IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST_F(TcpTest, KeepaliveIsWhatItWasToldToBe) {
  Connected pair = connect_to(world, listener);
  EXPECT_EQ(option_of(pair.client, SOL_SOCKET, SO_KEEPALIVE), 0);
  ASSERT_TRUE(pair.client.set_keepalive(30s, 5s, 4));
  EXPECT_EQ(option_of(pair.client, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option_of(pair.client, IPPROTO_TCP, TCP_KEEPIDLE), 30);
  EXPECT_EQ(option_of(pair.client, IPPROTO_TCP, TCP_KEEPINTVL), 5);
  EXPECT_EQ(option_of(pair.client, IPPROTO_TCP, TCP_KEEPCNT), 4);
  for (const auto idle : {0s, std::chrono::seconds(40'000), std::chrono::seconds::max()})
    EXPECT_EQ(pair.client.set_keepalive(idle, 5s, 4), std::unexpected(Errno::invalid));
}

TEST_F(TcpTest, LingeringForNothingResetsTheConnection) {
  Connected pair = connect_to(world, listener);
  {
    TcpStream gone = std::move(pair.client);
    ASSERT_TRUE(gone.set_linger(0s));
  }
  const auto read = world.await([](TcpStream& from) -> Task<Result<>> {
    const auto bytes = co_await from.read();
    if (!bytes) co_return std::unexpected(bytes.error());
    co_return {};
  }(pair.server));
  EXPECT_EQ(read, std::unexpected(Errno{ECONNRESET}));
}

TEST_F(TcpTest, LingeringCanBeTakenBack) {
  Connected pair = connect_to(world, listener);
  ASSERT_TRUE(pair.client.set_linger(7s));
  linger value{};
  socklen_t size = sizeof value;
  Kernel& kernel = kernel_under_test();
  ASSERT_TRUE(kernel.getsockopt(pair.client.fd(), SOL_SOCKET, SO_LINGER, &value, &size));
  EXPECT_EQ(value.l_onoff, 1);
  EXPECT_EQ(value.l_linger, 7);
  ASSERT_TRUE(pair.client.set_linger(std::nullopt));
  ASSERT_TRUE(kernel.getsockopt(pair.client.fd(), SOL_SOCKET, SO_LINGER, &value, &size));
  EXPECT_EQ(value.l_onoff, 0);
}

TEST_F(TcpTest, RegistrationsSayWhoMadeThem) {
  Connected pair = connect_to(world, listener);
  std::vector<std::string_view> names;
  for (const auto& registration : world.loop.describe()) {
    if (registration.name == "tcp" || registration.name == "tcp listener") {
      EXPECT_NE(std::string_view(registration.where.file_name()).find("tcp_test.cpp"),
                std::string_view::npos);
    }
    names.push_back(registration.name);
  }
  EXPECT_EQ(std::ranges::count(names, "tcp"), 2);
  EXPECT_EQ(std::ranges::count(names, "tcp listener"), 1);
}

TEST_F(TcpTest, NobodyListeningIsEconnrefused) {
  const auto where = listener.local_address().value();
  {
    const TcpListener gone = std::move(listener);
  }
  const auto refused = world.await(TcpStream::connect(world.loop, where));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Errno{ECONNREFUSED});
  EXPECT_EQ(world.registrations(), 0u);
}

TEST_F(TcpTest, AnAddressThatIsNotTcpsIsEafnosupport) {
  const auto elsewhere = Address::unix_abstract("nobody").value();
  const auto bound = TcpListener::bind(world.loop, elsewhere);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error(), Errno{EAFNOSUPPORT});
  const auto connected = world.await(TcpStream::connect(world.loop, elsewhere));
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error(), Errno{EAFNOSUPPORT});
}

TEST_F(TcpTest, APortInUseIsEaddrinuseUnlessItIsShared) {
  const auto taken = TcpListener::bind(world.loop, listener.local_address().value());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error(), Errno{EADDRINUSE});
  auto first = TcpListener::bind(world.loop, Address::loopback(0), {.reuse_port = true}).value();
  const auto second =
      TcpListener::bind(world.loop, first.local_address().value(), {.reuse_port = true});
  EXPECT_TRUE(second);
}

TEST_F(TcpTest, AnIpv6ListenerServesIpv4UnlessToldNotTo) {
  for (const bool only : {false, true}) {
    auto both = TcpListener::bind(world.loop, Address::parse("[::]:0").value(), {.v6_only = only});
    if (!both && both.error() == Errno{EAFNOSUPPORT}) GTEST_SKIP() << "no IPv6 here";
    ASSERT_TRUE(both) << both.error().message();
    const auto port = both->local_address()->port();
    const auto connected = world.await(TcpStream::connect(world.loop, Address::loopback(port)));
    EXPECT_EQ(connected.has_value(), !only);
  }
}

// SYNs that the backlog does not take are dropped, and sent again a second later: a connection that
// is in progress for as long as the test likes.
class TcpInProgress : public TcpTest {
 protected:
  void SetUp() override {
    listener = TcpListener::bind(world.loop, Address::loopback(0), {.backlog = 0}).value();
    fillers_.push_back(
        world.await(TcpStream::connect(world.loop, listener.local_address().value())).value());
  }
  Task<> connect_into(std::optional<Result<TcpStream>>& into) {
    into.emplace(co_await TcpStream::connect(world.loop, listener.local_address().value()));
  }

 private:
  std::vector<TcpStream> fillers_;
};

TEST_F(TcpInProgress, ConnectingWaitsUntilTheKernelHasAnAnswer) {
  std::optional<Result<TcpStream>> got;
  Scope scope(world.loop);
  scope.spawn(connect_into(got));
  world.run_until_idle();
  ASSERT_FALSE(got.has_value()) << "the test needs a connection that takes its time";
  const auto first = world.await(accept_one(listener));  // Room for the next SYN.
  ASSERT_TRUE(first);
  ASSERT_TRUE(world.run_until([&] { return got.has_value(); }));
  EXPECT_TRUE(got->has_value());
}

TEST_F(TcpInProgress, ConnectingThatIsCancelledLeavesNothing) {
  std::optional<Result<TcpStream>> got;
  Scope scope(world.loop);
  scope.spawn(connect_into(got));
  world.run_until_idle();
  ASSERT_FALSE(got.has_value());
  const auto before = world.registrations();
  scope.cancel();
  world.run_until_idle();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->error(), Errno::cancelled);
  EXPECT_EQ(world.registrations(), before - 1);
}

TEST(TcpSteadyState, AcceptingCostsOneCallForTheConnectionAndOneToRegisterIt) {
  struct Counting : ForwardingKernel {
    Result<int> accept4(int fd, sockaddr* address, socklen_t* length, int flags) override {
      ++accepts;
      return below_.accept4(fd, address, length, flags);
    }
    Result<> setsockopt(int fd, int level, int name, const void* value, socklen_t size) override {
      ++options;
      return below_.setsockopt(fd, level, name, value, size);
    }
    int accepts = 0;
    int options = 0;
  } kernel;
  LoopWorld world(kernel);
  auto listener = TcpListener::bind(world.loop, Address::loopback(0)).value();
  LoopWorld others;
  std::vector<TcpStream> clients;
  for (int i = 0; i < 5; ++i)
    clients.push_back(
        others.await(TcpStream::connect(others.loop, listener.local_address().value())).value());
  const int options = kernel.options;
  std::vector<TcpStream> accepted;
  for (int i = 0; i < 5; ++i) accepted.push_back(world.await(accept_one(listener)).value());
  EXPECT_EQ(kernel.accepts, 5);
  EXPECT_EQ(kernel.options, options) << "TCP_NODELAY is inherited";
}

// ---- MPTCP --------------------------------------------------------------------------------------

TEST_F(TcpTest, WhereTheKernelHasNoMptcpItIsTcpOrAnErrorAsOneLikes) {
  struct : ForwardingKernel {
    Result<int> socket(int domain, int type, int protocol) override {
      if (protocol == IPPROTO_MPTCP) return std::unexpected(Errno{error});
      return below_.socket(domain, type, protocol);
    }
    int error = 0;
  } kernel;
  LoopWorld without(kernel);
  const Address where = listener.local_address().value();
  for (const int error : {EPROTONOSUPPORT, ENOPROTOOPT, EINVAL}) {
    kernel.error = error;
    const auto connected = without.await(
        TcpStream::connect(without.loop, where, {.multipath = Multipath::if_possible}));
    EXPECT_TRUE(connected);
    const auto refused =
        without.await(TcpStream::connect(without.loop, where, {.multipath = Multipath::required}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), Errno{error});
  }
  kernel.error = EMFILE;
  EXPECT_FALSE(
      without.await(TcpStream::connect(without.loop, where, {.multipath = Multipath::if_possible})))
      << "another failure is no reason to fall back";
}

TEST_F(TcpTest, MptcpIsSpokenIfBothEndsWantIt) {
  auto multipath =
      TcpListener::bind(world.loop, Address::loopback(0), {.multipath = Multipath::required});
  if (!multipath) GTEST_SKIP() << "no MPTCP: " << multipath.error().name();
  for (const bool wanted : {true, false}) {
    const Multipath how = wanted ? Multipath::required : Multipath::off;
    auto client = world
                      .await(TcpStream::connect(world.loop, multipath->local_address().value(),
                                                {.multipath = how}))
                      .value();
    auto server = world.await(accept_one(*multipath)).value();
    const auto echo = [&]() -> Task<std::string> {
      const auto sent = co_await client.write_all(as_bytes("both ways"));
      if (!sent) co_return "";
      const auto bytes = co_await server.read();
      if (!bytes) co_return "";
      const auto answered = co_await server.write_all(*bytes);
      if (!answered) co_return "";
      const auto answer = co_await client.read();
      co_return answer ? std::string(as_text(*answer)) : "";
    };
    EXPECT_EQ(world.await(echo()), "both ways");
    EXPECT_EQ(client.is_multipath(), wanted);
    EXPECT_EQ(server.is_multipath(), wanted);
  }
  auto fallen_back = world
                         .await(TcpStream::connect(world.loop, listener.local_address().value(),
                                                   {.multipath = Multipath::required}))
                         .value();
  EXPECT_FALSE(fallen_back.is_multipath()) << "its peer has none";
}

}  // namespace
}  // namespace tocsin
