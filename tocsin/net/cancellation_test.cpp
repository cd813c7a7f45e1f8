// SPDX-License-Identifier: MIT
//
// Every awaitable of this module through the one test of cancellation.
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/net/tcp.hpp"
#include "tocsin/net/udp.hpp"
#include "tocsin/net/unix.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

class NetKernel : public ScenarioKernel {
 public:
  Result<int> accept4(int fd, sockaddr* address, socklen_t* length, int flags) override {
    if (out_of_descriptors) return std::unexpected(Errno{EMFILE});
    return below_.accept4(fd, address, length, flags);
  }
  Result<> connect(int fd, const sockaddr* address, socklen_t length) override {
    connecting = fd;
    return below_.connect(fd, address, length);
  }
  Count sendto(int fd, ByteView bytes, int flags, const sockaddr* address,
               socklen_t length) override {
    if (full) return std::unexpected(Errno::again);
    return below_.sendto(fd, bytes, flags, address, length);
  }

  bool out_of_descriptors = false;
  bool full = false;
  int connecting = -1;
};

Kernel& real() { return kernel_under_test(); }

/// A bare socket that has connected to `where`, blocking.
Fd connected_to(const Address& where) {
  Fd fd(real(), real().socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0).value());
  EXPECT_TRUE(real().connect(fd.get(), where.data(), where.size()));
  return fd;
}

// ---- streams ------------------------------------------------------------------------------------

/// One end of a pair, and the other as a bare socket.
class StreamScenario : public LoopScenario<NetKernel> {
 protected:
  void fill() {
    const std::string much(100'000, 'f');
    while (real().send(stream_.fd(), as_bytes(much), MSG_NOSIGNAL)) {
    }
  }
  void drain() {
    std::vector<std::byte> room(1'000'000);
    while (real().recv(ends_[1].get(), room, 0)) {
    }
  }

 private:
  std::array<Fd, 2> ends_ = [] {
    const auto fds = real().socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return std::array{Fd(real(), (*fds)[0]), Fd(real(), (*fds)[1])};
  }();

 protected:
  const Fd& other() const { return ends_[1]; }
  UnixStream stream_{FdSource::create(loop(), std::move(ends_[0]), "stream").value()};
};

class Reads : public StreamScenario {
 public:
  Reads() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 3; ++i)
      if (!co_await stream_.read()) co_return;
  }
  void complete() override { EXPECT_TRUE(real().send(other().get(), as_bytes("x"), 0)); }
};
TEST(NetCancellation, Read) { EXPECT_EQ(walk<Reads>(), 3); }

class Writes : public StreamScenario {
 public:
  Writes() {
    fill();
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await stream_.write_all(as_bytes("more"))); }
  void complete() override { drain(); }
};
TEST(NetCancellation, Write) { EXPECT_EQ(walk<Writes>(), 1); }

class Gathers : public StreamScenario {
 public:
  Gathers() {
    fill();
    set_out();
  }
  Task<> line() override {
    const std::array parts{as_bytes("some"), as_bytes("more")};
    static_cast<void>(co_await stream_.write_gathered(parts));
  }
  void complete() override { drain(); }
};
TEST(NetCancellation, WriteGathered) { EXPECT_EQ(walk<Gathers>(), 1); }

