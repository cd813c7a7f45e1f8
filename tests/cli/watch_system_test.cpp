// SPDX-License-Identifier: MIT
//
// `tocsin watch` of what belongs to the machine: mounts, the network, pressure. What the test
// mounts or takes down is in a namespace of its own.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/watch_testing.hpp"
#include "tocsin/kern/network_namespace_testing.hpp"

namespace tocsin {
namespace {

TEST(WatchSystem, TellsWhatIsMounted) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may mount";
  Program program(
      {"unshare", "--mount", TOCSIN_BIN_DIR "/tocsin", "watch", "timer:50ms", "mounts"});
  if (!is_first_tick(program.line())) GTEST_SKIP() << "no mount namespace: " << program.end().err;
  const std::string pid = std::to_string(program.pid());
  const Said mounted =
      Program({"nsenter", "--mount", "-t", pid, "mount", "-t", "tmpfs", "watched", "/mnt"}).end();
  ASSERT_EQ(mounted.status, 0) << mounted.err;
  EXPECT_TRUE(next_of(program, "mounts")
                  .starts_with("mounts mounted path=/mnt type=tmpfs source=watched options="));
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(WatchSystem, TellsThatALinkGoesDownAndComesUp) {
  NetworkNamespace network;
  ONLY_IN_OWN_NETWORK(network);
  Program program = watch({"netlink:link", "timer:50ms"});
  EXPECT_TRUE(is_first_tick(program.line()));
  const std::string lo = "netlink:link changed link=lo state=";
  for (const bool up : {false, true}) {
    network.set_up("lo", up);
    EXPECT_EQ(next_of(program, lo), lo + (up ? "running" : "down") + " mtu=65536");
  }
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(WatchSystem, TellsAnAddressThatIsGivenToALink) {
  NetworkNamespace network;
  ONLY_IN_OWN_NETWORK(network);
  Program program = watch({"netlink:address", "timer:50ms"});
  EXPECT_TRUE(is_first_tick(program.line()));
  network.set_address("lo", "10.1.2.3", 8);
  EXPECT_EQ(next_of(program, "netlink:address changed"),
            "netlink:address changed address=10.1.2.3 prefix=8 link=1");
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

// What `tocsin watch psi:...` asks for may be forbidden as a whole: empty, or the reason.
std::string why_no_pressure() {
  if (::access("/proc/pressure/memory", F_OK) != 0) return "needs CONFIG_PSI and psi=1";
  if (::access("/proc/pressure/memory", W_OK) != 0) return "/proc/pressure may not be written";
  return "";
}

TEST(WatchSystem, TellsThatThreadsWaitForAProcessor) {
  if (const auto why = why_no_pressure(); !why.empty()) GTEST_SKIP() << why;
  // The least stall there is, in a window that ordinary users may have.
  Program program = watch({"psi:cpu:some:1us:2s", "timer:50ms"});
  const std::string first = program.line();
  ASSERT_NE(first, "") << program.end().err;
  std::atomic<unsigned> work = 0;
  std::vector<std::jthread> crowd;
  for (unsigned i = 0; i < std::thread::hardware_concurrency() + 2; ++i)
    crowd.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) ++work;
    });
  const std::string pressure = "psi:cpu:some:1us:2s pressure average_10s=";
  const std::string line = first.starts_with(pressure) ? first : next_of(program, pressure);
  crowd.clear();
  EXPECT_NE(line.find(" average_60s="), std::string::npos) << line;
  program.signal(SIGTERM);
  EXPECT_EQ(program.end().status, 0);
}

TEST(WatchSystem, WaitsForPressureUntilTheTimeIsOver) {
  if (const auto why = why_no_pressure(); !why.empty()) GTEST_SKIP() << why;
  const std::string memory = "psi:memory:some:100ms:2s";
  const Said said = run_tocsin({"watch", memory, "--once", "--timeout", "0.2"});
  EXPECT_EQ(said.status, said.out.empty() ? 3 : 0) << said.err;
  EXPECT_TRUE(said.out.empty() || said.out.starts_with(memory + " pressure ")) << said.out;
}

TEST(WatchSystem, AWindowThatNeedsAPrivilegeIsRefusedWithItsName) {
  if (const auto why = why_no_pressure(); !why.empty()) GTEST_SKIP() << why;
  const Said said = run_tocsin({"watch", "psi:memory:some:100ms:1s", "--timeout", "0.01"});
  if (said.status == 0) GTEST_SKIP() << "has CAP_SYS_RESOURCE: any window will do";
  EXPECT_EQ(said.status, 2);
  EXPECT_TRUE(said.err.ends_with("; without CAP_SYS_RESOURCE the window is a multiple of 2s\n"))
      << said.err;
}

TEST(WatchSystem, ATriggerThatTheKernelDoesNotTakeIsRefusedByName) {
  if (const auto why = why_no_pressure(); !why.empty()) GTEST_SKIP() << why;
  for (const std::string trigger : {"psi:memory:some:5s:2s", "psi:io:full:100ms:11s"}) {
    const Said said = run_tocsin({"watch", "timer:1h", trigger});
    EXPECT_EQ(said.status, 2);
    EXPECT_TRUE(said.err.starts_with("tocsin: " + trigger + ": the window lies between "))
        << said.err;
  }
}

}  // namespace
}  // namespace tocsin
