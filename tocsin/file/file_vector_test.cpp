// SPDX-License-Identifier: MIT
//
// What a File promises of vectors, names, and disks that are full, whichever engine makes its
// calls.
#include <sched.h>
#include <sys/mount.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/file/file_testing.hpp"

namespace tocsin {
namespace {

using FileVectorTest = FileTest;
INSTANTIATE_TEST_SUITE_P(Engines, FileVectorTest, every_engine, name_of_choice);

constexpr int make_new = O_RDWR | O_CREAT | O_EXCL;

std::string text_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 31 + i / 251) % 26);
  return text;
}

MutableBytes room_of(std::string& text) { return std::as_writable_bytes(std::span(text)); }

TEST_P(FileVectorTest, PartsAreWrittenInOrderAndReadInOrder) {
  const File file = world->open("file", make_new);
  const std::array parts{as_bytes("one"), as_bytes(""), as_bytes("three"), as_bytes("four")};
  ASSERT_TRUE(world->run(file.write_at(2, parts)));
  EXPECT_EQ(as_text(world->run(file.read_at(2)).value()), "onethreefour");

  for (const bool cached : {false, true}) {
    world->disk.cached = cached;
    std::array<std::string, 3> rooms{std::string(4, '.'), "", std::string(20, '.')};
    const std::array into{room_of(rooms[0]), room_of(rooms[1]), room_of(rooms[2])};
    EXPECT_EQ(world->run(file.read_at(3, into)), 11u);
    EXPECT_EQ(rooms[0], "neth");
    EXPECT_EQ(rooms[2], "reefour.............");
    EXPECT_EQ(world->run(file.read_at(14, into)), 0u) << "the end";
    EXPECT_EQ(world->run(file.read_at(~std::uint64_t{0}, into)).error(), Errno::invalid);
  }
  EXPECT_TRUE(world->run(file.write_at(0, std::span<const ByteView>()))) << "nothing to do";
}

TEST_P(FileVectorTest, AVectorOfManyBuffersGoesInFewCalls) {
  make({}, {.buffer_size = 4096});
  const std::string text = text_of(50'000);
  const File file = world->open("file", make_new);
  const int before = world->disk.arrived();
  const auto bytes = as_bytes(text);
  const std::array parts{bytes.first(10'000), bytes.subspan(10'000, 1), bytes.subspan(10'001)};
  ASSERT_TRUE(world->run(file.write_at(0, parts)));
  if (on_threads() && is_linux_under_test()) {
    EXPECT_EQ(world->disk.arrived() - before, 2) << "8 buffers each";
  }

  std::string all;
  while (all.size() < text.size()) {
    std::array<std::string, 2> rooms{std::string(7'777, '.'), std::string(40'000, '.')};
    const std::array into{room_of(rooms[0]), room_of(rooms[1])};
    const auto count = world->run(file.read_at(all.size(), into));
    ASSERT_TRUE(count);
    ASSERT_GT(*count, 0u);
    all += (rooms[0] + rooms[1]).substr(0, *count);
  }
  EXPECT_TRUE(all == text);
}

TEST_P(FileVectorTest, AShortWriteOfAVectorIsContinued) {
  make({}, {.buffer_size = 4096});
  const std::string text = text_of(30'000);
  const File file = world->open("file", make_new);
  world->disk.most_written = 999;
  const auto bytes = as_bytes(text);
  const std::array parts{bytes.first(4'000), bytes.subspan(4'000)};
  ASSERT_TRUE(world->run(file.write_at(0, parts)));
  std::string all;
  while (all.size() < text.size()) all += as_text(world->run(file.read_at(all.size())).value());
  EXPECT_TRUE(all == text);
}

TEST_P(FileVectorTest, WhatTheDiskSaysOfAVectorIsAValue) {
  const File file = world->open("file", make_new);
  const std::array parts{as_bytes("one"), as_bytes("two")};
  std::string room(10, '.');
  const std::array into{room_of(room)};
  world->disk.answer = -EIO;
  EXPECT_EQ(world->run(file.write_at(0, parts)).error(), Errno{EIO});
  EXPECT_EQ(world->run(file.read_at(0, into)).error(), Errno{EIO});
  EXPECT_EQ(world->run(file.sync()).error(), Errno{EIO});
}

// ---- names --------------------------------------------------------------------------------------

TEST_P(FileVectorTest, ARenamedFileReplacesWhatHadThatName) {
  world->directory.write("new", "written");
  world->directory.write("old", "before");
  const auto rename = [&](const char* from, const char* to, unsigned flags) {
    return world->run(File::rename(*world->engine, world->path(from), world->path(to), flags));
  };
  EXPECT_EQ(rename("new", "old", RENAME_NOREPLACE).error(), Errno{EEXIST});
  EXPECT_TRUE(rename("new", "old", 0));
  EXPECT_FALSE(world->directory.has("new"));
  const File file = world->open("old", O_RDONLY);
  EXPECT_EQ(as_text(world->run(file.read_at(0)).value()), "written");
  EXPECT_EQ(rename("missing", "old", 0).error(), Errno{ENOENT});
}

TEST_P(FileVectorTest, AFilesStatusIsKnownByItsName) {
  world->directory.write("file", "text");
  const auto status = world->run(File::status_of(*world->engine, world->path("file")));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->stx_size, 4u);
  EXPECT_TRUE(S_ISREG(status->stx_mode));
  EXPECT_EQ(world->run(File::status_of(*world->engine, world->path("missing"))).error(),
            Errno{ENOENT});
}

// ---- a full disk --------------------------------------------------------------------------------

// A filesystem of a few pages, mounted where only this thread sees it.
TEST_P(FileVectorTest, OnAFullDiskAWriteGivesEnospcAndLeavesAFirstPart) {
  ONLY_ON_LINUX("vkern's files know no limit");
  const auto choice = GetParam();
  const std::string folder = world->directory.path();
  std::string skipped;
  std::jthread([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", folder.c_str(), "tmpfs", 0, "size=64k") != 0) {
      skipped = "a tmpfs of its own needs CAP_SYS_ADMIN: " + std::string(Errno{errno}.message());
      return;
    }
    const FileWorld small({.choice = choice});
    const auto run_open = small.run(File::open(*small.engine, folder + "/file", O_RDWR | O_CREAT));
    const std::string text = text_of(100'000);
    EXPECT_EQ(small.run(run_open->write_at(0, as_bytes(text))).error(), Errno{ENOSPC});
    const auto size = small.run(run_open->size()).value();
    EXPECT_GT(size, 0u);
    EXPECT_LE(size, 65'536u);
    const Buffer first = small.run(run_open->read_at(0)).value();
    EXPECT_TRUE(text.starts_with(as_text(first)));
  }).join();
  if (!skipped.empty()) GTEST_SKIP() << skipped;
}

}  // namespace
}  // namespace tocsin
