// SPDX-License-Identifier: MIT
//
// What UNIX sockets carry beside bytes, on all three kinds of them.
#include "tocsin/net/unix_message.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/net/unix.hpp"
#include "tocsin/net/unix_datagram.hpp"
#include "tocsin/net/unix_seqpacket.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

constexpr bool is_close_on_exec(int flags) { return (flags & FD_CLOEXEC) != 0; }

/// Some pipes, of which one end is sent and the other shows what became of it.
class Pipes {
 public:
  explicit Pipes(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto ends = kernel_.pipe2(O_NONBLOCK).value();
      readers_.emplace_back(kernel_, ends[0]);
      writers_.emplace_back(kernel_, ends[1]);
      numbers.push_back(ends[1]);
    }
  }
  /// Closes our own duplicates of what was sent.
  void close_sent() { writers_.clear(); }
  /// Whether nobody has the sent end any more.
  bool is_closed(std::size_t i) const {
    std::array<std::byte, 1> room{};
    return kernel_.read(readers_[i].get(), room) == Count(0);
  }
  /// Whether `fd` is the end that was sent.
  bool is_this(std::size_t i, const Fd& fd) const {
    std::array<std::byte, 1> room{};
    return kernel_.write(fd.get(), as_bytes("x")) == Count(1) &&
           kernel_.read(readers_[i].get(), room) == Count(1);
  }

  std::vector<int> numbers;

 private:
  Kernel& kernel_ = kernel_under_test();
  std::vector<Fd> readers_, writers_;
};

template <class S>
class UnixMessageTest : public testing::Test {
 protected:
  /// A message as a test keeps it: the buffer is the loop's.
  Result<UnixMessage> receive(S& from, std::size_t most = UnixMessage::most_fds) {
    auto task = [](S& by, std::size_t room) -> Task<Result<UnixMessage>> {
      co_return co_await by.receive(room);
    };
    return world.await(task(from, most));
  }
  Result<> send(S& by, std::string_view text, UnixAttachments attached = {}) {
    auto task = [](S& to, std::string_view bytes, UnixAttachments with) -> Task<Result<>> {
      co_return co_await to.send(as_bytes(bytes), with);
    };
    return world.await(task(by, text, attached));
  }

  LoopWorld world;
  std::pair<S, S> ends = S::pair(world.loop).value();
  S& one = ends.first;
  S& other = ends.second;
};

using Kinds = testing::Types<UnixStream, UnixDatagram, UnixSeqpacket>;
TYPED_TEST_SUITE(UnixMessageTest, Kinds);

TYPED_TEST(UnixMessageTest, BytesAloneComeAlone) {
  ASSERT_TRUE(this->send(this->one, "text"));
  const auto got = this->receive(this->other);
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(got->bytes), "text");
  EXPECT_TRUE(got->fds.empty());
  EXPECT_FALSE(got->credentials);
  EXPECT_FALSE(got->fds_lost || got->truncated || got->is_end());
}

TYPED_TEST(UnixMessageTest, DescriptorsComeInOrderAndCloseOnExec) {
  Pipes pipes(UnixMessage::most_fds);
  ASSERT_TRUE(this->send(this->one, "many", {.fds = pipes.numbers}));
  pipes.close_sent();
  {
    auto got = this->receive(this->other);
    ASSERT_TRUE(got);
    EXPECT_EQ(as_text(got->bytes), "many");
    ASSERT_EQ(got->fds.size(), UnixMessage::most_fds);
    EXPECT_FALSE(got->fds_lost);
    for (const std::size_t i : {0U, 1U, 252U}) {
      EXPECT_TRUE(pipes.is_this(i, got->fds[i]));
      EXPECT_TRUE(
          is_close_on_exec(kernel_under_test().fcntl(got->fds[i].get(), F_GETFD, 0).value()));
    }
  }
  for (const std::size_t i : {0U, 252U}) EXPECT_TRUE(pipes.is_closed(i)) << "with the message";
}

TYPED_TEST(UnixMessageTest, MoreThanWereToBeTakenAreClosedAndSaidToBeLost) {
  for (const std::size_t most : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    Pipes pipes(4);
    ASSERT_TRUE(this->send(this->one, "four", {.fds = pipes.numbers}));
    pipes.close_sent();
    const auto got = this->receive(this->other, most);
    ASSERT_TRUE(got);
    EXPECT_EQ(as_text(got->bytes), "four");
    EXPECT_EQ(got->fds.size(), most);
    EXPECT_TRUE(got->fds_lost);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(pipes.is_closed(i), i >= most) << i;
  }
}

TYPED_TEST(UnixMessageTest, AProcessWithoutRoomForThemLosesThemAndIsTold) {
  ONLY_ON_LINUX("RLIMIT_NOFILE is the test's own process's");
  Pipes pipes(2);
  ASSERT_TRUE(this->send(this->one, "two", {.fds = pipes.numbers}));
  pipes.close_sent();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto got = this->receive(this->other);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(got->bytes), "two");
  EXPECT_TRUE(got->fds.empty());
  EXPECT_TRUE(got->fds_lost);
  EXPECT_TRUE(pipes.is_closed(0) && pipes.is_closed(1));
}

