// SPDX-License-Identifier: MIT
//
// UNIX sockets, rule by rule, on Linux and on both policies: what is true of one is true of all.
// Random orders of the same calls are in unix_differential_test.cpp; here each rule has a name, and
// here are the calls that block, which need a second thread.
#include <sys/ioctl.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

constexpr unsigned in = EPOLLIN | EPOLLRDNORM;
constexpr unsigned out = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

template <class K>
class UnixSockets : public KernelTest<K> {
 protected:
  struct Pair {
    int a, b;
  };
  Pair pair(int type, int flags = SOCK_NONBLOCK) {
    const auto ends = this->kernel_.socketpair(AF_UNIX, type | flags, 0);
    EXPECT_TRUE(ends);
    return {this->keep((*ends)[0]), this->keep((*ends)[1])};
  }
  int socket(int type, int flags = SOCK_NONBLOCK) {
    return this->keep(this->kernel_.socket(AF_UNIX, type | flags, 0));
  }
  /// An abstract name of its own for each test process.
  struct Name {
    explicit Name(const char* text) {
      const std::string name = "tocsin-test-" + std::to_string(::getpid()) + text;
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path + 1, name.data(), name.size());
      length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
    sockaddr_un address{};
    socklen_t length;
  };
  int listener(const Name& name, int type, int backlog, int flags = SOCK_NONBLOCK) {
    const int fd = socket(type, flags);
    EXPECT_TRUE(this->kernel_.bind(fd, name.get(), name.length));
    EXPECT_TRUE(this->kernel_.listen(fd, backlog));
    return fd;
  }
  int connect(int fd, const Name& name) {
    return errno_of(this->kernel_.connect(fd, name.get(), name.length));
  }
  long send(int fd, std::size_t size, int flags = 0) {
    const std::vector<std::byte> bytes(size);
    return this->kernel_.send(fd, bytes, flags).as_kernel();
  }
  long receive(int fd, std::size_t size, int flags = 0) {
    std::vector<std::byte> bytes(size);
    return this->kernel_.recv(fd, bytes, flags).as_kernel();
  }
  /// One byte with descriptors.
  long send_files(int fd, std::vector<int> files) {
    std::byte byte{};
    iovec piece{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) std::array<char, 64> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(files.size() * sizeof(int));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(files.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), files.data(), files.size() * sizeof(int));
    return this->kernel_.sendmsg(fd, message, 0).as_kernel();
  }
  /// The descriptors that came with a byte, of which `most` find room; and msg_flags.
  std::pair<std::vector<int>, int> receive_files(int fd, std::size_t most, int flags = 0) {
    std::byte byte{};
    iovec piece{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) std::array<char, 64> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_LEN(most * sizeof(int));
    EXPECT_EQ(this->kernel_.recvmsg(fd, message, flags).as_kernel(), 1);
    std::vector<int> files;
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr) {
      files.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      std::memcpy(files.data(), CMSG_DATA(header), files.size() * sizeof(int));
    }
    for (const int file : files) this->keep(file);
    return {files, message.msg_flags};
  }
  int option(int fd, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_TRUE(this->kernel_.getsockopt(fd, SOL_SOCKET, name, &value, &length));
    return value;
  }
  void set_option(int fd, int name, int value) {
    EXPECT_TRUE(this->kernel_.setsockopt(fd, SOL_SOCKET, name, &value, sizeof value));
  }
};
TYPED_TEST_SUITE(UnixSockets, AllKernels);

// ---- connections --------------------------------------------------------------------------------

TYPED_TEST(UnixSockets, AConnectionThatDoesNotFitTheBacklogIsTriedAgain) {
  const typename TestFixture::Name name("backlog");
  const int listener = this->listener(name, SOCK_STREAM, 0);
  EXPECT_EQ(this->mask_of(listener), 0u);
  EXPECT_EQ(this->connect(this->socket(SOCK_STREAM), name), 0);
  const int second = this->socket(SOCK_STREAM);
  EXPECT_EQ(this->connect(second, name), EAGAIN);
  EXPECT_EQ(this->mask_of(listener), in);
  this->keep(this->kernel_.accept4(listener, nullptr, nullptr, 0));
  EXPECT_EQ(this->connect(second, name), 0);
  EXPECT_EQ(this->mask_of(second), out);
  this->keep(this->kernel_.accept4(listener, nullptr, nullptr, 0));
  EXPECT_EQ(this->connect(second, name), EISCONN);
}

TYPED_TEST(UnixSockets, AListenerThatClosesResetsWhoWasNotAccepted) {
  const typename TestFixture::Name name("reset");
  const auto listener = this->kernel_.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  ASSERT_TRUE(this->kernel_.bind(*listener, name.get(), name.length));
  ASSERT_TRUE(this->kernel_.listen(*listener, 5));
  const int client = this->socket(SOCK_STREAM);
  ASSERT_EQ(this->connect(client, name), 0);
  ASSERT_TRUE(this->kernel_.close(*listener));
  EXPECT_EQ(this->mask_of(client), in | out | EPOLLERR | EPOLLHUP | EPOLLRDHUP);
  EXPECT_EQ(this->option(client, SO_ERROR), ECONNRESET);
  EXPECT_EQ(this->connect(this->socket(SOCK_STREAM), name), ECONNREFUSED);
}

