// SPDX-License-Identifier: MIT
//
// The table of mounts as text; and, in a mount namespace of a child's own, as it changes.
#include "tocsin/source/mounts.hpp"

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include <gtest/gtest.h>

#include "tocsin/kern/child_testing.hpp"
#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using enum MountChange::Kind;
using Changes = std::vector<MountChange>;

constexpr std::string_view text =
    "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n"
    "40 36 0:34 / /a\\040b\\134c\\011 ro - tmpfs  rw\n"
    "no mount at all\n"
    "41 36 0:35 / /last rw - proc proc rw";

TEST(MountInfo, IsReadAsTheManualDescribesIt) {
  const auto mounts = parse_mountinfo(text);
  ASSERT_EQ(mounts.size(), 3u);
  const Mount first{.id = 36,
                    .parent = 35,
                    .root = "/mnt1",
                    .point = "/mnt2",
                    .options = "rw,noatime",
                    .type = "ext3",
                    .source = "/dev/root",
                    .super_options = "rw,errors=continue"};
  EXPECT_EQ(mounts[0], first);
  EXPECT_EQ(mounts[1].point, "/a b\\c\t");
  EXPECT_EQ(mounts[1].source, "");
  EXPECT_EQ(mounts[2].point, "/last");
}

TEST(MountInfo, ChangesAreFoundByTheMountsIds) {
  const auto before = parse_mountinfo(text);
  auto after = before;
  after[0].options = "ro";
  after[1].id = 50;
  const Changes changes = changes_between(before, after);
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].kind, removed);
  EXPECT_EQ(changes[0].mount, before[1]);
  EXPECT_EQ(changes[1].kind, changed);
  EXPECT_EQ(changes[1].mount, after[0]);
  EXPECT_EQ(changes[2].kind, added);
  EXPECT_EQ(changes[2].mount.id, 50);
  EXPECT_TRUE(changes_between(before, before).empty());
}

/// A reason not to go on, or nothing: then this process has mounts of its own.
std::string take_own_mounts() {
  if (::unshare(CLONE_NEWNS) != 0)
    return std::string("needs CAP_SYS_ADMIN: ") + std::strerror(errno);
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return "cannot make its mounts private";
  return "";
}

TEST(Mounts, TellWhatIsMountedChangedAndUnmounted) {
  ONLY_ON_LINUX("vkern mounts nothing");
  const Folder folder;
  const std::string point = folder.path();
  const std::string reason = in_child([&]() -> std::string {
    if (auto why = take_own_mounts(); !why.empty()) return why;
    LoopWorld world;
    auto mounts = Mounts::create(world.loop).value();
    const auto next = [&] { return world.await(mounts.next()).value(); };

    EXPECT_EQ(::mount("mine", point.c_str(), "tmpfs", 0, nullptr), 0);
    Changes changes = next();
    EXPECT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].kind, added);
    EXPECT_EQ(changes[0].mount.point, point);
    EXPECT_EQ(changes[0].mount.type, "tmpfs");
    EXPECT_EQ(changes[0].mount.source, "mine");

    EXPECT_EQ(::mount("mine", point.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr),
              0);
    changes = next();
    EXPECT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].kind, changed);
    EXPECT_EQ(changes[0].mount.options.substr(0, 2), "ro");

    EXPECT_EQ(::umount(point.c_str()), 0);
    changes = next();
    EXPECT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].kind, removed);
    EXPECT_EQ(changes[0].mount.point, point);
    return "";
  });
  if (!reason.empty()) GTEST_SKIP() << reason;
}

TEST(Mounts, WhatChangesWhileNobodyWaitsIsToldToWhoeverWaitsNext) {
  ONLY_ON_LINUX("vkern mounts nothing");
  const Folder folder;
  const std::string point = folder.path();
  const std::string reason = in_child([&]() -> std::string {
    if (auto why = take_own_mounts(); !why.empty()) return why;
    LoopWorld world;
    auto mounts = Mounts::create(world.loop).value();
    std::optional<Result<Changes>> told;
    {
      Scope scope(world.loop);
      scope.spawn([](Mounts& from, std::optional<Result<Changes>>& into) -> Task<> {
        into = co_await from.next();
      }(mounts, told));
      world.run_until_idle();
      scope.cancel();
      world.run_until_idle();
    }
    EXPECT_TRUE(told && !*told && told->error() == Errno::cancelled);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(::mount("mine", point.c_str(), "tmpfs", 0, nullptr), 0);
    world.run_until_idle();
    EXPECT_EQ(world.await(mounts.next()).value().size(), 3u);
    return "";
  });
  if (!reason.empty()) GTEST_SKIP() << reason;
}

}  // namespace
}  // namespace tocsin
