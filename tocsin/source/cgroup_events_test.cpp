// SPDX-License-Identifier: MIT
//
// A control group of a child's own, in a hierarchy that it mounts where nobody else sees it.
#include "tocsin/source/cgroup_events.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include <gtest/gtest.h>

#include "tocsin/kern/child_testing.hpp"
#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

TEST(CgroupEventsText, SaysWhoLivesAndWhoIsFrozen) {
  EXPECT_EQ(parse_cgroup_events("populated 1\nfrozen 0\n"), (CgroupState{true, false}));
  EXPECT_EQ(parse_cgroup_events("populated 0\nfrozen 1\n"), (CgroupState{false, true}));
  EXPECT_EQ(parse_cgroup_events(""), CgroupState{});
}

std::string mount_cgroup2(const std::string& point) {
  if (::unshare(CLONE_NEWNS) != 0)
    return std::string("needs CAP_SYS_ADMIN: ") + std::strerror(errno);
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return "cannot make its mounts private";
  if (::mount("none", point.c_str(), "cgroup2", 0, nullptr) != 0)
    return std::string("cgroup2: ") + std::strerror(errno);
  return "";
}

TEST(CgroupEvents, TellWhenTheLastProcessOfAGroupEnds) {
  ONLY_ON_LINUX("vkern has no control groups");
  const Folder folder;
  const std::string group = folder.path() + "/tocsin-test-" + std::to_string(::getpid());
  const std::string reason = in_child([&]() -> std::string {
    if (auto why = mount_cgroup2(folder.path()); !why.empty()) return why;
    if (::mkdir(group.c_str(), 0755) != 0) return std::string("mkdir: ") + std::strerror(errno);
    {
      LoopWorld world;
      auto events = CgroupEvents::create(world.loop, group).value();
      EXPECT_EQ(events.state(), CgroupState{});
      const pid_t child = ::fork();
      if (child < 0) return std::string("fork: ") + std::strerror(errno);
      if (child == 0) {
        std::ofstream(group + "/cgroup.procs") << 0 << std::flush;
        while (true) ::pause();
      }
      EXPECT_EQ(world.await(events.next()), (CgroupState{true, false}));
      std::ofstream(group + "/cgroup.freeze") << 1 << std::flush;
      EXPECT_EQ(world.await(events.next()), (CgroupState{true, true}));
      EXPECT_EQ(events.state(), (CgroupState{true, true}));
      ::kill(child, SIGKILL);  // Ends even who is frozen.
      while (events.state().populated) EXPECT_TRUE(world.await(events.next()));
      ::waitpid(child, nullptr, 0);
      EXPECT_EQ(::rmdir(group.c_str()), 0);
    }
    return "";
  });
  if (!reason.empty()) GTEST_SKIP() << reason;
}

TEST(CgroupEvents, AFolderThatIsNoGroupIsNotFound) {
  LoopWorld world;
  const auto made = CgroupEvents::create(world.loop, "/tmp");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), Errno{ENOENT});
}

}  // namespace
}  // namespace tocsin