TYPED_TEST(UnixSockets, NamesOfEachTypeAreASpaceOfTheirOwn) {
  const typename TestFixture::Name name("types");
  this->listener(name, SOCK_STREAM, 1);
  EXPECT_EQ(this->connect(this->socket(SOCK_SEQPACKET), name), ECONNREFUSED);
  this->listener(name, SOCK_SEQPACKET, 1);
  EXPECT_EQ(this->connect(this->socket(SOCK_SEQPACKET), name), 0);
  const int third = this->socket(SOCK_STREAM);
  EXPECT_EQ(errno_of(this->kernel_.bind(third, name.get(), name.length)), EADDRINUSE);
}

TYPED_TEST(UnixSockets, CredentialsOfThePeerAreThoseOfWhoConnectedOrListened) {
  const typename TestFixture::Name name("peer");
  const int listener = this->listener(name, SOCK_STREAM, 1);
  const int client = this->socket(SOCK_STREAM);
  const auto peer_of = [&](int fd) {
    ucred peer{};
    socklen_t length = sizeof peer;
    EXPECT_TRUE(this->kernel_.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length));
    return peer.pid;
  };
  EXPECT_EQ(peer_of(client), 0);
  ASSERT_EQ(this->connect(client, name), 0);
  EXPECT_EQ(peer_of(client), this->kernel_.getpid());
  EXPECT_EQ(peer_of(this->keep(this->kernel_.accept4(listener, nullptr, nullptr, 0))),
            this->kernel_.getpid());
}

// ---- room ---------------------------------------------------------------------------------------

TYPED_TEST(UnixSockets, NinetyThreeKibibytesFillAStreamAndSeventyReadsMakeItWritable) {
  const auto [a, b] = this->pair(SOCK_STREAM);
  int sent = 0;
  while (this->send(a, 1024) == 1024) ++sent;
  EXPECT_EQ(sent, 93);
  EXPECT_EQ(this->mask_of(a), 0u);
  int reads = 0;
  while (this->mask_of(a) == 0 && this->receive(b, 1024) == 1024) ++reads;
  EXPECT_EQ(reads, 70);
}

TYPED_TEST(UnixSockets, ElevenDatagramsFillAReceiverThatIsNoPeer) {
  const typename TestFixture::Name name("crowd");
  const int receiver = this->socket(SOCK_DGRAM), sender = this->socket(SOCK_DGRAM);
  ASSERT_TRUE(this->kernel_.bind(receiver, name.get(), name.length));
  ASSERT_EQ(this->connect(sender, name), 0);
  for (int i = 0; i < 11; ++i) EXPECT_EQ(this->send(sender, 1), 1);
  this->watch(sender);
  EXPECT_EQ(this->edges(), std::vector<int>{});
  EXPECT_EQ(this->send(sender, 1), -EAGAIN);
  EXPECT_EQ(this->edges(), std::vector<int>{});
  EXPECT_EQ(this->receive(receiver, 1), 1);
  EXPECT_EQ(this->edges(), std::vector<int>{sender});
  ASSERT_TRUE(this->kernel_.shutdown(receiver, SHUT_RD));
  EXPECT_EQ(this->send(sender, 1), -EPIPE);
}

// ---- files in flight ----------------------------------------------------------------------------

TYPED_TEST(UnixSockets, AFileInFlightStaysOpen) {
  const auto [a, b] = this->pair(SOCK_STREAM);
  const auto inner = this->kernel_.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int stays = this->keep((*inner)[1]);
  ASSERT_EQ(this->send_files(a, {(*inner)[0]}), 1);
  ASSERT_TRUE(this->kernel_.close((*inner)[0]));
  EXPECT_EQ(this->mask_of(stays), out);
  const auto [files, flags] = this->receive_files(b, 1, MSG_CMSG_CLOEXEC);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(this->kernel_.fcntl(files[0], F_GETFD, 0), FD_CLOEXEC);
  EXPECT_EQ(this->send(files[0], 3), 3);
  EXPECT_EQ(this->receive(stays, 8), 3);
}

TYPED_TEST(UnixSockets, FilesWithoutRoomAreClosed) {
  const auto [a, b] = this->pair(SOCK_DGRAM);
  const auto inner = this->kernel_.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int stays = this->keep((*inner)[1]);
  ASSERT_EQ(this->send_files(a, {stays, (*inner)[0]}), 1);
  ASSERT_TRUE(this->kernel_.close((*inner)[0]));
  const auto [files, flags] = this->receive_files(b, 1);
  EXPECT_EQ(files.size(), 1u);
  EXPECT_NE(flags & MSG_CTRUNC, 0);
  EXPECT_EQ(this->receive(stays, 1), 0) << "its peer was in flight, and had no room";
}

