// SPDX-License-Identifier: MIT
//
// Orphans are made by a shell that starts something in the background and ends.
#include "tocsin/source/orphans.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/source/input.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

class OrphansTest : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern starts no programs"); }

  static Task<Result<ExitStatus>> exit_of(Child& child) { co_return co_await child.exited(); }
  static Task<Result<Orphan>> next_of(Orphans& orphans) { co_return co_await orphans.next(); }
  static Task<Result<std::string>> line_of(Input& input) { co_return co_await input.read_line(); }
  static bool has_children() {
    siginfo_t which{};
    return LinuxKernel::shared().waitid(P_ALL, 0, which, WEXITED | WNOHANG | WNOWAIT).has_value();
  }
  static bool is_subreaper() {
    int is = 0;
    EXPECT_EQ(::prctl(PR_GET_CHILD_SUBREAPER, &is), 0);
    return is == 1;
  }

  LoopWorld world_{LinuxKernel::shared()};
};

// The background process reads from a pipe that is closed only when its parent has been waited for:
// it is certain to lose it.
TEST_F(OrphansTest, OneThatHasLostItsParentEndsHere) {
  auto orphans = Orphans::create(world_.loop).value();
  EXPECT_TRUE(is_subreaper());
  auto parent =
      Child::spawn(
          world_.loop,
          {.arguments = {"sh", "-c", "exec 3<&0; (read -r x <&3; exit 7) & echo $!; exit 3"},
           .fds = {ChildFd::readable_pipe(0), ChildFd::writable_pipe(1)},
           .orphans = &orphans})
          .value();
  auto output = Input::create(world_.loop, parent.take_pipe(1)).value();
  const std::string pid = world_.await(line_of(output)).value();
  EXPECT_EQ(world_.await(exit_of(parent)).value(), ExitStatus{.code = 3});
  parent.take_pipe(0).reset();
  const Orphan orphan = world_.await(next_of(orphans)).value();
  EXPECT_EQ(std::to_string(orphan.pid) + "\n", pid);
  EXPECT_EQ(orphan.status, ExitStatus{.code = 7});
  EXPECT_FALSE(has_children());
}

// One signal may stand for many ends.
TEST_F(OrphansTest, ManyAtOnceAreAllTold) {
  auto orphans = Orphans::create(world_.loop).value();
  const char* script = "for i in 1 2 3 4 5 6 7 8; do (read -r x <&3; exit $i) 3<&0 & done";
  auto parent = Child::spawn(world_.loop, {.arguments = {"sh", "-c", script},
                                           .fds = {ChildFd::readable_pipe(0)},
                                           .orphans = &orphans})
                    .value();
  ASSERT_TRUE(world_.await(exit_of(parent)));
  parent.take_pipe(0).reset();
  int sum = 0;
  for (int i = 0; i < 8; ++i) sum += world_.await(next_of(orphans)).value().status.code;
  EXPECT_EQ(sum, 36);
  EXPECT_FALSE(has_children());
}

// Both are told of the end, whoever of them comes first.
TEST_F(OrphansTest, AChildIsNoOrphanAndKeepsItsStatus) {
  auto orphans = Orphans::create(world_.loop).value();
  int told = 0;
  world_.scope.spawn([](Orphans& from, int& count) -> Task<> {
    while (const auto one = co_await from.next()) ++count;
  }(orphans, told));
  for (int code = 0; code < 8; ++code) {
    auto child =
        Child::spawn(world_.loop, {.arguments = {"sh", "-c", "exit " + std::to_string(code)},
                                   .orphans = &orphans})
            .value();
    if (code % 2 == 0) world_.run_until_idle();
    EXPECT_EQ(world_.await(exit_of(child)).value(), ExitStatus{.code = code});
  }
  EXPECT_EQ(told, 0);
}

TEST_F(OrphansTest, AfterwardsTheyAreSomebodyElses) {
  {
    const auto orphans = Orphans::create(world_.loop).value();
  }
  EXPECT_FALSE(is_subreaper());
  EXPECT_EQ(world_.registrations(), 0u);
}

class NextOrphans final : public LoopScenario<> {
 public:
  NextOrphans() { set_out(); }
  Task<> line() override {
    for (int i = 0; i < 2; ++i)
      if (!co_await orphans_.next()) co_return;
  }
  // A child that nobody has told of is one that came from elsewhere.
  void complete() override {
    std::array<char*, 2> words{const_cast<char*>("true"), nullptr};
    const auto made = kernel.pidfd_spawn({.program = "true", .arguments = words.data()}).value();
    const Fd pidfd(kernel, made.pidfd);
    siginfo_t which{};
    EXPECT_TRUE(kernel.waitid(P_PIDFD, static_cast<id_t>(made.pidfd), which, WEXITED | WNOWAIT));
  }
  // One that was not told of is the next to be.
  std::string left_behind() override {
    const std::string left = LoopScenario::left_behind();
    siginfo_t which{};
    while (kernel.waitid(P_ALL, 0, which, WEXITED | WNOHANG) && which.si_pid != 0) continue;
    return left;
  }

 private:
  Orphans orphans_ = Orphans::create(loop()).value();
};

TEST_F(OrphansTest, CancellingAtAnyPointLeavesNothingBehind) { EXPECT_EQ(walk<NextOrphans>(), 2); }

}  // namespace
}  // namespace tocsin