TYPED_TEST(UnixMessageTest, WhatCannotBeSentIsRefusedAndNothingComes) {
  const std::vector<int> too_many(UnixMessage::most_fds + 1, this->one.fd());
  EXPECT_EQ(this->send(this->one, "x", {.fds = too_many}), std::unexpected(Errno::invalid));
  const std::array bad{-1};
  EXPECT_EQ(this->send(this->one, "x", {.fds = bad}), std::unexpected(Errno{EBADF}));
  ASSERT_TRUE(this->send(this->one, "good"));
  EXPECT_EQ(as_text(this->receive(this->other)->bytes), "good");
}

TYPED_TEST(UnixMessageTest, CredentialsComeForWhoAsks) {
  ASSERT_TRUE(this->other.pass_credentials());
  ASSERT_TRUE(this->send(this->one, "who?"));
  const auto got = this->receive(this->other);
  ASSERT_TRUE(got && got->credentials);
  EXPECT_EQ(got->credentials->pid, kernel_under_test().getpid());
  if (is_linux_under_test()) {
    EXPECT_EQ(got->credentials->uid, ::getuid());
  }
  ASSERT_TRUE(this->other.pass_credentials(false));
  ASSERT_TRUE(this->send(this->one, "and now?"));
  EXPECT_FALSE(this->receive(this->other)->credentials);
}

TYPED_TEST(UnixMessageTest, CredentialsAndDescriptorsGoTogether) {
  ASSERT_TRUE(this->other.pass_credentials());
  Pipes pipes(1);
  const ucred self{.pid = kernel_under_test().getpid(),
                   .uid = is_linux_under_test() ? ::getuid() : 0,
                   .gid = is_linux_under_test() ? ::getgid() : 0};
  ASSERT_TRUE(this->send(this->one, "both", {.fds = pipes.numbers, .credentials = self}));
  auto got = this->receive(this->other, 1);
  ASSERT_TRUE(got && got->credentials);
  EXPECT_EQ(got->credentials->pid, self.pid);
  ASSERT_EQ(got->fds.size(), 1u);
  EXPECT_TRUE(pipes.is_this(0, got->fds[0]));
  EXPECT_FALSE(got->fds_lost);
}

TYPED_TEST(UnixMessageTest, WhoThePeerIs) {
  const auto peer = this->one.peer_credentials();
  ASSERT_TRUE(peer) << peer.error().name();
  EXPECT_EQ(peer->pid, kernel_under_test().getpid());
  const auto pidfd = this->one.peer_pidfd();
  if (!pidfd && pidfd.error() == Errno{ENOPROTOOPT})
    GTEST_SKIP() << "SO_PEERPIDFD needs Linux 6.5: ENOPROTOOPT";
  ASSERT_TRUE(pidfd) << pidfd.error().name();
  EXPECT_TRUE(kernel_under_test().pidfd_send_signal(pidfd->get(), 0)) << "it is this process";
}

// ---- streams ------------------------------------------------------------------------------------

class UnixStreamMessageTest : public UnixMessageTest<UnixStream> {};

// Descriptors end every read, also one that does not want them: what is behind them has had its
// edge, so a short read must not be taken for the last.
TEST_F(UnixStreamMessageTest, BytesBehindDescriptorsAreNotForgotten) {
  Pipes pipes(1);
  ASSERT_TRUE(send(one, "before", {.fds = pipes.numbers}));
  ASSERT_TRUE(send(one, "after"));
  world.run_until_idle();  // The edges are over.
  const auto read = [this]() -> Task<Result<std::string>> {
    const auto bytes = co_await other.read();
    if (!bytes) co_return std::unexpected(bytes.error());
    co_return std::string(as_text(*bytes));
  };
  EXPECT_EQ(world.await(read()), "before");
  EXPECT_EQ(world.await(read()), "after");
}

TEST_F(UnixStreamMessageTest, AllBytesAreSentAndTheDescriptorsOnce) {
  Pipes pipes(1);
  const std::string much(3'000'000, 'm');
  std::optional<Result<>> sent;
  world.scope.spawn([](UnixStream& to, std::string_view bytes, UnixAttachments with,
                       std::optional<Result<>>& into) -> Task<> {
    into = co_await to.send(as_bytes(bytes), with);
  }(one, much, {.fds = pipes.numbers}, sent));
  std::size_t bytes = 0;
  std::size_t fds = 0;
  while (bytes < much.size()) {
    const auto part = receive(other);
    ASSERT_TRUE(part && !part->is_end());
    bytes += part->bytes.size();
    fds += part->fds.size();
  }
  ASSERT_TRUE(world.run_until([&] { return sent.has_value(); }));
  EXPECT_TRUE(sent->has_value());
  EXPECT_EQ(fds, 1u);
}

}  // namespace
}  // namespace tocsin
