// SPDX-License-Identifier: MIT
//
// What a UNIX stream asks the kernel: one call a message, and about writing only if it has to wait.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/net/unix.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

class CountingKernel final : public ForwardingKernel {
 public:
  Count recv(int fd, MutableBytes into, int flags) override {
    ++receives;
    return below_.recv(fd, into, flags);
  }
  Count recvmsg(int fd, msghdr& message, int flags) override {
    ++receives;
    return below_.recvmsg(fd, message, flags);
  }
  Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
    if (operation == EPOLL_CTL_MOD) ++modifications;
    return below_.epoll_ctl(epfd, operation, fd, event);
  }

  int receives = 0;
  int modifications = 0;
};

struct UnixReadTest : testing::Test {
  Result<std::string> read() {
    return world.await([](UnixStream& from) -> Task<Result<std::string>> {
      const auto bytes = co_await from.read();
      if (!bytes) co_return std::unexpected(bytes.error());
      co_return std::string(as_text(*bytes));
    }(other));
  }
  void write(std::string_view text) {
    EXPECT_TRUE(world.await([](UnixStream& to, std::string_view bytes) -> Task<Result<>> {
      co_return co_await to.write_all(as_bytes(bytes));
    }(one, text)));
  }

  CountingKernel kernel;
  LoopWorld world{kernel};
  std::pair<UnixStream, UnixStream> ends = UnixStream::pair(world.loop).value();
  UnixStream& one = ends.first;
  UnixStream& other = ends.second;
};

TEST_F(UnixReadTest, AMessageIsOneReceiveAndNeverAnEventForItsSender) {
  std::string heard;
  world.scope.spawn([](UnixStream& from, std::string& into) -> Task<> {
    while (auto bytes = co_await from.read()) {
      if (bytes->empty()) co_return;
      into += as_text(*bytes);
    }
  }(other, heard));
  write("first");  // Before this one nothing was known of `other`: it has asked in vain.
  world.run_until_idle();
  const int receives = kernel.receives;
  const auto events = world.loop.counters().events;
  for (int i = 0; i < 10; ++i) {
    write("x");
    world.run_until_idle();
  }
  EXPECT_EQ(heard, "firstxxxxxxxxxx");
  EXPECT_EQ(kernel.receives - receives, 10);
  EXPECT_EQ(world.loop.counters().events - events, 10u) << "all of them the reader's";
  EXPECT_EQ(kernel.modifications, 0);
}

TEST_F(UnixReadTest, AWriteThatHasToWaitGoesOnWhenThereIsRoom) {
  for (int i = 0; i < 3; ++i) {
    const std::string much(3'000'000, static_cast<char>('a' + i));
    std::optional<Result<>> written;
    world.scope.spawn([](UnixStream& to, ByteView bytes, std::optional<Result<>>& into) -> Task<> {
      into = co_await to.write_all(bytes);
    }(one, as_bytes(much), written));
    world.run_until_idle();
    EXPECT_FALSE(written) << "it is more than a socket takes";
    std::string heard;
    while (heard.size() < much.size()) heard += read().value();
    EXPECT_EQ(heard, much);
    ASSERT_TRUE(world.run_until([&] { return written.has_value(); }));
    EXPECT_TRUE(*written);
  }
  EXPECT_EQ(kernel.modifications, 2) << "once for each end: bytes came to the other unawaited";
}

// If it cannot be asked, a write that waits is tried again in every turn: nothing is lost.
TEST_F(UnixReadTest, AWriteGoesOnEvenIfTheKernelCannotBeAskedAboutIt) {
  class Refusing final : public ForwardingKernel {
   public:
    Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
      if (operation == EPOLL_CTL_MOD) return std::unexpected(Errno{ENOMEM});
      return below_.epoll_ctl(epfd, operation, fd, event);
    }
  } refusing;
  LoopWorld there(refusing);
  auto [from, to] = UnixStream::pair(there.loop).value();
  const std::string much(1'000'000, 'm');
  std::optional<Result<>> written;
  there.scope.spawn([](UnixStream& into, ByteView bytes, std::optional<Result<>>& done) -> Task<> {
    done = co_await into.write_all(bytes);
    EXPECT_TRUE(into.finish_writing());
  }(from, as_bytes(much), written));
  std::size_t heard = 0;
  const auto all = there.await([](UnixStream& end, std::size_t& count) -> Task<Result<>> {
    while (auto bytes = co_await end.read()) {
      if (bytes->empty()) co_return Result<>();
      count += bytes->size();
    }
    co_return std::unexpected(Errno::cancelled);
  }(to, heard));
  EXPECT_TRUE(all);
  EXPECT_TRUE(written && *written);
  EXPECT_EQ(heard, much.size());
}

TEST_F(UnixReadTest, WhatComesWhileNobodyReadsIsToldOnceAndNotForgotten) {
  write("first");
  world.run_until_idle();
  const auto events = world.loop.counters().events;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.loop.run_once(Duration::zero()));
  EXPECT_EQ(world.loop.counters().events, events) << "the loop may sleep";
  EXPECT_EQ(kernel.modifications, 1);
  EXPECT_EQ(read(), "first");
  for (const char* text : {"second", "third"}) {
    write(text);
    world.run_until_idle();
    EXPECT_EQ(read(), text);
  }
  EXPECT_EQ(kernel.modifications, 1) << "that is for good";
}

TEST_F(UnixReadTest, TheEndIsReadThoughItCameWithTheLastBytes) {
  write("last");
  ASSERT_TRUE(one.finish_writing());
  world.run_until_idle();  // One edge has told of both.
  EXPECT_EQ(read(), "last");
  EXPECT_EQ(read(), "");
}

TEST_F(UnixReadTest, TheEndIsReadThoughItComesLater) {
  write("last");
  EXPECT_EQ(read(), "last");
  ASSERT_TRUE(one.finish_writing());
  EXPECT_EQ(read(), "");
}

// Credentials are a boundary before another sender's bytes, where they are passed.
TEST_F(UnixReadTest, BytesBehindAnotherSendersAreNotForgotten) {
  ASSERT_TRUE(other.pass_credentials(true));
  write("mine");
  const auto own = world.await([](UnixStream& to) -> Task<Result<>> {
    const ucred other_sender{.pid = ::getppid(), .uid = ::getuid(), .gid = ::getgid()};
    co_return co_await to.send(as_bytes(std::string_view("theirs")), {.credentials = other_sender});
  }(one));
  if (!own) GTEST_SKIP() << "credentials of another process need CAP_SYS_ADMIN: EPERM";
  world.run_until_idle();
  EXPECT_EQ(read(), "mine");
  EXPECT_EQ(read(), "theirs");
}

}  // namespace
}  // namespace tocsin
