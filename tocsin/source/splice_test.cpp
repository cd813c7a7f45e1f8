// SPDX-License-Identifier: MIT
//
// What splice, tee and vmsplice promise beyond what a copy shows: bytes that are in two places, and
// memory that is lent.
#include "tocsin/source/splice.hpp"

#include <array>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/source/pipe.hpp"

namespace tocsin {
namespace {

class SpliceTest : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern has no splices"); }

  void put(Pipe& into, std::string_view bytes) {
    EXPECT_EQ(kernel.write(into.writer.fd(), as_bytes(bytes)), Count(bytes.size()));
  }
  std::string take(Pipe& from) {
    std::array<std::byte, 65536> room;
    const auto count = kernel.read(from.reader.fd(), room);
    return count ? std::string(as_text(ByteView(room).first(*count)))
                 : std::string(count.error().name());
  }

  Kernel& kernel = kernel_under_test();
  LoopWorld world;
  Pipe first = Pipe::create(world.loop).value();
  Pipe second = Pipe::create(world.loop).value();
};

TEST_F(SpliceTest, WhatIsSplicedHasGoneFromWhereItWas) {
  put(first, "bytes");
  EXPECT_EQ(world.await(splice(first.reader.source(), second.writer.source(), 3)), 3u);
  EXPECT_EQ(take(second), "byt");
  EXPECT_EQ(take(first), "es");
}

TEST_F(SpliceTest, WhatIsTeedIsInBoth) {
  put(first, "bytes");
  EXPECT_EQ(world.await(tee(first.reader.source(), second.writer.source(), 100)), 5u);
  EXPECT_EQ(world.await(tee(first.reader.source(), second.writer.source(), 2)), 2u) << "again";
  EXPECT_EQ(take(second), "bytesby");
  EXPECT_EQ(take(first), "bytes");
}

TEST_F(SpliceTest, TheEndIsNothing) {
  {
    const PipeWriter gone = std::move(first.writer);
  }
  EXPECT_EQ(world.await(tee(first.reader.source(), second.writer.source(), 100)), 0u);
  EXPECT_EQ(world.await(splice(first.reader.source(), second.writer.source(), 100)), 0u);
}

TEST_F(SpliceTest, NobodyWhoReadsIsAValueAndNoSignal) {
  // The default disposition of SIGPIPE would end this program.
  put(first, "bytes");
  static_cast<void>(std::optional<PipeReader>(std::move(second.reader)).reset());
  FdSource& to = second.writer.source();
  EXPECT_EQ(world.await(splice(first.reader.source(), to, 3)), std::unexpected(Errno{EPIPE}));
  EXPECT_EQ(world.await(tee(first.reader.source(), to, 3)), std::unexpected(Errno{EPIPE}));
  EXPECT_EQ(world.await(vmsplice(to, as_bytes("x"))), std::unexpected(Errno{EPIPE}));
  EXPECT_EQ(take(first), "bytes");
}

TEST_F(SpliceTest, WhatIsNoPipeIsEinval) {
  auto fds = connected_pair();
  const auto socket = FdSource::create(world.loop, std::move(fds[0]), "socket").value();
  EXPECT_EQ(kernel.write(fds[1].get(), as_bytes("x")), Count(1));
  EXPECT_EQ(world.await(splice(*socket, *socket, 1)).error(), Errno::invalid);
  EXPECT_EQ(world.await(tee(*socket, second.writer.source(), 1)).error(), Errno::invalid);
  EXPECT_EQ(world.await(vmsplice(*socket, as_bytes("x"))).error(), Errno{EBADF});
}

TEST_F(SpliceTest, AFullPipeIsWaitedForAndItsReaderNotTouched) {
  const auto capacity = second.writer.capacity().value();
  put(second, std::string(capacity, 'x'));
  put(first, "bytes");
  std::optional<Result<std::size_t>> moved;
  const auto line = [](FdSource& from, FdSource& to, auto& into) -> Task<> {
    into.emplace(co_await splice(from, to, 100));
  };
  world.scope.spawn(line(first.reader.source(), second.writer.source(), moved));
  world.run_until_idle();
  EXPECT_FALSE(moved.has_value());
  EXPECT_EQ(take(second).size(), capacity);
  ASSERT_TRUE(world.run_until([&] { return moved.has_value(); }));
  EXPECT_EQ(*moved, 5u);
  EXPECT_EQ(take(second), "bytes");
}

// The pages are the program's own until they are read: the trap, shown.
TEST_F(SpliceTest, LentPagesAreReadAsTheyAreThen) {
  alignas(4096) static std::array<char, 4096> page;
  page.fill('1');
  ASSERT_TRUE(world.await(
      vmsplice(first.writer.source(), as_bytes(std::string_view(page.data(), page.size())))));
  page.fill('2');
  EXPECT_EQ(take(first), std::string(4096, '2'));
}

TEST_F(SpliceTest, MoreThanAPipeHoldsGoesAsItIsRead) {
  const std::string bytes(500'000, 'x');
  std::optional<Result<>> put_in;
  const auto line = [](FdSource& to, ByteView all, auto& into) -> Task<> {
    into.emplace(co_await vmsplice(to, all));
  };
  world.scope.spawn(line(first.writer.source(), as_bytes(bytes), put_in));
  std::size_t taken = 0;
  ASSERT_TRUE(world.run_until([&] {
    std::array<std::byte, 65536> room;
    taken += kernel.read(first.reader.fd(), room).value_or(0);
    return taken == bytes.size();
  }));
  ASSERT_TRUE(world.run_until([&] { return put_in.has_value(); }));
  EXPECT_TRUE(*put_in);
}

class TeeScenario : public LoopScenario<> {
 public:
  TeeScenario() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto copied = co_await tee(first_.reader.source(), second_.writer.source(), 100);
      if (!copied) co_return;
      const auto moved = co_await splice(first_.reader.source(), second_.writer.source(), 100);
      if (!moved) co_return;
    }
  }
  void complete() override {
    EXPECT_TRUE(kernel.write(first_.writer.fd(), as_bytes("x")).has_value());
  }

 private:
  Pipe first_ = Pipe::create(loop()).value();
  Pipe second_ = Pipe::create(loop()).value();
};

TEST(SpliceCancellation, AStepIsWaitedForAndGivenUpWithoutATrace) {
  ONLY_ON_LINUX("vkern has no splices");
  EXPECT_EQ(walk<TeeScenario>(), 2);
}

}  // namespace
}  // namespace tocsin
