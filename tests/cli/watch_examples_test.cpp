// SPDX-License-Identifier: MIT
//
// The examples `nested_loops`, `watch_fd`, `mounts`, `pressure`, `kernel_log` and `perf_overflow`,
// started as programs.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/serve_testing.hpp"
#include "tocsin/kern/child_testing.hpp"
#include "tocsin/kern/folder_testing.hpp"

namespace tocsin {
namespace {

TEST(NestedLoopsExample, RunsUntilTheFasterOneStops) {
  const Said said = Program({TOCSIN_BIN_DIR "/examples/nested_loops"}).end();
  EXPECT_EQ(said.status, 0) << said.err;
  const std::size_t last = said.out.find("fast 5\n");
  ASSERT_NE(last, std::string::npos) << said.out;
  EXPECT_NE(said.out.find("turns: fast ", last), std::string::npos) << said.out;
}

TEST(WatchFdExample, TellsOfAFifoThatIsWrittenTo) {
  const Folder folder;
  const std::string fifo = folder.at("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const Program program({TOCSIN_BIN_DIR "/examples/watch_fd", fifo});
  const int writer = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);  // Waits for the program.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(::write(writer, "!", 1), 1);
    EXPECT_EQ(program.line(), fifo + ": read");
  }
  ::close(writer);
  EXPECT_EQ(program.line(), fifo + ": read hangup");
}

TEST(WatchFdExample, SaysWhyAFileCannotBeWaitedFor) {
  const Said said = Program({TOCSIN_BIN_DIR "/examples/watch_fd", "/dev/null"}).end();
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.err, "watch_fd: Operation not permitted\n");
}

TEST(MountsExample, PrintsWhatIsMountedAndUnmounted) {
  const Folder folder;
  const std::string point = folder.path();
  const std::string reason = in_child([&]() -> std::string {
    if (::unshare(CLONE_NEWNS) != 0)
      return std::string("needs CAP_SYS_ADMIN: ") + std::strerror(errno);
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return "cannot make its mounts private";
    Program program({TOCSIN_BIN_DIR "/examples/mounts"});
    EXPECT_NE(program.line().find(" mounts"), std::string::npos);
    EXPECT_EQ(::mount("none", point.c_str(), "tmpfs", MS_NOEXEC, nullptr), 0);
    EXPECT_EQ(program.line().rfind("+ " + point + " tmpfs rw,noexec", 0), 0u);
    EXPECT_EQ(::umount(point.c_str()), 0);
    EXPECT_EQ(program.line().rfind("- " + point, 0), 0u);
    program.signal(SIGTERM);
    EXPECT_EQ(program.end().status, 0);
    return "";
  });
  if (!reason.empty()) GTEST_SKIP() << reason;
}

TEST(PressureExample, TellsThatThreadsWaitForAProcessor) {
  if (::access("/proc/pressure/cpu", W_OK) != 0) GTEST_SKIP() << "needs CONFIG_PSI";
  Program program({TOCSIN_BIN_DIR "/examples/pressure", "cpu", "1"});
  std::atomic<unsigned> work = 0;
  std::vector<std::jthread> crowd;
  for (unsigned i = 0; i < std::thread::hardware_concurrency() + 2; ++i)
    crowd.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) ++work;
    });
  EXPECT_EQ(program.line().rfind("stalled: ", 0), 0u);
  crowd.clear();
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(PressureExample, WantsToBeToldWhat) {
  EXPECT_EQ(Program({TOCSIN_BIN_DIR "/examples/pressure", "money", "1"}).end().status, 2);
}

TEST(KernelLogExample, PrintsWhatTheKernelHas) {
  Program program({TOCSIN_BIN_DIR "/examples/kernel_log", "all"});
  const std::string line = program.line();
  if (line.empty()) {
    const Said said = program.end();
    GTEST_SKIP() << "needs CAP_SYSLOG and /dev/kmsg: " << said.err;
  }
  EXPECT_EQ(line.front(), '[');
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(PerfOverflowExample, TellsOfAThreadThatWorksUntilItEnds) {
  const pid_t busy = ::fork();
  ASSERT_GE(busy, 0);
  if (busy == 0) {
    std::atomic<unsigned> work = 0;
    while (true) ++work;
  }
  Program program({TOCSIN_BIN_DIR "/examples/perf_overflow", std::to_string(busy), "1"});
  const std::string line = program.line();
  ::kill(busy, SIGKILL);
  ::waitpid(busy, nullptr, 0);
  const Said said = program.end();
  if (line.empty() && said.status == 1) GTEST_SKIP() << said.err;
  EXPECT_EQ(line.rfind("1 ms more, now at 0x", 0), 0u) << line;
  EXPECT_EQ(said.status, 0) << said.err;
}

}  // namespace
}  // namespace tocsin
