// SPDX-License-Identifier: MIT
//
// A control group of a child's own, in a hierarchy that it mounts where nobody else sees it.
#include "tocsin/source/cgroup_events.hpp"

#include <signal.h>

#include <cerrno>

#include <gtest/gtest.h>

#include "tocsin/kern/cgroup_testing.hpp"
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

TEST(CgroupEvents, TellWhenTheLastProcessOfAGroupEnds) {
  ONLY_ON_LINUX("vkern has no control groups");
  const Folder folder;
  const std::string reason = in_child([&]() -> std::string {
    const ControlGroup group(folder.path());
    if (!group.why_not().empty()) return group.why_not();
    LoopWorld world;
    auto events = CgroupEvents::create(world.loop, group.path()).value();
    EXPECT_EQ(events.state(), CgroupState{});
    const pid_t child = ::fork();
    if (child < 0) return "no process left for it";
    if (child == 0) {
      group.write("cgroup.procs", "0");
      while (true) ::pause();
    }
    EXPECT_EQ(world.await(events.next()), (CgroupState{true, false}));
    group.write("cgroup.freeze", "1");
    EXPECT_EQ(world.await(events.next()), (CgroupState{true, true}));
    EXPECT_EQ(events.state(), (CgroupState{true, true}));
    ::kill(child, SIGKILL);  // Ends even who is frozen.
    while (events.state().populated) EXPECT_TRUE(world.await(events.next()));
    ::waitpid(child, nullptr, 0);
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
