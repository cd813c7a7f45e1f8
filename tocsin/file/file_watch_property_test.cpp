// SPDX-License-Identifier: MIT
//
// FileWatch against a tree in which anything happens.
//
// The method. A seed gives a sequence of operations in a folder: files and directories are made,
// removed, written, renamed over each other, exchanged, moved out of the folder and into it. The
// changes that FileWatch tells are replayed over a model of what was there at the start; each has
// to fit what the ones before it made of the model, and in the end that has to be what is there.
// The loop runs between the operations whenever the seed says so, or they are made by another
// thread while it runs. A failure names its seed.
#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "tocsin/base/prng.hpp"
#include "tocsin/file/file_watch_testing.hpp"

namespace tocsin {
namespace {

/// The paths below a folder, and whether each is a directory's.
class Names {
 public:
  /// Whether the change is one step from what is there: what is new was not there, what goes was.
  bool fits(const Change& change) const {
    switch (change.kind) {
      case ChangeKind::created:
        return !names_.contains(change.path);
      case ChangeKind::renamed:
        return names_.contains(change.from);
      case ChangeKind::removed:
      case ChangeKind::moved_out:
        return names_.contains(change.path);
      default:
        return true;
    }
  }

  void replay(const Change& change) {
    switch (change.kind) {
      case ChangeKind::created:
      case ChangeKind::moved_in:
        remove(change.path);
        names_[change.path] = change.is_directory;
        return;
      case ChangeKind::removed:
      case ChangeKind::moved_out:
        return remove(change.path);
      case ChangeKind::renamed:
        return rename(change);
      default:
        return;
    }
  }

  static Names on_disk(const std::string& root) {
    Names names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root))
      names.names_[entry.path().string()] = entry.is_directory() && !entry.is_symlink();
    return names;
  }

  bool operator==(const Names&) const = default;

  /// What only one of them has.
  friend std::string difference(const Names& told, const Names& there) {
    std::string text;
    for (const auto& [path, is_directory] : told.names_)
      if (!there.names_.contains(path)) text += "\n  only told:  " + path;
    for (const auto& [path, is_directory] : there.names_)
      if (!told.names_.contains(path)) text += "\n  only there: " + path;
    return text;
  }

 private:
  void remove(const std::string& path) {
    std::erase_if(names_, [&](const auto& entry) { return is_in(entry.first, path); });
  }
  void rename(const Change& change) {
    std::map<std::string, bool> moved{{change.path, change.is_directory}};
    for (const auto& [path, is_directory] : names_)
      if (is_in(path, change.from))
        moved[change.path + path.substr(change.from.size())] = is_directory;
    remove(change.from);
    remove(change.path);
    names_.merge(moved);
  }
  static bool is_in(const std::string& path, const std::string& outer) {
    return path == outer || path.starts_with(outer + "/");
  }

  std::map<std::string, bool> names_;
};

/// Does things to files, as the seed says. Most fail: what they want is not there.
class Meddler {
 public:
  Meddler(std::uint64_t seed, std::filesystem::path in, std::filesystem::path out)
      : prng_(seed), in_(std::move(in)), out_(std::move(out)) {}

  void meddle() {
    std::error_code ignored;
    switch (prng_.below(10)) {
      case 0:
      case 1:
        std::ofstream(somewhere()) << "text";
        return;
      case 2:
      case 3:
      case 4:
        std::filesystem::create_directories(somewhere(), ignored);
        return;
      case 5:
        std::filesystem::remove(somewhere(), ignored);
        return;
      case 6:
        if (prng_.chance(1, 3)) std::filesystem::remove_all(somewhere(), ignored);
        return;
      case 7: {
        const auto from = somewhere();
        static_cast<void>(
            ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, somewhere().c_str(), RENAME_EXCHANGE));
        return;
      }
      default: {
        const auto from = anywhere();
        std::filesystem::rename(from, anywhere(), ignored);
        return;
      }
    }
  }
  bool chance(std::uint64_t numerator, std::uint64_t denominator) {
    return prng_.chance(numerator, denominator);
  }

 private:
  std::filesystem::path somewhere() {
    std::filesystem::path path = in_;
    for (std::uint64_t depth = prng_.below(4) + 1; depth > 0; --depth)
      path /= std::string(1, static_cast<char>('a' + prng_.below(3)));
    return path;
  }
  std::filesystem::path anywhere() {
    if (prng_.chance(4, 5)) return somewhere();
    return out_ / std::string(1, static_cast<char>('a' + prng_.below(3)));
  }

  Prng prng_;
  std::filesystem::path in_;
  std::filesystem::path out_;
};

