// SPDX-License-Identifier: MIT
//
// FileWatch and file systems that come and go: in a mount namespace of the test's own.
#include <sched.h>
#include <sys/mount.h>

#include <optional>
#include <thread>

#include "tocsin/file/file_watch_testing.hpp"

namespace tocsin {
namespace {

using Texts = std::vector<std::string>;

class FileWatchOfMounts : public FileWatchTest {
 protected:
  void mount_at(const std::string& name) const {
    ASSERT_EQ(::mount("none", folder.at(name).c_str(), "tmpfs", 0, nullptr), 0);
  }
  void unmount(const std::string& name) const {
    ASSERT_EQ(::umount2(folder.at(name).c_str(), 0), 0);
  }

  /// Runs `test` in a thread that has mounts of its own; they go with it.
  template <class Test>
  void with_own_mounts(Test test) {
    bool is_permitted = false;
    {
      const std::jthread thread([&] {
        is_permitted = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
        if (is_permitted) test();
        unwatch();
      });
    }
    if (!is_permitted) GTEST_SKIP() << "mounts need CAP_SYS_ADMIN";
  }
};

INSTANTIATE_TEST_SUITE_P(Backends, FileWatchOfMounts,
                         testing::Values(WatchBackend::inotify, WatchBackend::fanotify),
                         name_of_watch);

TEST_P(FileWatchOfMounts, WhatIsMountedInATreeBelongsToIt) {
  ONLY_ON_LINUX("vkern has no mounts");
  with_own_mounts([&] {
    folder.make_folder("mounted");
    mount_at("mounted");
    folder.make_folder("mounted/a");
    watch();
    folder.write("mounted/a/file", "");
    EXPECT_EQ(told_so_far(), (Texts{"created mounted/a/file", "closed mounted/a/file"}));
    unwatch();
    unmount("mounted");
  });
}

TEST_P(FileWatchOfMounts, AnUnmountedFileSystemIsToldAsSuch) {
  ONLY_ON_LINUX("vkern has no mounts");
  if (GetParam() == WatchBackend::fanotify) GTEST_SKIP() << "fanotify does not tell it";
  with_own_mounts([&] {
    folder.make_folder("mounted");
    mount_at("mounted");
    folder.write("mounted/file", "");
    watch();
    unmount("mounted");
    EXPECT_EQ(told_so_far(), (Texts{"unmounted mounted", "removed mounted/file"}));
    folder.write("mounted/below", "");
    EXPECT_EQ(told_so_far(), (Texts{"created mounted/below", "closed mounted/below"}));
  });
}

// The same directory at two places is one for inotify and fanotify: the first place has it.
TEST_P(FileWatchOfMounts, ATreeThatIsMountedInsideItselfEnds) {
  ONLY_ON_LINUX("vkern has no mounts");
  with_own_mounts([&] {
    folder.make_folder("a");
    folder.make_folder("a/b");
    ASSERT_EQ(::mount(folder.path().c_str(), folder.at("a/b").c_str(), nullptr, MS_BIND, nullptr),
              0);
    watch();
    EXPECT_EQ(told_so_far(), (Texts{"unwatched a/b ELOOP"}));
    folder.write("a/file", "");
    EXPECT_EQ(told_so_far(), (Texts{"created a/file", "closed a/file"}));
    unwatch();
    unmount("a/b");
  });
}

}  // namespace
}  // namespace tocsin
