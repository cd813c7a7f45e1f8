// SPDX-License-Identifier: MIT
#include "tocsin/net/send_file.hpp"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/net/unix.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/signal_mask.hpp"

namespace tocsin {
namespace {

struct CountingKernel : ForwardingKernel {
  Count sendfile(int to, int from, std::uint64_t* offset, std::size_t count) override {
    largest = std::max(largest, count);
    if (takes_all) {  // A socket whose buffer has no end.
      *offset += count;
      return count;
    }
    return below_.sendfile(to, from, offset, count);
  }
  std::size_t largest = 0;
  bool takes_all = false;
};

class SendFileTest : public testing::Test {
 protected:
  SendFileTest() {
    Prng prng(11);
    std::ranges::generate(content, [&] { return static_cast<char>(prng.next()); });
    EXPECT_EQ(kernel.pwrite(file.get(), as_bytes(content), 0), content.size());
  }
  Task<Result<std::uint64_t>> send(std::uint64_t offset, std::uint64_t count) {
    co_return co_await ends.first.send_file(file.get(), offset, count);
  }
  Task<> send_all_into(std::optional<Result<std::uint64_t>>& into) {
    into = co_await ends.first.send_file(file.get(), 0, content.size());
  }
  Task<std::string> receive(std::size_t size) {
    std::string all;
    while (all.size() < size) {
      const auto bytes = co_await ends.second.read();
      if (!bytes || bytes->empty()) break;
      all += as_text(*bytes);
    }
    co_return all;
  }

  CountingKernel kernel;
  LoopWorld world{kernel};
  std::pair<UnixStream, UnixStream> ends = UnixStream::pair(world.loop).value();
  Fd file = unnamed_file(kernel);
  std::string content = std::string(3'000'000, '\0');
};

TEST_F(SendFileTest, APartOfAFileArrivesAsItIs) {
  EXPECT_EQ(world.await(send(1'000, 50'000)), 50'000u);
  EXPECT_TRUE(world.await(receive(50'000)) == content.substr(1'000, 50'000));
}

TEST_F(SendFileTest, WhereTheFileEndsItSaysHowMuchThereWas) {
  EXPECT_EQ(world.await(send(content.size() - 10, 1'000)), 10u);
  EXPECT_EQ(world.await(send(content.size(), 1'000)), 0u);
  EXPECT_EQ(world.await(send(0, 0)), 0u);
  EXPECT_EQ(world.await(receive(10)), content.substr(content.size() - 10));
}

TEST_F(SendFileTest, ALargeFileWaitsForItsReaderAndGoesInChunks) {
  std::optional<Result<std::uint64_t>> sent;
  Scope scope(world.loop);
  scope.spawn(send_all_into(sent));
  world.run_until_idle();
  EXPECT_FALSE(sent.has_value()) << "nobody has read";
  EXPECT_TRUE(world.await(receive(content.size())) == content);
  ASSERT_TRUE(world.run_until([&] { return sent.has_value(); }));
  EXPECT_EQ(*sent, content.size());
  EXPECT_EQ(kernel.largest, SendFileOperation::chunk);
}

TEST_F(SendFileTest, OneThatIsTakenAsFastAsItComesGivesWayAfterItsBudget) {
  kernel.takes_all = true;
  std::optional<Result<std::uint64_t>> sent;
  Scope scope(world.loop);
  const auto before = world.loop.turn_number();
  scope.spawn(send_all_into(sent));
  ASSERT_TRUE(world.run_until([&] { return sent.has_value(); }));
  EXPECT_EQ(*sent, content.size());
  const auto budgets = content.size() / SendFileOperation::chunk;
  EXPECT_GE(world.loop.turn_number() - before, budgets) << "a chunk a turn, no more";
}

TEST_F(SendFileTest, WhatIsNoFileIsAnError) {
  file = Fd(kernel, kernel.openat(AT_FDCWD, "/", O_RDONLY | O_CLOEXEC, 0).value());
  const auto sent = world.await(send(0, 10));
  ASSERT_FALSE(sent);
  EXPECT_TRUE(sent.error() == Errno::invalid || sent.error() == Errno{EISDIR});
}

TEST_F(SendFileTest, APeerThatHasGoneIsEpipe) {
  constexpr std::array pipe{SIGPIPE};
  const auto set = signal_set(pipe).value();
  const auto mask = SignalMask::block(kernel, pipe).value();
  {
    const UnixStream gone = std::move(ends.second);
  }
  EXPECT_EQ(world.await(send(0, 10)), std::unexpected(Errno{EPIPE}));
  const timespec none{};
  const int raised = is_linux_under_test() ? SIGPIPE : -1;  // vkern raises none.
  EXPECT_EQ(::sigtimedwait(&set, nullptr, &none), raised) << "as documented";
}

}  // namespace
}  // namespace tocsin
