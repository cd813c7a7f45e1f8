// SPDX-License-Identifier: MIT
#include "tocsin/source/pressure.hpp"

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/cgroup_testing.hpp"
#include "tocsin/kern/child_testing.hpp"
#include "tocsin/kern/folder_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

TEST(PressureText, IsReadAsTheKernelWritesIt) {
  const PressureInfo info = parse_pressure(
      "some avg10=1.25 avg60=0.50 avg300=0.10 total=123456\n"
      "full avg10=0.75 avg60=0.00 avg300=0.00 total=99\n");
  EXPECT_DOUBLE_EQ(info.some.average_10s, 1.25);
  EXPECT_DOUBLE_EQ(info.some.average_60s, 0.5);
  EXPECT_DOUBLE_EQ(info.some.average_300s, 0.1);
  EXPECT_EQ(info.some.total, 123'456us);
  EXPECT_DOUBLE_EQ(info.full.average_10s, 0.75);
  EXPECT_EQ(info.full.total, 99us);
  EXPECT_EQ(parse_pressure("nothing").some.total, 0us);
}

/// More threads that want to run than there are processors, until it ends.
class Crowd {
 public:
  Crowd() {
    for (unsigned i = 0; i < std::thread::hardware_concurrency() + 2; ++i)
      threads_.emplace_back([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) ++work_;
      });
  }

 private:
  std::atomic<unsigned> work_ = 0;
  std::vector<std::jthread> threads_;
};

TEST(Pressure, TellsWhenThreadsHaveWaitedForAProcessor) {
  ONLY_ON_LINUX("vkern has no pressure");
  LoopWorld world;
  // Two seconds, and the least stall there is: what an ordinary user may ask for.
  auto pressure = Pressure::create(world.loop, Resource::cpu, {.stall = 1us, .window = 2s});
  if (!pressure) GTEST_SKIP() << "needs CONFIG_PSI and psi=1: " << pressure.error().name();
  const auto before = pressure->now().value();
  const Crowd crowd;
  const auto info = world.await(pressure->next());
  ASSERT_TRUE(info);
  EXPECT_GT(info->some.total, before.some.total);
}

TEST(Pressure, ATriggerThatTheKernelDoesNotTakeIsInvalid) {
  ONLY_ON_LINUX("vkern has no pressure");
  LoopWorld world;
  if (const auto made = Pressure::create(world.loop, Resource::cpu, {}); !made)
    GTEST_SKIP() << "needs CONFIG_PSI and psi=1: " << made.error().name();
  const PressureTrigger wrong[] = {{.stall = 0us},
                                   {.stall = 3s, .window = 2s},
                                   {.stall = 1ms, .window = 100ms},
                                   {.stall = 1ms, .window = 11s}};
  for (const PressureTrigger& trigger : wrong) {
    const auto made = Pressure::create(world.loop, Resource::cpu, trigger);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error(), Errno::invalid);
  }
  EXPECT_EQ(world.registrations(), 0u);
}

TEST(Pressure, OnceItsGroupIsGoneItSaysSoEachTime) {
  ONLY_ON_LINUX("vkern has no control groups");
  const Folder folder;
  const std::string reason = in_child([&]() -> std::string {
    ControlGroup group(folder.path());
    if (!group.why_not().empty()) return group.why_not();
    LoopWorld world;
    auto pressure = Pressure::create(world.loop, group.at("memory.pressure"), {});
    if (!pressure)
      return std::string("needs CONFIG_PSI and psi=1: ").append(pressure.error().name());
    EXPECT_TRUE(pressure->now());
    group.remove();
    for (int i = 0; i < 3; ++i) {
      const auto info = world.await(pressure->next());
      EXPECT_TRUE(!info && info.error() == Errno{ENODEV});
    }
    return "";
  });
  if (!reason.empty()) GTEST_SKIP() << reason;
}

TEST(Pressure, OfAKernelWithoutItThereIsNone) {
  LoopWorld world;
  const auto made = Pressure::create(world.loop, "/proc/pressure/none", {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), Errno{ENOENT});
}

}  // namespace
}  // namespace tocsin
