// SPDX-License-Identifier: MIT
//
// The example `cgroup`, started as a program, and a control group of the test's own.
#include <signal.h>
#include <unistd.h>

#include <string>

#include "tests/cli/serve_testing.hpp"
#include "tocsin/kern/cgroup_testing.hpp"
#include "tocsin/kern/child_testing.hpp"
#include "tocsin/kern/folder_testing.hpp"

namespace tocsin {
namespace {

TEST(CgroupExample, SaysWhoLivesInAGroupAndWhenTheLastHasGone) {
  const Folder folder;
  const std::string reason = in_child([&]() -> std::string {
    const ControlGroup group(folder.path());
    if (!group.why_not().empty()) return group.why_not();
    Program program({TOCSIN_BIN_DIR "/examples/cgroup", group.path()});
    EXPECT_EQ(program.line(), "empty");
    {
      const Program member(
          {"sh", "-c", "echo 0 > \"$0\" && exec cat /dev/zero", group.at("cgroup.procs")});
      EXPECT_EQ(program.line(), "populated");
      group.write("cgroup.freeze", "1");
      EXPECT_EQ(program.line(), "populated, frozen");
      group.write("cgroup.freeze", "0");
      EXPECT_EQ(program.line(), "populated");
    }  // It is killed.
    EXPECT_EQ(program.line(), "empty");
    program.signal(SIGTERM);
    EXPECT_EQ(program.end().status, 0);
    return "";
  });
  if (!reason.empty()) GTEST_SKIP() << reason;
}

TEST(CgroupExample, SaysWhatIsNoGroup) {
  const Said said = Program({TOCSIN_BIN_DIR "/examples/cgroup", "/tmp"}).end();
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "cgroup: /tmp: no group of cgroup v2, or the root, which has no events\n");
}

}  // namespace
}  // namespace tocsin
