// SPDX-License-Identifier: MIT
//
// FileWatch where something runs out: the kernel's queue, watches, permission, time.
#include <fcntl.h>

#include <algorithm>
#include <chrono>

#include "tocsin/file/file_watch_testing.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

// ---- the kernel's queue -------------------------------------------------------------------------

using FileWatchOverflow = FileWatchTest;

INSTANTIATE_TEST_SUITE_P(Backends, FileWatchOverflow,
                         testing::Values(WatchBackend::inotify, WatchBackend::fanotify),
                         name_of_watch);

TEST_P(FileWatchOverflow, IsToldInItsPlaceAndNamesAreRightAfterIt) {
  ONLY_ON_LINUX("vkern lists no directories");
  folder.make_folder("stays");
  folder.make_folder("goes");
  watch();
  folder.write("before", "");
  overflow(".");
  remove_folder("goes");
  folder.make_folder("comes");
  folder.write("comes/file", "");
  world.run_until_idle();
  folder.write("stays/after", "");

  const Texts texts = told_so_far();
  const auto at = [&](const std::string& text) { return std::ranges::find(texts, text); };
  const auto told_lost = at("overflow .");
  ASSERT_NE(told_lost, texts.end()) << "max_queued_events has been raised?";
  EXPECT_LT(at("created before"), told_lost);
  for (const char* text :
       {"removed goes", "created comes", "created comes/file", "created overflow17000"}) {
    EXPECT_LT(told_lost, at(text)) << text;
    EXPECT_NE(at(text), texts.end()) << text;
  }
  EXPECT_LT(at("created comes"), at("created stays/after"));
  EXPECT_NE(at("closed stays/after"), texts.end()) << "what is watched is watched on";
}

// ---- watches ------------------------------------------------------------------------------------

/// A kernel on which a user has only so many watches.
struct FewWatches : ForwardingKernel {
  Result<int> inotify_add_watch(int fd, const char* path, std::uint32_t mask) override {
    const auto watch = below_.inotify_add_watch(fd, path, mask);  // Counted from 1.
    if (!watch || *watch <= most) return watch;
    EXPECT_TRUE(below_.inotify_rm_watch(fd, *watch));
    return std::unexpected(Errno{ENOSPC});
  }

  int most = 1;
};

Task<> collect(FileWatch& watch, std::vector<Change>& into) {
  while (auto change = co_await watch.next()) into.push_back(std::move(*change));
}

TEST(FileWatchLimits, ATreeWithMoreDirectoriesThanWatchesIsRefused) {
  ONLY_ON_LINUX("vkern lists no directories");
  FewWatches kernel;
  LoopWorld world(kernel);
  const Folder folder;
  folder.make_folder("a");
  const auto made = FileWatch::create(world.loop, folder.path(),
                                      {.backend = WatchBackend::inotify, .recursive = true});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), Errno{ENOSPC});
  EXPECT_EQ(limit_behind(WatchBackend::inotify, made.error()), "fs.inotify.max_user_watches");
  EXPECT_EQ(world.registrations(), 0u);
}

TEST(FileWatchLimits, ADirectoryThatCannotBeWatchedIsToldOnce) {
  ONLY_ON_LINUX("vkern lists no directories");
  FewWatches kernel;
  LoopWorld world(kernel);
  const Folder folder;
  std::vector<Change> changes;
  auto watch = FileWatch::create(world.loop, folder.path(),
                                 {.backend = WatchBackend::inotify, .recursive = true})
                   .value();
  Scope scope(world.loop);
  scope.spawn(collect(watch, changes));
  folder.make_folder("a");
  world.run_until_idle();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[1].kind, ChangeKind::unwatched);
  EXPECT_EQ(changes[1].path, folder.at("a"));
  EXPECT_EQ(changes[1].error, Errno{ENOSPC});
}

TEST(FileWatchLimits, FanotifyIsTakenWhereThereAreNotWatchesEnough) {
  ONLY_ON_LINUX("vkern has no fanotify");
  FewWatches kernel;
  LoopWorld world(kernel);
  const Folder folder;
  folder.make_folder("a");
  const auto made = FileWatch::create(world.loop, folder.path(), {.recursive = true});
  if (!made) {
    EXPECT_EQ(made.error(), Errno{ENOSPC}) << "the reason is the limit, whatever fanotify said";
    GTEST_SKIP() << "fanotify needs CAP_SYS_ADMIN";
  }
  EXPECT_EQ(made->backend(), WatchBackend::fanotify);
}

/// A kernel on which one directory may not be read.
struct Secretive : ForwardingKernel {
  Result<int> openat(int directory, const char* path, int flags, mode_t mode) override {
    if (is_secret && std::string_view(path) == "secret") return std::unexpected(Errno{EACCES});
    return below_.openat(directory, path, flags, mode);
  }
  bool is_secret = true;
};

TEST(FileWatchLimits, ADirectoryThatMayBeReadAfterAllIsWatchedFromThenOn) {
  ONLY_ON_LINUX("vkern lists no directories");
  Secretive kernel;
  LoopWorld world(kernel);
  const Folder folder;
  folder.make_folder("secret");
  folder.write("secret/file", "");
  std::vector<Change> changes;
  auto watch = FileWatch::create(world.loop, folder.path(), {.recursive = true}).value();
  Scope scope(world.loop);
  scope.spawn(collect(watch, changes));
  world.run_until_idle();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].kind, ChangeKind::unwatched);
  EXPECT_EQ(changes[0].error, Errno{EACCES});

  kernel.is_secret = false;
  EXPECT_TRUE(kernel.fchmodat(AT_FDCWD, folder.at("secret").c_str(), 0700));
  world.run_until_idle();
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[1].kind, ChangeKind::attributes);
  EXPECT_EQ(changes[2].kind, ChangeKind::created);
  EXPECT_EQ(changes[2].path, folder.at("secret/file"));
}

