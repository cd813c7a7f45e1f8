// SPDX-License-Identifier: MIT
//
// Every test runs on a kernel double whose VSOCK is the IPv4 loopback under another name, and on
// Linux itself where that has a VSOCK loopback (and, for datagrams, a transport).
#include "tocsin/net/vsock.hpp"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

/// The context VMADDR_CID_LOCAL is 127.0.0.1, any other is not there.
template <class Below>
class VsockOverInet : public Below {
 public:
  Result<int> socket(int domain, int type, int protocol) override {
    return this->below_.socket(domain == AF_VSOCK ? AF_INET : domain, type, protocol);
  }
  Result<> bind(int fd, const sockaddr* address, socklen_t length) override {
    const Address at = in(Address::from(address, length));
    if (at.size() == 0) return std::unexpected(Errno{EADDRNOTAVAIL});
    return this->below_.bind(fd, at.data(), at.size());
  }
  Result<> connect(int fd, const sockaddr* address, socklen_t length) override {
    const Address to = in(Address::from(address, length));
    if (to.size() == 0) return std::unexpected(Errno{ENODEV});
    return this->below_.connect(fd, to.data(), to.size());
  }
  Count sendto(int fd, ByteView bytes, int flags, const sockaddr* address,
               socklen_t length) override {
    if (address == nullptr) return this->below_.sendto(fd, bytes, flags, nullptr, 0);
    const Address to = in(Address::from(address, length));
    return this->below_.sendto(fd, bytes, flags, to.data(), to.size());
  }
  Count recvmsg(int fd, msghdr& message, int flags) override {
    const Count count = this->below_.recvmsg(fd, message, flags);
    if (count && message.msg_name != nullptr)
      out(static_cast<sockaddr*>(message.msg_name), &message.msg_namelen);
    return count;
  }
  Result<> getsockname(int fd, sockaddr* address, socklen_t* length) override {
    const auto done = this->below_.getsockname(fd, address, length);
    if (done) out(address, length);
    return done;
  }

 private:
  static Address in(const Address& vsock) {
    if (vsock.vsock_cid() != VMADDR_CID_LOCAL) return {};
    const bool any = vsock.vsock_port() == VMADDR_PORT_ANY;
    return Address::loopback(any ? std::uint16_t{0}
                                 : static_cast<std::uint16_t>(vsock.vsock_port()));
  }
  static void out(sockaddr* address, socklen_t* length) {
    const Address inet = Address::from(address, *length);
    const Address vsock = Address::vsock(VMADDR_CID_LOCAL, inet.port());
    *length = vsock.size();
    std::memcpy(address, vsock.data(), vsock.size());
  }
};
using Double = VsockOverInet<ForwardingKernel>;

const Address any_port = Address::vsock(VMADDR_CID_LOCAL, VMADDR_PORT_ANY);

Task<Result<>> echo_once(VsockListener& listener) {
  auto peer = co_await listener.accept();
  if (!peer) co_return std::unexpected(peer.error());
  auto bytes = co_await peer->read();
  if (!bytes) co_return std::unexpected(bytes.error());
  co_return co_await peer->write_all(*bytes);
}
Task<Result<std::string>> ask(Loop& loop, Address where) {
  auto stream = co_await VsockStream::connect(loop, where);
  if (!stream) co_return std::unexpected(stream.error());
  const auto sent = co_await stream->write_all(as_bytes("hello"));
  if (!sent) co_return std::unexpected(sent.error());
  auto answer = co_await stream->read();
  if (!answer) co_return std::unexpected(answer.error());
  co_return std::string(as_text(*answer));
}

void a_stream_goes_there_and_back(Kernel& kernel) {
  LoopWorld world(kernel);
  auto listener = VsockListener::bind(world.loop, any_port);
  if (!listener && is_linux_under_test() && &kernel == &kernel_under_test())
    GTEST_SKIP() << "no VSOCK loopback (modprobe vsock_loopback): " << listener.error().name();
  ASSERT_TRUE(listener);
  const Address where = listener->local_address().value();
  EXPECT_EQ(where.family(), AF_VSOCK);
  EXPECT_NE(where.vsock_port(), VMADDR_PORT_ANY);
  Scope scope(world.loop);
  scope.spawn(echo_once(*listener));
  EXPECT_EQ(world.await(ask(world.loop, where)), "hello");
  EXPECT_EQ(listener->counters().accepted, 1u);
}

TEST(VsockTest, AStreamGoesThereAndBack) {
  Double kernel;
  a_stream_goes_there_and_back(kernel);
}

