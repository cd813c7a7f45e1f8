// SPDX-License-Identifier: MIT
//
// Children are shell scripts here, real ones: vkern starts no programs.
#include "tocsin/source/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/source/input.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin {
namespace {

// It ends with its input.
const ChildOptions cat{.arguments = {"cat"}, .fds = {ChildFd::readable_pipe(0), ChildFd::null(1)}};

class ChildTest : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern starts no programs"); }

  static ChildOptions script(const std::string& text) { return {.arguments = {"sh", "-c", text}}; }
  Child spawn(const ChildOptions& options) { return Child::spawn(world_.loop, options).value(); }
  static Task<Result<ExitStatus>> exit_of(Child& child) { co_return co_await child.exited(); }
  ExitStatus run(const ChildOptions& options) {
    Child child = spawn(options);
    return world_.await(exit_of(child)).value();
  }
  Errno error_of(const ChildOptions& options) {
    const auto made = Child::spawn(world_.loop, options);
    EXPECT_FALSE(made);
    return made ? Errno{EEXIST} : made.error();
  }
  static bool has_children() {
    siginfo_t which{};
    return LinuxKernel::shared().waitid(P_ALL, 0, which, WEXITED | WNOHANG | WNOWAIT).has_value();
  }

  LoopWorld world_{LinuxKernel::shared()};
};

TEST_F(ChildTest, HowItEndedIsToldApart) {
  EXPECT_TRUE(run(script("exit 0")).success());
  EXPECT_EQ(run(script("exit 255")), ExitStatus{.code = 255});
  EXPECT_EQ(run(script("kill -KILL $$")), ExitStatus{.signal = SIGKILL});
  EXPECT_FALSE(run(script("kill -KILL $$")).success());
  EXPECT_EQ(world_.registrations(), 0u);
  EXPECT_FALSE(has_children());
}

TEST_F(ChildTest, ItsEndIsAnEventAndIsRemembered) {
  Child child = spawn(cat);
  std::optional<ExitStatus> status;
  world_.scope.spawn([](Child& of, std::optional<ExitStatus>& into) -> Task<> {
    const auto ended = co_await of.exited();
    if (ended) into = *ended;
  }(child, status));
  world_.run_until_idle();
  EXPECT_EQ(status, std::nullopt);
  child.take_pipe(0).reset();  // The end of its input.
  EXPECT_TRUE(world_.run_until([&] { return status.has_value(); }));
  EXPECT_EQ(status, ExitStatus{});
  EXPECT_EQ(world_.await(exit_of(child)).value(), ExitStatus{}) << "it can be asked again";
  EXPECT_EQ(child.signal(SIGTERM).error(), Errno{ESRCH}) << "and nobody else is hit";
}

