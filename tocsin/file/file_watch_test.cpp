// SPDX-License-Identifier: MIT
//
// The contract of FileWatch, run with inotify and with fanotify. Where fanotify joins events, what
// it tells in the end is the same, and that is what is asked of it here.
#include "tocsin/file/file_watch.hpp"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>

#include "tocsin/file/file_watch_testing.hpp"

namespace tocsin {
namespace {

using Texts = std::vector<std::string>;

INSTANTIATE_TEST_SUITE_P(Backends, FileWatchTest,
                         testing::Values(WatchBackend::inotify, WatchBackend::fanotify),
                         name_of_watch);

// ---- one directory, on any kernel ---------------------------------------------------------------

TEST_P(FileWatchTest, TheLifeOfAFileIsToldInOrder) {
  watch({}, false);
  folder.write("a", "text");
  EXPECT_EQ(told_so_far(), (Texts{"created a", "modified a", "closed a"}));
  EXPECT_TRUE(kernel_under_test().fchmodat(AT_FDCWD, folder.at("a").c_str(), 0600));
  EXPECT_EQ(told_so_far(), (Texts{"attributes a"}));
  rename("a", "b");
  EXPECT_EQ(told_so_far(), (Texts{"renamed a to b"}));
  folder.remove("b");
  EXPECT_EQ(told_so_far(), (Texts{"removed b"}));
}

TEST_P(FileWatchTest, WhatWasThereBeforeIsNotTold) {
  folder.write("a", "text");
  watch({}, false);
  EXPECT_EQ(told_so_far(), Texts{});
  folder.remove("a");
  EXPECT_EQ(told_so_far(), (Texts{"removed a"}));
}

TEST_P(FileWatchTest, ADirectoryIsToldAsOne) {
  watch({}, false);
  folder.make_folder("d");
  world.run_until_idle();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].is_directory);
  folder.write("d/inside", "");
  EXPECT_EQ(told_so_far(), (Texts{"created d"})) << "without recursion what is in it is not told";
}

// Editors write beside the file and rename: the file that was watched is not the one that is there.
TEST_P(FileWatchTest, AFileThatIsSavedByRenamingIsStillWatched) {
  folder.write("file", "1");
  watch(folder.at("file"));
  for (int i = 0; i < 2; ++i) {
    folder.write("file.tmp", "2");
    rename("file.tmp", "file");
    EXPECT_EQ(told_so_far(), (Texts{"renamed file.tmp to file"}));
  }
  folder.write("file", "3");
  const Texts texts = told_so_far();
  EXPECT_EQ(texts.back(), "closed file");
  folder.write("other", "");
  folder.remove("file");
  EXPECT_EQ(told_so_far(), (Texts{"removed file"}));
}

TEST_P(FileWatchTest, AFileThatIsNotThereYetIsToldWhenItComes) {
  watch(folder.at("later"));
  folder.write("other", "");
  folder.write("later", "");
  EXPECT_EQ(told_so_far(), (Texts{"created later", "closed later"}));
}

TEST_P(FileWatchTest, ItEndsWithItsDirectory) {
  folder.make_folder("d");
  watch(folder.at("d"), false);
  remove_folder("d");
  world.run_until_idle();
  ASSERT_FALSE(changes.empty());
  EXPECT_EQ(told().back(), "removed d");
  EXPECT_EQ(ended, Errno{ENOENT});
}

TEST_P(FileWatchTest, ItEndsWhenItsDirectoryIsRenamed) {
  folder.make_folder("d");
  watch(folder.at("d"), false);
  rename("d", "e");
  EXPECT_EQ(told_so_far(), (Texts{"moved_out d"}));
  EXPECT_EQ(ended, Errno{ENOENT});
}

// ---- what leaves and what comes -----------------------------------------------------------------

TEST_P(FileWatchTest, AHalfOfARenameThatStaysAloneIsAMove) {
  folder.make_folder("in");
  folder.write("in/a", "");
  folder.write("b", "");
  watch(folder.at("in"), false);
  rename("in/a", "a");
  rename("b", "in/b");
  EXPECT_EQ(told_until("in/b"), (Texts{"moved_out in/a", "moved_in in/b"}));
}