TYPED_TEST(UnixSockets, AReceiverThatClosesClosesWhatIsInFlightToIt) {
  const auto ends = this->kernel_.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const auto inner = this->kernel_.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int stays = this->keep((*inner)[1]), sender = this->keep((*ends)[0]);
  ASSERT_EQ(this->send_files(sender, {(*inner)[0]}), 1);
  ASSERT_TRUE(this->kernel_.close((*inner)[0]));
  this->watch(stays);
  EXPECT_EQ(this->edges(), std::vector<int>{stays});
  ASSERT_TRUE(this->kernel_.close((*ends)[1]));
  EXPECT_EQ(this->edges(), std::vector<int>{stays});
  EXPECT_EQ(this->mask_of(stays), in | out | EPOLLHUP | EPOLLRDHUP);
  EXPECT_EQ(this->receive(sender, 1), -ECONNRESET);
}

TYPED_TEST(UnixSockets, AReadStopsBehindAMessageWithFiles) {
  const auto [a, b] = this->pair(SOCK_STREAM);
  ASSERT_EQ(this->send(a, 2), 2);
  ASSERT_EQ(this->send_files(a, {a}), 1);
  ASSERT_EQ(this->send(a, 4), 4);
  EXPECT_EQ(this->receive(b, 100), 3);
  EXPECT_EQ(this->receive(b, 100), 4);
}

// ---- blocking -----------------------------------------------------------------------------------

TYPED_TEST(UnixSockets, ALimitOfTimeEndsAWait) {
  const auto [a, b] = this->pair(SOCK_STREAM, 0);
  const timeval limit{.tv_sec = 0, .tv_usec = 10'000};
  ASSERT_TRUE(this->kernel_.setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  ASSERT_TRUE(this->kernel_.setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  EXPECT_EQ(this->receive(a, 1), -EAGAIN);
  this->set_option(a, SO_SNDBUF, 0);
  EXPECT_EQ(this->option(a, SO_SNDBUF), 4608);
  EXPECT_EQ(this->send(a, 100'000), 2 * 2240);
  EXPECT_EQ(this->send(a, 1), -EAGAIN);
}

// The same, whichever thread is first: that is all a test without sleeps can say.
template <class K>
class BlockingUnixSockets : public UnixSockets<K> {};
using Concurrent = testing::Types<OnLinux, OnVkern<Threads>>;
TYPED_TEST_SUITE(BlockingUnixSockets, Concurrent);

TYPED_TEST(BlockingUnixSockets, AStreamPassesMoreThanItHolds) {
  const auto [a, b] = this->pair(SOCK_STREAM, 0);
  this->set_option(a, SO_SNDBUF, 10'000);
  constexpr std::size_t size = 300'000;
  std::jthread writer([this, to = a] { EXPECT_EQ(this->send(to, size), long{size}); });
  EXPECT_EQ(this->receive(b, size, MSG_WAITALL), long{size});
  writer.join();
}

TYPED_TEST(BlockingUnixSockets, DatagramsWaitForRoomAtTheReceiver) {
  const typename TestFixture::Name name("room");
  const int receiver = this->socket(SOCK_DGRAM, 0), sender = this->socket(SOCK_DGRAM, 0);
  ASSERT_TRUE(this->kernel_.bind(receiver, name.get(), name.length));
  ASSERT_EQ(this->connect(sender, name), 0);
  constexpr int count = 200;
  std::jthread writer([this, sender] {
    for (int i = 1; i <= count; ++i) EXPECT_EQ(this->send(sender, static_cast<std::size_t>(i)), i);
  });
  for (int i = 1; i <= count; ++i) EXPECT_EQ(this->receive(receiver, 1000), i);
  writer.join();
}

TYPED_TEST(BlockingUnixSockets, ConnectWaitsForTheBacklogAndAcceptForConnect) {
  const typename TestFixture::Name name("accept");
  const int listener = this->listener(name, SOCK_SEQPACKET, 0, 0);
  constexpr int count = 50;
  std::jthread client([&] {
    for (int i = 0; i < count; ++i)
      EXPECT_EQ(this->connect(this->socket(SOCK_SEQPACKET, 0), name), 0);
  });
  std::vector<int> accepted;
  for (int i = 0; i < count; ++i)
    accepted.push_back(this->kernel_.accept4(listener, nullptr, nullptr, 0).value_or(-1));
  client.join();
  for (const int fd : accepted) EXPECT_TRUE(this->kernel_.close(fd));
}

TYPED_TEST(BlockingUnixSockets, AShutdownWakesWhoReads) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    const auto [a, b] = this->pair(type, 0);
    std::jthread reader([this, from = a] { EXPECT_EQ(this->receive(from, 10), 0); });
    EXPECT_TRUE(this->kernel_.shutdown(a, SHUT_RD));
    reader.join();
  }
}

}  // namespace
}  // namespace tocsin::vkern