class FileWatchProperty : public FileWatchTest {
 protected:
  /// A folder in which something is there already, and beside it one that is not watched.
  Meddler begin(std::uint64_t seed) {
    const std::string in = "in" + std::to_string(seed);
    const std::string out = "out" + std::to_string(seed);
    folder.make_folder(in);
    folder.make_folder(out);
    Meddler meddler(seed, folder.at(in), folder.at(out));
    for (int i = 0; i < 20; ++i) meddler.meddle();
    model_ = Names::on_disk(folder.at(in));
    watch(folder.at(in));
    return meddler;
  }

  /// While the loop runs.
  void meddle_beside(Meddler& meddler) {
    std::atomic<bool> is_done = false;
    const std::jthread thread([&] {
      for (int i = 0; i < 800; ++i) meddler.meddle();
      is_done = true;
    });
    while (!is_done) EXPECT_TRUE(world.loop.run_once(std::chrono::milliseconds(1)));
  }

  void expect_told(std::uint64_t seed) {
    const std::string in = folder.at("in" + std::to_string(seed));
    std::ofstream(in + "/end") << "";
    EXPECT_TRUE(world.run_until([&] {
      return std::ranges::any_of(changes,
                                 [&](const Change& change) { return change.path == in + "/end"; });
    }));
    world.run_until_idle();
    for (const Change& change : changes) {
      EXPECT_NE(change.kind, ChangeKind::unwatched) << "seed " << seed << ": " << text_of(change);
      EXPECT_TRUE(model_.fits(change)) << "seed " << seed << ": " << text_of(change);
      model_.replay(change);
    }
    const Names there = Names::on_disk(in);
    EXPECT_TRUE(model_ == there) << "seed " << seed << difference(model_, there);
    unwatch();
  }

  bool has_told(ChangeKind kind) const {
    return std::ranges::any_of(changes, [&](const Change& change) { return change.kind == kind; });
  }

 private:
  Names model_;
};

INSTANTIATE_TEST_SUITE_P(Backends, FileWatchProperty,
                         testing::Values(WatchBackend::inotify, WatchBackend::fanotify),
                         name_of_watch);

TEST_P(FileWatchProperty, WhoReplaysTheChangesHasWhatIsThere) {
  ONLY_ON_LINUX("vkern lists no directories");
  for (std::uint64_t seed = 1; seed <= 6 && !HasFailure(); ++seed) {
    Meddler meddler = begin(seed);
    for (int i = 0; i < 300; ++i) {
      meddler.meddle();
      if (!meddler.chance(1, 10)) continue;
      ASSERT_TRUE(world.loop.run_once(Duration::zero()));
    }
    expect_told(seed);
  }
}

// Names need not be looked at again, although changes were lost.
TEST_P(FileWatchProperty, ThatHoldsAfterAnOverflow) {
  ONLY_ON_LINUX("vkern lists no directories");
  Meddler meddler = begin(1);
  for (int i = 0; i < 100; ++i) meddler.meddle();
  overflow("in1");
  for (int i = 0; i < 100; ++i) meddler.meddle();
  world.run_until_idle();
  EXPECT_TRUE(has_told(ChangeKind::overflow));
  for (int i = 0; i < 100; ++i) meddler.meddle();
  expect_told(1);
}

// What a look has found is not told again by the events that are unread, or not even queued yet.
TEST_P(FileWatchProperty, ThatHoldsWhileTheTreeChangesUnderItsEyes) {
  ONLY_ON_LINUX("vkern lists no directories");
  for (std::uint64_t seed = 1; seed <= 6 && !HasFailure(); ++seed) {
    Meddler meddler = begin(seed);
    meddle_beside(meddler);
    expect_told(seed);
  }
}

// By the events of an exchange z is gone, and x is still what it was: so it seems to go into
// itself.
TEST_P(FileWatchProperty, WhatIsRenamedAfterAnExchangeIsFound) {
  ONLY_ON_LINUX("vkern lists no directories");
  static_cast<void>(begin(1));
  for (const char* name : {"in1/x", "in1/x/y", "in1/z"}) folder.make_folder(name);
  world.run_until_idle();
  rename("in1/x", "in1/z", RENAME_EXCHANGE);
  rename("in1/x", "in1/z/y/here");
  rename("in1/z/y", "in1/y");
  expect_told(1);
}

// fanotify makes two events of these three renames, and one of the three changes of z.
TEST_P(FileWatchProperty, WhatIsJoinedIsSettledByLooking) {
  ONLY_ON_LINUX("vkern has no links");
  static_cast<void>(begin(1));
  folder.write("in1/x", "");
  EXPECT_TRUE(world.loop.run_once(Duration::zero()));
  for (const auto& [from, to] : {std::pair{"x", "y"}, std::pair{"y", "x"}, std::pair{"x", "y"}})
    rename(std::string("in1/") + from, std::string("in1/") + to);
  std::filesystem::create_hard_link(folder.at("in1/y"), folder.at("in1/z"));
  folder.remove("in1/z");
  std::filesystem::create_hard_link(folder.at("in1/y"), folder.at("in1/z"));
  expect_told(1);
}

}  // namespace
}  // namespace tocsin
