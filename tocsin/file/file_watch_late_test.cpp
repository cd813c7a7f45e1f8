// SPDX-License-Identifier: MIT
//
// FileWatch when a look is ahead of the events: what it has shown is not told again by them.
//
// The method. A directory that has just been made is looked at; the kernel here does something the
// moment before. The events of that are unread then; or they are not even queued yet, which Linux
// does only when the change can be seen already: the kernel here leaves them out of FIONREAD until
// the next read. (How often Linux is late by itself: see FileWatchProperty.)
#include <sys/ioctl.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tocsin/file/file_watch_testing.hpp"
#include "tocsin/kern/forwarding_kernel_testing.hpp"

namespace tocsin {
namespace {

using Texts = std::vector<std::string>;

class KernelThatIsLate : public ForwardingKernel {
 public:
  /// Does this before anybody looks at the name "x" again.
  void before_the_look(std::function<void()> meddle, bool is_late) {
    meddle_ = std::move(meddle);
    is_late_ = is_late;
  }

  Result<int> inotify_init1(int flags) override {
    const auto made = below_.inotify_init1(flags);
    inotify_ = made.value_or(-1);
    return made;
  }
  Result<> statx(int directory, const char* path, int flags, unsigned mask,
                 struct statx& into) override {
    if (meddle_ && std::string_view(path) == "x") {
      const int before = unread();
      std::exchange(meddle_, nullptr)();
      late_ = is_late_ ? unread() - before : 0;
    }
    return below_.statx(directory, path, flags, mask, into);
  }
  Result<int> ioctl(int fd, unsigned long request, void* argument) override {
    const auto done = below_.ioctl(fd, request, argument);
    if (fd == inotify_ && request == FIONREAD) *static_cast<int*>(argument) -= late_;
    return done;
  }
  Count read(int fd, MutableBytes into) override {
    if (fd == inotify_) late_ = 0;
    return below_.read(fd, into);
  }

 private:
  int unread() {
    int bytes = 0;
    EXPECT_TRUE(below_.ioctl(inotify_, FIONREAD, &bytes));
    return bytes;
  }

  std::function<void()> meddle_;
  bool is_late_ = false;
  int inotify_ = -1;
  int late_ = 0;  // The bytes of events that are not queued yet.
};

class FileWatchAhead : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern lists no directories"); }

  /// What is told if `before` happens, and `meddle` before the look at "x" that follows.
  Texts told(const std::function<void()>& before, std::function<void()> meddle, bool is_late) {
    const FileWatchOptions options{.backend = WatchBackend::inotify, .recursive = true};
    auto watch = FileWatch::create(world_.loop, folder_.path(), options).value();
    Scope scope(world_.loop);
    scope.spawn(collect(watch));
    before();
    kernel_.before_the_look(std::move(meddle), is_late);
    world_.run_until_idle();
    folder_.write("end", "");  // After what waits for the second half of a rename, too.
    EXPECT_TRUE(world_.run_until([&] { return !texts_.empty() && texts_.back() == "closed end"; }));
    texts_.resize(texts_.size() - std::min<std::size_t>(texts_.size(), 2));
    return std::exchange(texts_, {});
  }
  Texts told_if_late(const std::function<void()>& before, std::function<void()> meddle) {
    return told(before, std::move(meddle), true);
  }
  Texts told_if_unread(const std::function<void()>& before, std::function<void()> meddle) {
    return told(before, std::move(meddle), false);
  }

  void make() const { folder_.make_folder("x"); }
  void remove() const {
    EXPECT_TRUE(kernel_under_test().unlinkat(AT_FDCWD, folder_.at("x").c_str(), AT_REMOVEDIR));
  }
  void make_and_remove() const {
    make();
    remove();
  }
  void rename_to(const std::string& path) const {
    EXPECT_TRUE(kernel_under_test().renameat2(AT_FDCWD, folder_.at("x").c_str(), AT_FDCWD,
                                              path.c_str(), 0));
  }

  Folder folder_;
  Folder elsewhere_;

 private:
  Task<> collect(FileWatch& watch) {
    while (auto change = co_await watch.next()) {
      std::string text(name_of(change->kind));
      if (!change->from.empty())
        text += " " + change->from.substr(folder_.path().size() + 1) + " to";
      texts_.push_back(text + " " + change->path.substr(folder_.path().size() + 1));
    }
  }

  KernelThatIsLate kernel_;
  Texts texts_;
  LoopWorld world_{kernel_};
};

TEST_F(FileWatchAhead, WhatWasSeenToBeGoneIsNotRemovedAgain) {
  EXPECT_EQ(told_if_late([&] { make(); }, [&] { remove(); }), (Texts{"created x", "removed x"}));
}

TEST_F(FileWatchAhead, WhatWasFoundIsNotCreatedAgain) {
  EXPECT_EQ(told_if_late([&] { make_and_remove(); }, [&] { make(); }),
            (Texts{"created x", "removed x", "created x"}));
}

TEST_F(FileWatchAhead, WhatWasSeenToBeGoneIsNotRenamed) {
  EXPECT_EQ(told_if_late([&] { make(); }, [&] { rename_to(folder_.at("y")); }),
            (Texts{"created x", "removed x", "created y"}));
}

TEST_F(FileWatchAhead, WhatWasSeenToBeGoneIsNotMovedOut) {
  EXPECT_EQ(told_if_late([&] { make(); }, [&] { rename_to(elsewhere_.at("x")); }),
            (Texts{"created x", "removed x"}));
}

// A directory has the name when it is looked at, and before it a file had.
TEST_F(FileWatchAhead, WhatHadTheNameBeforeIsNotToldLater) {
  EXPECT_EQ(told_if_unread([&] { make_and_remove(); },
                           [&] {
                             folder_.write("x", "");
                             folder_.remove("x");
                             make();
                           }),
            (Texts{"created x", "removed x", "created x"}));
}

TEST_F(FileWatchAhead, WhatHadTheNameBeforeIsNotMovedOutInItsPlace) {
  EXPECT_EQ(told_if_unread([&] { make_and_remove(); },
                           [&] {
                             folder_.write("x", "");
                             rename_to(elsewhere_.at("x"));
                             make();
                           }),
            (Texts{"created x", "removed x", "created x"}));
}

TEST_F(FileWatchAhead, WhatHadTheNameBeforeIsNewUnderItsLaterOne) {
  EXPECT_EQ(told_if_unread([&] { make_and_remove(); },
                           [&] {
                             folder_.write("x", "");
                             rename_to(folder_.at("y"));
                             make();
                           }),
            (Texts{"created x", "removed x", "created x", "created y"}));
}

}  // namespace
}  // namespace tocsin