TEST_F(ChildTest, WhatCannotRunIsTheErrorOfExecveAndLeavesNothing) {
  EXPECT_EQ(error_of({.arguments = {"/no/such/program"}}), Errno{ENOENT});
  EXPECT_EQ(error_of({.arguments = {"/"}}), Errno{EACCES});
  EXPECT_EQ(error_of({.arguments = {"true"}, .directory = "/no/such/folder"}), Errno{ENOENT});
  EXPECT_EQ(error_of({.arguments = {"true"}, .fds = {ChildFd::copy(1, 1'000'000)}}), Errno{EBADF});
  EXPECT_EQ(error_of({.arguments = {"true", std::string(200'000, 'x')}}), Errno{E2BIG});
  EXPECT_EQ(world_.registrations(), 0u);
  EXPECT_FALSE(has_children());
}

TEST_F(ChildTest, OneThatCannotBeWatchedIsNotLeftRunning) {
  struct NoMore : ForwardingKernel {
    Result<> epoll_ctl(int epfd, int operation, int fd, epoll_event* event) override {
      if (full) return std::unexpected(Errno{ENOSPC});
      return below_.epoll_ctl(epfd, operation, fd, event);
    }
    bool full = false;
  } kernel;
  LoopWorld world(kernel);
  kernel.full = true;
  const auto made = Child::spawn(world.loop, {.arguments = {"cat"}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), Errno{ENOSPC});
  EXPECT_FALSE(has_children());
}

TEST_F(ChildTest, ItIsGivenItsEnvironmentDirectoryAndGroup) {
  const Folder folder;
  ChildOptions options = script("test \"$A\" = b && test -z \"$HOME\" && test \"$PWD\" = \"$B\"");
  options.environment = {"A=b", "B=" + folder.path(), "PATH=/bin:/usr/bin"};
  options.directory = folder.path();
  EXPECT_EQ(run(options).code, 0);
  ChildOptions group = script("set -- $(cat /proc/$$/stat); test $5 = $$");
  EXPECT_EQ(run(group).code, 1);
  group.group = SpawnRequest::Group::own;
  EXPECT_EQ(run(group).code, 0);
}

TEST_F(ChildTest, APipeIsNonBlockingHereAndBlockingThere) {
  Child child = spawn({.arguments = {"cat", "/proc/self/fdinfo/1"},
                       .fds = {ChildFd::null(0), ChildFd::writable_pipe(1)}});
  const Fd output = child.take_pipe(1);
  Kernel& kernel = LinuxKernel::shared();
  EXPECT_EQ(kernel.fcntl(output.get(), F_GETFL, 0).value() & O_NONBLOCK, O_NONBLOCK);
  EXPECT_EQ(kernel.fcntl(output.get(), F_GETFD, 0).value(), FD_CLOEXEC);
  EXPECT_EQ(world_.await(exit_of(child)).value(), ExitStatus{});
  std::array<std::byte, 4096> room;
  const auto said = std::string(as_text(ByteView(room).first(*kernel.read(output.get(), room))));
  EXPECT_NE(said.find("flags:\t01\n"), std::string::npos) << said;  // O_WRONLY, and no O_NONBLOCK.
  EXPECT_EQ(kernel.read(output.get(), room).value(), 0u) << "nobody else holds its end";
}

TEST_F(ChildTest, ASignalReachesIt) {
  Child child = spawn(cat);
  EXPECT_EQ(child.signal(1'000).error(), Errno::invalid);
  ASSERT_TRUE(child.signal(SIGTERM));
  EXPECT_EQ(world_.await(exit_of(child)).value(), ExitStatus{.signal = SIGTERM});
}

TEST_F(ChildTest, OneThatIsDestroyedIsKilledAndClearedAway) {
  {
    Child child = spawn(cat);
    const Child moved = std::move(child);
    EXPECT_TRUE(has_children());
  }
  EXPECT_FALSE(has_children());
}

// Another library of the program has children of its own, and waits for them itself.
TEST_F(ChildTest, NobodyElsesChildIsTaken) {
  Kernel& kernel = LinuxKernel::shared();
  std::array<char*, 2> words{const_cast<char*>("true"), nullptr};
  const Spawned other = kernel.pidfd_spawn({.program = "true", .arguments = words.data()}).value();
  const Fd pidfd(kernel, other.pidfd);
  siginfo_t which{};
  ASSERT_TRUE(kernel.waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), which, WEXITED | WNOWAIT));
  EXPECT_EQ(run(script("exit 3")).code, 3);
  {
    const Child killed = spawn(cat);
  }
  ASSERT_TRUE(kernel.waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), which, WEXITED | WNOHANG));
  EXPECT_EQ(which.si_pid, other.pid);
}

// The other way round: somebody here waits for any child at all, as libraries of old do.
TEST_F(ChildTest, ChildrenOfTwoLoopsAreNotMixedUp) {
  LoopWorld other(LinuxKernel::shared());
  Child here = spawn(script("exit 1"));
  Child there = Child::spawn(other.loop, script("exit 2")).value();
  EXPECT_EQ(other.await(exit_of(there)).value().code, 2);
  EXPECT_EQ(world_.await(exit_of(here)).value().code, 1);
}

TEST_F(ChildTest, SigchldIsTheProgramsOwn) {
  static std::atomic<int> told = 0;
  struct sigaction mine{};
  mine.sa_handler = [](int) { ++told; };
  mine.sa_flags = SA_RESTART | SA_ONSTACK;
  struct sigaction before{};
  ASSERT_EQ(::sigaction(SIGCHLD, &mine, &before), 0);
  EXPECT_EQ(run(script("exit 3")).code, 3);
  EXPECT_EQ(told, 1);
  struct sigaction after{};
  ASSERT_EQ(::sigaction(SIGCHLD, &before, &after), 0);
  EXPECT_EQ(after.sa_handler, mine.sa_handler);
  EXPECT_NE(after.sa_flags & SA_ONSTACK, 0);
}

// epoll(7): a registration lives as long as the open file does, in whatever process.
TEST_F(ChildTest, WhatAChildStillHasOpenIsNotHeardOfAnyMore) {
  auto pair = connected_pair(LinuxKernel::shared());
  ChildOptions options = cat;
  options.fds.push_back(ChildFd::copy(3, pair[0].get()));
  const Child child = spawn(options);
  auto source = FdSource::create(world_.loop, std::move(pair[0]), "source").value();
  world_.run_until_idle();
  source.reset();
  const auto before = world_.loop.counters().events;
  ASSERT_TRUE(LinuxKernel::shared().write(pair[1].get(), as_bytes("for the child")));
  world_.run_until_idle();
  EXPECT_EQ(world_.loop.counters().events, before);
  EXPECT_EQ(world_.loop.counters().stale_events, 0u);
}

TEST_F(ChildTest, AStatusThatSomebodyElseTookIsOnRecordOrEchild) {
  Child child = spawn(script("exit 9"));
  siginfo_t which{};
  ASSERT_TRUE(LinuxKernel::shared().waitid(P_ALL, 0, which, WEXITED));
  ASSERT_EQ(which.si_pid, child.pid());
  const auto status = world_.await(exit_of(child));
  if (status) {
    EXPECT_EQ(*status, ExitStatus{.code = 9});  // Since Linux 6.15.
  } else {
    EXPECT_EQ(status.error(), Errno{ECHILD});
  }
}

// `yes` writes faster than anybody reads: its pipe is never empty.
TEST_F(ChildTest, OutputWithoutEndStarvesNobody) {
  Child child = spawn({.arguments = {"yes"}, .fds = {ChildFd::writable_pipe(1)}});
  auto output = Input::create(world_.loop, child.take_pipe(1)).value();
  std::size_t read = 0;
  world_.scope.spawn([](Input& from, std::size_t& count) -> Task<> {
    while (auto bytes = co_await from.read()) count += bytes->size();
  }(output, read));
  int naps = 0;
  world_.scope.spawn([](int& count) -> Task<> {
    for (; count < 20; ++count) static_cast<void>(co_await sleep_for(std::chrono::microseconds(1)));
  }(naps));
  EXPECT_TRUE(world_.run_until([&] { return naps == 20 && read > 1'000'000; }));
}

class ExitOfAChild final : public LoopScenario<> {
 public:
  ExitOfAChild() { set_out(); }
  Task<> line() override { static_cast<void>(co_await child_.exited()); }
  void complete() override {
    input_.reset();
    siginfo_t ended{};  // So that the event is there when the loop asks.
    static_cast<void>(
        kernel.waitid(P_PID, static_cast<id_t>(child_.pid()), ended, WEXITED | WNOWAIT));
  }

 private:
  Child child_ = Child::spawn(loop(), cat).value();
  Fd input_ = child_.take_pipe(0);
};

TEST_F(ChildTest, CancellingAtAnyPointLeavesNothingBehind) {
  EXPECT_EQ(walk<ExitOfAChild>(), 1);
  EXPECT_FALSE(has_children());
}

}  // namespace
}  // namespace tocsin