TEST(VsockTest, AStreamGoesThereAndBackOnLinux) {
  ONLY_ON_LINUX("vkern has no VSOCK");
  a_stream_goes_there_and_back(kernel_under_test());
}

Task<Result<std::string>> receive(VsockSocket& socket) {
  auto datagram = co_await socket.receive();
  if (!datagram) co_return std::unexpected(datagram.error());
  co_return std::string(as_text(datagram->bytes)).append(" from ").append(datagram->from.text());
}
Task<Result<>> send(VsockSocket& socket, std::string_view text) {
  co_return co_await socket.send(as_bytes(text));
}
Task<Result<>> send_to(VsockSocket& socket, std::string_view text, Address to) {
  co_return co_await socket.send_to(as_bytes(text), to);
}

void datagrams_are_whole_and_say_from_whom(Kernel& kernel) {
  LoopWorld world(kernel);
  auto server = VsockSocket::bind(world.loop, any_port);
  if (!server && is_linux_under_test() && &kernel == &kernel_under_test())
    GTEST_SKIP() << "no transport for datagrams of VSOCK: " << server.error().name();
  ASSERT_TRUE(server);
  const Address where = server->local_address().value();
  auto client = VsockSocket::connect(world.loop, where).value();
  const std::string from = " from " + client.local_address()->text();
  ASSERT_TRUE(world.await(send(client, "one")));
  ASSERT_TRUE(world.await(send(client, "two")));
  EXPECT_EQ(world.await(receive(*server)), "one" + from);
  EXPECT_EQ(world.await(receive(*server)), "two" + from);
  ASSERT_TRUE(world.await(send_to(*server, "three", client.local_address().value())));
  EXPECT_EQ(world.await(receive(client)), "three from " + where.text());
}

TEST(VsockTest, DatagramsAreWholeAndSayFromWhom) {
  Double kernel;
  datagrams_are_whole_and_say_from_whom(kernel);
}

TEST(VsockTest, DatagramsAreWholeAndSayFromWhomOnLinux) {
  ONLY_ON_LINUX("vkern has no VSOCK");
  datagrams_are_whole_and_say_from_whom(kernel_under_test());
}

TEST(VsockTest, AContextThatIsNotThereAndAnAddressThatIsNotVsockAreRefused) {
  Double kernel;
  LoopWorld world(kernel);
  const Address elsewhere = Address::vsock(77, 1'024);
  EXPECT_EQ(VsockListener::bind(world.loop, elsewhere).error(), Errno{EADDRNOTAVAIL});
  EXPECT_EQ(world.await(ask(world.loop, elsewhere)).error(), Errno{ENODEV});
  const Address inet = Address::loopback(0);
  EXPECT_EQ(VsockListener::bind(world.loop, inet).error(), Errno{EAFNOSUPPORT});
  EXPECT_EQ(VsockSocket::bind(world.loop, inet).error(), Errno{EAFNOSUPPORT});
  EXPECT_EQ(VsockSocket::connect(world.loop, inet).error(), Errno{EAFNOSUPPORT});
  EXPECT_EQ(world.await(ask(world.loop, inet)).error(), Errno{EAFNOSUPPORT});
}

TEST(VsockTest, WhereNobodyListensConnectingIsRefused) {
  Double kernel;
  LoopWorld world(kernel);
  Address where;
  {
    auto gone = VsockListener::bind(world.loop, any_port).value();
    where = gone.local_address().value();
  }
  EXPECT_EQ(world.await(ask(world.loop, where)), std::unexpected(Errno{ECONNREFUSED}));
}

class ConnectsToVsock : public LoopScenario<VsockOverInet<ScenarioKernel>> {
 public:
  ConnectsToVsock() { set_out(); }
  Task<> line() override {
    auto stream = co_await VsockStream::connect(loop(), where_);
    if (stream) static_cast<void>(co_await stream->read());
  }
  void complete() override {
    Kernel& real = kernel_under_test();
    const auto accepted = real.accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted) static_cast<void>(Fd(real, *accepted));
  }

 private:
  Fd listener_ = [] {
    Kernel& real = kernel_under_test();
    Fd fd(real, real.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0).value());
    const Address any = Address::loopback(0);
    EXPECT_TRUE(real.bind(fd.get(), any.data(), any.size()));
    EXPECT_TRUE(real.listen(fd.get(), 8));
    return fd;
  }();
  Address where_ = Address::vsock(VMADDR_CID_LOCAL,
                                  local_address_of(kernel_under_test(), listener_.get())->port());
};
TEST(VsockTest, ConnectingCanBeCancelledWhereverItWaits) { EXPECT_GT(walk<ConnectsToVsock>(), 0); }

}  // namespace
}  // namespace tocsin
