// SPDX-License-Identifier: MIT
//
// What is the kernel's AIO's own: files opened with O_DIRECT, past the page cache and the threads.
// What it promises as an engine, engine_test.cpp and file_test.cpp hold it to.
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/file/file_testing.hpp"

namespace tocsin {
namespace {

class AioTest : public testing::Test {
 protected:
  void SetUp() override {
    if (world.engine == nullptr) GTEST_SKIP() << "aio: " << world.made.error().message();
    auto opened = world.run(
        File::open(*world.engine, world.path("file"), O_RDWR | O_CREAT | O_EXCL | O_DIRECT));
    if (!opened) GTEST_SKIP() << "this filesystem knows no O_DIRECT: " << opened.error().message();
    file = std::move(*opened);
    by_threads = world.disk.arrived();
  }

  static constexpr std::size_t block = 4096;  // No disk has larger ones.
  FileWorld world{{.choice = EngineChoice::aio}, {.buffer_size = 2 * block}};
  std::optional<File> file;
  int by_threads = 0;  // Calls until now.
};

TEST_F(AioTest, ReadsWritesAndSyncsOfADirectFileNeedNoThread) {
  std::string text(5 * block, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  ASSERT_TRUE(world.run(file->write_at(0, as_bytes(text))));
  EXPECT_EQ(world.disk.submitted(), 3) << "two blocks each";
  ASSERT_TRUE(world.run(file->sync()));

  std::string all;
  while (true) {
    const Buffer some = world.run(file->read_at(all.size())).value();
    if (some.empty()) break;
    all += as_text(some);
  }
  EXPECT_TRUE(all == text);
  EXPECT_EQ(world.disk.submitted(), 3 + 1 + 4);
  EXPECT_EQ(world.disk.arrived(), by_threads);
}

TEST_F(AioTest, VectorsGoInOneCall) {
  const std::string first(block, '1');
  const std::string second(4 * block, '2');
  const std::array parts{as_bytes(first), as_bytes(second)};
  ASSERT_TRUE(world.run(file->write_at(0, parts)));
  EXPECT_EQ(world.disk.submitted(), 1);
  std::string room(6 * block, '.');
  const std::array into{std::as_writable_bytes(std::span(room))};
  EXPECT_EQ(world.run(file->read_at(0, into)), 5 * block);
  EXPECT_EQ(world.disk.submitted(), 2);
  EXPECT_EQ(world.disk.arrived(), by_threads);
  EXPECT_TRUE(room.starts_with(first + second));
}

// tmpfs takes O_DIRECT and needs no alignment; every disk does.
TEST_F(AioTest, WhatIsNotAlignedIsEinvalOrDone) {
  const auto written = world.run(file->write_at(1, as_bytes("x")));
  EXPECT_TRUE(written.has_value() || written.error() == Errno::invalid);
  EXPECT_EQ(world.engine->in_flight(), 0u);
}

TEST_F(AioTest, AFileInThePageCacheIsLeftToThreads) {
  const File cached = world.open("cached", O_RDWR | O_CREAT);
  const int before = world.disk.arrived();
  ASSERT_TRUE(world.run(cached.write_at(0, as_bytes("x"))));
  EXPECT_EQ(world.disk.submitted(), 0);
  EXPECT_EQ(world.disk.arrived(), before + 1);
}

TEST_F(AioTest, ManyCallsAreInFlightAtOnceAndAllEnd) {
  const std::string text(block, 'x');
  std::vector<std::optional<Result<>>> written(32);
  Scope scope(*world.loop);
  world.disk.hold();
  for (std::size_t i = 0; i < written.size(); ++i)
    scope.spawn(FileWorld::keep(file->write_at(i * block, as_bytes(text)), written[i]));
  EXPECT_EQ(world.engine->in_flight(), 32u);
  world.disk.release();
  while (scope.size() > 0) ASSERT_TRUE(world.loop->run_once(std::chrono::seconds{10}));
  for (const auto& one : written) EXPECT_TRUE(one->has_value());
  EXPECT_EQ(world.run(file->size()), 32 * block);
}

// The kernel cannot be told to stop: who is cancelled hears of it when the disk is done.
TEST_F(AioTest, WhatTheDiskHasBegunEndsAlthoughCancelled) {
  const std::string text(block, 'x');
  std::optional<Result<>> written;
  Scope scope(*world.loop);
  world.disk.hold();
  scope.spawn(FileWorld::keep(file->write_at(0, as_bytes(text)), written));
  scope.cancel();
  ASSERT_TRUE(world.loop->run_once(Duration::zero()));
  EXPECT_FALSE(written.has_value());
  world.disk.release();
  EXPECT_TRUE(world.wait_for(written));
}

TEST_F(AioTest, AnEngineThatEndsWaitsForTheDisk) {
  const std::string text(block, 'x');
  std::optional<Result<>> written;
  {
    Scope scope(*world.loop);
    world.disk.hold();
    scope.spawn(FileWorld::keep(file->write_at(0, as_bytes(text)), written));
  }
  EXPECT_EQ(world.engine->in_flight(), 1u) << "the frame has gone, the call has not";
  world.disk.release();
  world.engine.reset();
}

TEST(AioChoice, WithoutItTheErrorSaysSo) {
  struct Without : ForwardingKernel {
    Result<aio_context_t> io_setup(unsigned) override { return std::unexpected(Errno::again); }
  };
  Without kernel;
  const auto loop = Loop::create(kernel).value();
  EXPECT_EQ(FileEngine::create(*loop, {.choice = EngineChoice::aio}).error(), Errno::again);
}

}  // namespace
}  // namespace tocsin
