// SPDX-License-Identifier: MIT
//
// What a File promises, whichever engine makes its calls. The page cache is switched off
// (SlowDisk), so that every read goes through the engine, unless a test says otherwise.
#include "tocsin/file/file.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"
#include "tocsin/file/file_testing.hpp"

namespace tocsin {
namespace {

INSTANTIATE_TEST_SUITE_P(Engines, FileTest, every_engine, name_of_choice);

constexpr int make_new = O_RDWR | O_CREAT | O_EXCL;

std::vector<std::byte> random_bytes(std::size_t size) {
  Prng prng(size);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(prng.next());
  return bytes;
}

TEST_P(FileTest, OpenFailsAsOpenDoes) {
  world->open("file", make_new);
  struct Case {
    std::string path;
    int flags;
    int error;
  };
  const std::array cases{Case{world->path("missing"), O_RDONLY, ENOENT},
                         Case{"", O_RDONLY, ENOENT},
                         Case{world->directory.path(), O_WRONLY, EISDIR},
                         Case{world->path("file/below"), O_RDONLY, ENOTDIR},
                         Case{world->path("file"), make_new, EEXIST},
                         Case{std::string(5000, 'x'), O_RDONLY, ENAMETOOLONG}};
  for (const auto& [path, flags, error] : cases)
    EXPECT_EQ(world->run(File::open(*world->engine, path, flags)).error(), Errno{error}) << path;
}

TEST_P(FileTest, WhatMayNotBeReadGivesEacces) {
  ONLY_ON_LINUX("whoever calls a kernel in user space is root");
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  world->open("file", make_new);
  ASSERT_TRUE(world->disk.fchmodat(AT_FDCWD, world->path("file").c_str(), 0));
  EXPECT_EQ(world->run(File::open(*world->engine, world->path("file"), O_RDONLY)).error(),
            Errno{EACCES});
}

// The kernel refuses such a path while calls are submitted, and stops there.
TEST_P(FileTest, APathThatIsRefusedHoldsUpNobodyElse) {
  std::array<std::optional<Result<File>>, 3> opened;
  Scope scope(*world->loop);
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const std::string path = i == 1 ? std::string(5000, 'x') : world->path(std::to_string(i));
    scope.spawn(FileWorld::keep(File::open(*world->engine, path, make_new), opened[i]));
  }
  EXPECT_TRUE(world->wait_for(opened[0]));
  EXPECT_EQ(world->wait_for(opened[1]).error(), Errno{ENAMETOOLONG});
  EXPECT_TRUE(world->wait_for(opened[2]));
}

TEST_P(FileTest, AFileIsOpenedRelativeToADirectory) {
  std::optional<File> directory = world->open("", O_RDONLY | O_DIRECTORY);
  EXPECT_TRUE(world->run(directory->open_at("below", make_new)));
  EXPECT_TRUE(world->directory.has("below"));

  world->disk.hold();
  std::optional<Result<File>> opened;
  Scope scope(*world->loop);
  scope.spawn(FileWorld::keep(directory->open_at("below", O_RDONLY), opened));
  directory.reset();  // The call keeps it open.
  world->disk.release();
  EXPECT_TRUE(world->wait_for(opened));
}

TEST_P(FileTest, WhatIsWrittenAtAnOffsetIsReadThere) {
  const File file = world->open("file", make_new);
  ASSERT_TRUE(world->run(file.write_at(3, as_bytes("hello"))));
  ASSERT_TRUE(world->run(file.write_at(4, as_bytes("u"))));
  const auto read = [&](std::uint64_t offset, std::size_t most) {
    return std::string(as_text(world->run(file.read_at(offset, most)).value()));
  };
  EXPECT_EQ(read(0, 100), std::string("\0\0\0hullo", 8));
  EXPECT_EQ(read(3, 2), "hu");
  EXPECT_EQ(read(6, 100), "lo");
  EXPECT_EQ(read(8, 100), "");
  EXPECT_EQ(read(1'000'000, 100), "");
  EXPECT_EQ(world->run(file.size()).value(), 8u);
  EXPECT_TRUE(S_ISREG(world->run(file.status()).value().stx_mode));
}

TEST_P(FileTest, AppendingWritesAtTheEndWhateverTheOffset) {
  const File file = world->open("file", make_new | O_APPEND);
  ASSERT_TRUE(world->run(file.write_at(0, as_bytes("one"))));
  ASSERT_TRUE(world->run(file.write_at(0, as_bytes("two"))));
  EXPECT_EQ(as_text(world->run(file.read_at(0)).value()), "onetwo");
}

TEST_P(FileTest, ALargeFileComesBackAsItWas) {
  const auto bytes = random_bytes(3 * 1024 * 1024 + 17);
  const File file = world->open("file", make_new);
  ASSERT_TRUE(world->run(file.write_at(0, bytes)));
  ASSERT_TRUE(world->run(file.sync()));
  ASSERT_EQ(world->run(file.size()).value(), bytes.size());
  for (const bool cached : {false, true}) {
    world->disk.cached = cached;
    std::vector<std::byte> all;
    while (true) {
      const Buffer some = world->run(file.read_at(all.size())).value();
      if (some.empty()) break;
      all.insert(all.end(), some.data(), some.data() + some.size());
    }
    EXPECT_TRUE(all == bytes) << "cached: " << cached;
  }
}

TEST_P(FileTest, AShortWriteIsContinued) {
  const auto bytes = random_bytes(10'000);
  const File file = world->open("file", make_new);
  world->disk.most_written = 999;
  ASSERT_TRUE(world->run(file.write_at(5, bytes)));
  const Buffer read = world->run(file.read_at(5)).value();
  EXPECT_TRUE(std::ranges::equal(ByteView(read), bytes));
}

TEST_P(FileTest, WhatADeviceSaysIsAValue) {
  ONLY_ON_LINUX("the files of a kernel in user space are no devices");
  const auto full = world->run(File::open(*world->engine, "/dev/full", O_WRONLY)).value();
  EXPECT_EQ(world->run(full.write_at(0, as_bytes("x"))).error(), Errno{ENOSPC});
  const auto null = world->run(File::open(*world->engine, "/dev/null", O_WRONLY)).value();
  EXPECT_EQ(world->run(null.sync()).error(), Errno::invalid);
}

TEST_P(FileTest, WhatTheDiskSaysIsAValue) {
  const File file = world->open("file", make_new);
  world->disk.answer = -EIO;
  EXPECT_EQ(world->run(file.read_at(0)).error(), Errno{EIO});
  EXPECT_EQ(world->run(file.write_at(0, as_bytes("x"))).error(), Errno{EIO});
}

TEST_P(FileTest, WhatTheProgramMayNotDoIsAValue) {
  const File write_only = world->open("file", O_WRONLY | O_CREAT);
  const File read_only = world->open("file", O_RDONLY);
  const File directory = world->open("", O_RDONLY | O_DIRECTORY);
  for (const bool cached : {false, true}) {
    world->disk.cached = cached;
    EXPECT_EQ(world->run(write_only.read_at(0)).error(), Errno{EBADF});
    EXPECT_EQ(world->run(directory.read_at(0)).error(), Errno{EISDIR});
    // To io_uring and to preadv2(2), -1 would be "where the last read ended".
    EXPECT_EQ(world->run(read_only.read_at(~std::uint64_t{0})).error(), Errno::invalid);
  }
  EXPECT_EQ(world->run(read_only.write_at(0, as_bytes("x"))).error(), Errno{EBADF});
  EXPECT_EQ(world->run(write_only.write_at(~std::uint64_t{0}, as_bytes("x"))).error(),
            Errno::invalid);
}

TEST_P(FileTest, WhatIsCachedIsReadWithoutWaiting) {
  const File file = world->open("file", make_new);
  ASSERT_TRUE(world->run(file.write_at(0, as_bytes("cached"))));
  world->disk.cached = true;
  ReadAt read = file.read_at(2, 3);
  ASSERT_TRUE(read.await_ready());
  EXPECT_EQ(as_text(read.await_resume().value()), "che");
  EXPECT_EQ(world->engine->in_flight(), 0u);
}

TEST_P(FileTest, ALineThatReadsWhatIsCachedStarvesNobody) {
  const File file = world->open("file", make_new);
  ASSERT_TRUE(world->run(file.write_at(0, as_bytes("x"))));
  world->disk.cached = true;
  const auto reads_often = [](const File& from, int times) -> Task<Result<>> {
    for (int i = 0; i < times; ++i) {
      const auto read = co_await from.read_at(0);
      if (!read) co_return std::unexpected(read.error());
    }
    co_return {};
  };
  const auto before = world->loop->turn_number();
  ASSERT_TRUE(world->run(reads_often(file, 1000)));
  EXPECT_GE(world->loop->turn_number() - before, 10u);  // 64 pages a turn.
}

// The timers need no help; what is shown is that the slow read takes nothing from the loop.
TEST_P(FileTest, TheLoopServesTimersWhileAReadIsSlow) {
  const File file = world->open("file", make_new);
  world->disk.hold();
  std::optional<Result<Buffer>> read;
  Scope scope(*world->loop);
  scope.spawn(FileWorld::keep(file.read_at(0), read));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(world->run(sleep_for(std::chrono::milliseconds{1})));
  EXPECT_FALSE(read.has_value());
  world->disk.release();
  EXPECT_TRUE(world->wait_for(read));
}

}  // namespace
}  // namespace tocsin
