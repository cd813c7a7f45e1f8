// SPDX-License-Identifier: MIT
//
// WatchedFolder: what tests of FileWatch need: a folder, a watch of it, and what it has told.
//
// Thread rule: one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/file/file_watch.hpp"
#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {

inline std::string name_of_watch(const testing::TestParamInfo<WatchBackend>& info) {
  return info.param == WatchBackend::fanotify ? "fanotify" : "inotify";
}

/// One suite, both backends; where fanotify is refused, its half is skipped and says why.
class FileWatchTest : public testing::TestWithParam<WatchBackend> {
 protected:
  void SetUp() override {
    const auto made = FileWatch::create(world.loop, folder.path(), {.backend = GetParam()});
    if (!made) GTEST_SKIP() << "fanotify needs Linux and CAP_SYS_ADMIN: " << made.error().name();
  }

  /// Watches `path`, from now on; the folder if it is empty.
  void watch(const std::string& path = {}, bool recursive = true) {
    const FileWatchOptions options{.backend = GetParam(), .recursive = recursive};
    const std::string& watched_path = path.empty() ? folder.path() : path;
    watched.emplace(FileWatch::create(world.loop, watched_path, options).value());
    scope.emplace(world.loop).spawn(collect(*this));
  }
  void unwatch() {
    scope.reset();
    watched.reset();
    changes.clear();
  }

  /// What has been told since it was last asked, as "created a/b"; paths are those in the folder.
  std::vector<std::string> told() {
    std::vector<std::string> texts;
    for (const Change& change : std::exchange(changes, {})) texts.push_back(text_of(change));
    return texts;
  }
  /// The same, once nothing more comes: for what is told without waiting for time to pass.
  std::vector<std::string> told_so_far() {
    world.run_until_idle();
    return told();
  }
  /// The same, once a change to `path` has been told.
  std::vector<std::string> told_until(const std::string& path) {
    EXPECT_TRUE(world.run_until([&] {
      return !changes.empty() && changes.back().path == folder.at(path);
    })) << "nothing of "
        << path;
    return told();
  }

  std::string text_of(const Change& change) const {
    std::string text(name_of(change.kind));
    if (!change.from.empty()) text += " " + inside(change.from) + " to";
    text += " " + inside(change.path);
    if (change.error) text += " " + std::string(change.error->name());
    return text;
  }

  void rename(const std::string& from, const std::string& to, unsigned flags = 0) const {
    EXPECT_TRUE(kernel_under_test().renameat2(AT_FDCWD, folder.at(from).c_str(), AT_FDCWD,
                                              folder.at(to).c_str(), flags));
  }
  /// More events in a folder than the queue takes, no two of them the same: 16384 of inotify,
  /// unless somebody has raised fs.inotify.max_queued_events, and as many of fanotify.
  void overflow(const std::string& in) const {
    const auto name = [&](int number) { return in + "/overflow" + std::to_string(number); };
    folder.write(name(0), "");
    for (int i = 0; i < 17'000; ++i) rename(name(i), name(i + 1));
  }
  void remove_folder(const std::string& name) const {
    EXPECT_TRUE(kernel_under_test().unlinkat(AT_FDCWD, folder.at(name).c_str(), AT_REMOVEDIR));
  }

 public:
  Folder folder;
  std::vector<Change> changes;
  std::optional<Errno> ended;
  LoopWorld world;
  std::optional<FileWatch> watched;
  std::optional<Scope> scope;  // Ends first.

 private:
  static Task<> collect(FileWatchTest& test) {
    while (auto change = co_await test.watched->next()) test.changes.push_back(std::move(*change));
    const auto end = co_await test.watched->next();
    if (!end) test.ended = end.error();
  }
  std::string inside(const std::string& path) const {
    if (path == folder.path()) return ".";
    if (path.starts_with(folder.path() + "/")) return path.substr(folder.path().size() + 1);
    return path;
  }
};

}  // namespace tocsin