TEST_P(FileWatchTest, ADirectoryThatIsMadeLaterIsWatchedAsWell) {
  watch();
  folder.make_folder("a");
  EXPECT_EQ(told_so_far(), (Texts{"created a"}));
  folder.make_folder("a/b");
  EXPECT_EQ(told_so_far(), (Texts{"created a/b"}));
  rename("a", "x");
  folder.write("x/b/file", "");
  EXPECT_EQ(told_so_far(), (Texts{"renamed a to x", "created x/b/file", "closed x/b/file"}));
}

// ---- trees --------------------------------------------------------------------------------------

TEST_P(FileWatchTest, ATreeIsWatchedToItsDepths) {
  ONLY_ON_LINUX("vkern lists no directories");
  folder.make_folder("a");
  folder.make_folder("a/b");
  watch();
  folder.write("a/b/file", "");
  EXPECT_EQ(told_so_far(), (Texts{"created a/b/file", "closed a/b/file"}));
}

TEST_P(FileWatchTest, NothingOfATreeThatIsMadeAtOnceIsLost) {
  ONLY_ON_LINUX("vkern lists no directories");
  watch();
  folder.make_folder("a");
  folder.make_folder("a/b");
  folder.make_folder("a/b/c");
  folder.write("a/b/c/file", "");
  folder.write("a/file", "");
  Texts texts = told_so_far();
  EXPECT_EQ(texts.front(), "created a");
  std::erase_if(texts, [](const std::string& text) { return !text.starts_with("created"); });
  std::ranges::sort(texts);
  EXPECT_EQ(texts, (Texts{"created a", "created a/b", "created a/b/c", "created a/b/c/file",
                          "created a/file"}));
}

TEST_P(FileWatchTest, ADirectoryThatHasGoneBeforeItCouldBeWatchedIsNoError) {
  ONLY_ON_LINUX("vkern lists no directories");
  watch();
  folder.make_folder("a");
  remove_folder("a");
  EXPECT_EQ(told_so_far(), (Texts{"created a", "removed a"}));
}

TEST_P(FileWatchTest, PathsAreRightAfterADirectoryWasRenamed) {
  ONLY_ON_LINUX("vkern lists no directories");
  folder.make_folder("a");
  folder.make_folder("a/b");
  watch();
  rename("a", "x");
  folder.write("x/b/file", "");
  rename("x/b", "c");
  folder.write("c/other", "");
  EXPECT_EQ(told_so_far(), (Texts{"renamed a to x", "created x/b/file", "closed x/b/file",
                                  "renamed x/b to c", "created c/other", "closed c/other"}));
}

TEST_P(FileWatchTest, ADirectoryThatWasMovedOutIsNotWatchedAnyMore) {
  ONLY_ON_LINUX("vkern lists no directories");
  folder.make_folder("in");
  folder.make_folder("in/a");
  folder.make_folder("in/a/b");
  watch(folder.at("in"));
  rename("in/a", "a");
  EXPECT_EQ(told_until("in/a"), (Texts{"moved_out in/a"}));
  folder.write("a/b/file", "");
  EXPECT_EQ(told_so_far(), Texts{});
  rename("a", "in/back");
  EXPECT_EQ(told_until("in/back/b/file"),
            (Texts{"moved_in in/back", "created in/back/b", "created in/back/b/file"}));
}

TEST_P(FileWatchTest, SymbolicLinksAreNotFollowed) {
  ONLY_ON_LINUX("vkern lists no directories");
  folder.make_folder("in");
  folder.make_folder("outside");
  watch(folder.at("in"));
  folder.make_link("../outside", "in/link");
  EXPECT_EQ(told_so_far(), (Texts{"created in/link"}));
  folder.write("outside/file", "");
  EXPECT_EQ(told_so_far(), Texts{});
}

TEST_P(FileWatchTest, TwoDirectoriesThatAreExchangedKeepWhatIsInThem) {
  ONLY_ON_LINUX("vkern exchanges no names");
  folder.make_folder("a");
  folder.make_folder("b");
  watch();
  rename("a", "b", RENAME_EXCHANGE);
  static_cast<void>(told_so_far());
  folder.write("a/was-b", "");
  folder.write("b/was-a", "");
  EXPECT_EQ(told_so_far(),
            (Texts{"created a/was-b", "closed a/was-b", "created b/was-a", "closed b/was-a"}));
}

}  // namespace
}  // namespace tocsin