// path_resolution(7), "Length limit": what lies so deep has no path that a call would take.
TEST(FileWatchLimits, WhatIsTooDeepForAPathIsToldAsSuch) {
  ONLY_ON_LINUX("vkern lists no directories");
  LoopWorld world;
  const Folder folder;
  std::vector<Change> changes;
  auto watch = FileWatch::create(world.loop, folder.path(), {.recursive = true}).value();
  Scope scope(world.loop);
  scope.spawn(collect(watch, changes));

  Kernel& kernel = kernel_under_test();
  const std::string name(250, 'd');
  Fd at(kernel, kernel.openat(AT_FDCWD, folder.path().c_str(), O_PATH | O_CLOEXEC, 0).value());
  for (int depth = 0; depth < 20; ++depth) {
    ASSERT_TRUE(kernel.mkdirat(at.get(), name.c_str(), 0700));
    at = Fd(kernel, kernel.openat(at.get(), name.c_str(), O_PATH | O_CLOEXEC, 0).value());
  }
  world.run_until_idle();
  ASSERT_FALSE(changes.empty());
  EXPECT_EQ(changes.back().kind, ChangeKind::unwatched);
  EXPECT_EQ(changes.back().error, Errno{ENAMETOOLONG});
}

TEST(FileWatchLimits, TooManyWatchersAreEmfileAndTheLimitHasAName) {
  struct NoInstances : ForwardingKernel {
    Result<int> inotify_init1(int) override { return std::unexpected(Errno{EMFILE}); }
  } kernel;
  LoopWorld world(kernel);
  const auto made = FileWatch::create(world.loop, "/");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), Errno{EMFILE});
  EXPECT_EQ(limit_behind(WatchBackend::inotify, made.error()), "fs.inotify.max_user_instances");
  EXPECT_EQ(limit_behind(WatchBackend::inotify, Errno{EACCES}), "");
}

TEST(FileWatchLimits, WhatIsNotThereCannotBeWatched) {
  LoopWorld world;
  const Folder folder;
  for (const std::string& path : {folder.at("no/file"), folder.at("no/"), std::string()})
    EXPECT_EQ(FileWatch::create(world.loop, path).error(), Errno{ENOENT}) << path;
  EXPECT_EQ(world.registrations(), 0u);
}

// ---- time ---------------------------------------------------------------------------------------

class LoneHalf : public LoopScenario<> {
 public:
  LoneHalf() {
    folder_.make_folder("in");
    folder_.write("in/a", "");
    watch_ = FileWatch::create(loop(), folder_.at("in"), {.rename_hold = 1h}).value();
    set_out();
  }
  Task<> line() override {
    if (const auto change = co_await watch_->next()) told = change->kind;
  }
  void complete() override {
    EXPECT_TRUE(kernel_under_test().renameat2(AT_FDCWD, folder_.at("in/a").c_str(), AT_FDCWD,
                                              folder_.at("a").c_str(), 0));
  }
  void elapse(std::chrono::seconds time) { kernel.ahead += time; }

  std::optional<ChangeKind> told;

 private:
  Folder folder_;
  std::optional<FileWatch> watch_;
};

TEST(FileWatchHold, AHalfWaitsForTheOtherOneAsLongAsItIsTold) {
  LoneHalf scenario;
  Scope scope(scenario.executor());
  scope.spawn(scenario.line());
  scenario.complete();
  scenario.run_until_idle();
  scenario.elapse(59min);
  scenario.run_until_idle();
  EXPECT_EQ(scenario.told, std::nullopt);
  scenario.elapse(1min);
  scenario.run_until_idle();
  EXPECT_EQ(scenario.told, ChangeKind::moved_out);
}

TEST(FileWatchHold, WhatIsHeldIsToldToWhoeverAsksNext) {
  LoneHalf scenario;
  {
    Scope scope(scenario.executor());
    scope.spawn(scenario.line());
    scenario.complete();
    scenario.run_until_idle();
  }
  scenario.elapse(2h);
  scenario.run_until_idle();
  Scope scope(scenario.executor());
  scope.spawn(scenario.line());
  scenario.run_until_idle();
  EXPECT_EQ(scenario.told, ChangeKind::moved_out);
}

// ---- cancellation -------------------------------------------------------------------------------

class NextChanges : public LoopScenario<> {
 public:
  NextChanges() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await watch_.next()) co_return;
  }
  void complete() override { folder_.make_folder(std::to_string(++made_)); }

 private:
  Folder folder_;
  int made_ = 0;
  FileWatch watch_ = FileWatch::create(loop(), folder_.path()).value();
};
TEST(FileWatchCancellation, AChangeIsWaitedForAndGivenUpWithoutATrace) {
  EXPECT_EQ(walk<NextChanges>(), 2);
}

TEST(FileWatchCancellation, NoChangeIsLostByIt) {
  LoopWorld world;
  const Folder folder;
  auto watch = FileWatch::create(world.loop, folder.path()).value();
  std::vector<Change> changes;
  {
    Scope scope(world.loop);
    scope.spawn(collect(watch, changes));
    world.run_until_idle();
    folder.make_folder("a");
    scope.cancel();
    world.run_until_idle();
  }
  EXPECT_TRUE(changes.empty());
  Scope scope(world.loop);
  scope.spawn(collect(watch, changes));
  world.run_until_idle();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].path, folder.at("a"));
}

}  // namespace
}  // namespace tocsin