class SendsFile : public StreamScenario {
 public:
  SendsFile() {
    EXPECT_TRUE(real().ftruncate(file_.get(), 1'000));
    fill();
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await stream_.send_file(file_.get(), 0, 1'000)); }
  void complete() override { drain(); }

 private:
  Fd file_ = unnamed_file();
};
TEST(NetCancellation, SendFile) { EXPECT_EQ(walk<SendsFile>(), 1); }

/// Whoever waits is ended by the end of the stream.
class ReadsWhatEnds : public LoopScenario<NetKernel> {
 public:
  ReadsWhatEnds() { set_out(); }
  Task<> line() override {
    auto pair = UnixStream::pair(loop());
    if (!pair) co_return;
    stream_.emplace(std::move(pair->first));
    static_cast<void>(co_await stream_->read());
    stream_.reset();
  }
  void complete() override { stream_.reset(); }
  std::string left_behind() override {
    stream_.reset();  // Who was destroyed could not.
    return LoopScenario::left_behind();
  }

 private:
  std::optional<UnixStream> stream_;
};
TEST(NetCancellation, ReadOfAStreamThatEnds) { EXPECT_EQ(walk<ReadsWhatEnds>(), 1); }

// ---- accepting, connecting ----------------------------------------------------------------------

class Accepts : public LoopScenario<NetKernel> {
 public:
  Accepts() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await listener_.accept()) co_return;
  }
  void complete() override { clients_.push_back(connected_to(listener_.local_address().value())); }

 protected:
  TcpListener listener_ = TcpListener::bind(loop(), Address::loopback(0)).value();
  std::vector<Fd> clients_;
};
TEST(NetCancellation, Accept) { EXPECT_EQ(walk<Accepts>(), 2); }

class AcceptsWithoutRoom : public Accepts {
 public:
  AcceptsWithoutRoom() {
    Accepts::complete();
    kernel.out_of_descriptors = true;
  }
  Task<> line() override { static_cast<void>(co_await listener_.accept()); }
  void complete() override {
    kernel.out_of_descriptors = false;
    kernel.ahead += 1s;  // The rest is over.
  }
};
TEST(NetCancellation, AcceptThatRests) { EXPECT_EQ(walk<AcceptsWithoutRoom>(), 1); }

// The SYN is dropped as the backlog is full, so connecting takes until the test ends it:
// shutdown(2) of a socket that connects is its failure.
class Connects : public LoopScenario<NetKernel> {
 public:
  Connects() {
    const auto any = Address::loopback(0);
    EXPECT_TRUE(real().bind(listener_.get(), any.data(), any.size()));
    EXPECT_TRUE(real().listen(listener_.get(), 0));
    filler_ = connected_to(where());
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await TcpStream::connect(loop(), where())); }
  void complete() override { static_cast<void>(real().shutdown(kernel.connecting, SHUT_RDWR)); }

 private:
  Address where() const { return local_address_of(real(), listener_.get()).value(); }

  Fd listener_{real(), real().socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0).value()};
  Fd filler_;
};
TEST(NetCancellation, TcpConnect) { EXPECT_EQ(walk<Connects>(), 1); }

class ConnectsToAFullBacklog : public LoopScenario<NetKernel> {
 public:
  ConnectsToAFullBacklog() {
    const Address unnamed = Address::from(Address::unix_abstract("").value().data(),
                                          sizeof(sa_family_t));  // The kernel takes a name.
    EXPECT_TRUE(real().bind(listener_.get(), unnamed.data(), unnamed.size()));
    EXPECT_TRUE(real().listen(listener_.get(), 0));
    filler_ = connected_to(where());
    set_out();
  }
  Task<> line() override { static_cast<void>(co_await UnixStream::connect(loop(), where())); }
  void complete() override {
    const auto taken = real().accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (taken) accepted_.emplace_back(real(), *taken);
    kernel.ahead += 1s;
  }

 private:
  Address where() const { return local_address_of(real(), listener_.get()).value(); }

  Fd listener_{real(),
               real().socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0).value()};
  Fd filler_;
  std::vector<Fd> accepted_;
};
TEST(NetCancellation, UnixConnect) { EXPECT_EQ(walk<ConnectsToAFullBacklog>(), 1); }

// ---- datagrams ----------------------------------------------------------------------------------

class Receives : public LoopScenario<NetKernel> {
 public:
  Receives() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await socket_.receive()) co_return;
  }
  void complete() override {
    const Address to = socket_.local_address().value();
    EXPECT_TRUE(real().sendto(sender_.get(), as_bytes("x"), 0, to.data(), to.size()));
  }

 private:
  UdpSocket socket_ = UdpSocket::bind(loop(), Address::loopback(0)).value();
  Fd sender_{real(), real().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0).value()};
};
TEST(NetCancellation, UdpReceive) { EXPECT_EQ(walk<Receives>(), 2); }

// A send buffer that is full: sending to oneself through the same socket frees the last datagram's
// memory, which is the edge that epoll answers with.
class Sends : public LoopScenario<NetKernel> {
 public:
  Sends() {
    set_out();
    kernel.full = true;
  }
  Task<> line() override {
    static_cast<void>(co_await socket_.send_to(as_bytes("x"), Address::loopback(9)));
  }
  void complete() override {
    kernel.full = false;
    const Address self = socket_.local_address().value();
    EXPECT_TRUE(real().sendto(socket_.fd(), as_bytes("x"), 0, self.data(), self.size()));
  }

 private:
  UdpSocket socket_ = UdpSocket::bind(loop(), Address::loopback(0)).value();
};
TEST(NetCancellation, UdpSend) { EXPECT_EQ(walk<Sends>(), 1); }

}  // namespace
}  // namespace tocsin
