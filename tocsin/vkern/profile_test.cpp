// SPDX-License-Identifier: MIT
//
// Profiles: that probing finds the one that a kernel was made with, and that a kernel made with the
// running Linux' answers as that does.
#include "tocsin/vkern/profile.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>

#include <cstdio>

#include <gtest/gtest.h>

#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

TEST(Profiles, AreFoundByProbingAKernel) {
  for (const bool a : {false, true})
    for (const bool b : {false, true})
      for (const bool c : {false, true}) {
        const Profile made_with{.wait_checks_descriptor_first = a,
                                .depth_counts_upward = b,
                                .polled_pipe_tells_each_write = c};
        System<Single> single({.profile = made_with});
        EXPECT_EQ(Profile::of(single.init()), made_with) << a << b << c;
        System<Threads> threads({.profile = made_with});
        EXPECT_EQ(Profile::of(threads.init()), made_with) << a << b << c;
        EXPECT_EQ(single.init().eventfd(0, 0), 0) << "a probe left a descriptor open";
      }
}

TEST(Profiles, AreTheDefaultWhereThereAreNoDescriptorsToAskWith) {
  System<Single> system({.profile = {.depth_counts_upward = false}, .most_descriptors = 0});
  EXPECT_EQ(Profile::of(system.init()), Profile{});
}

// Older branches may have been given what came later, but nothing is taken back.
TEST(Profiles, OfTheRunningLinuxAreThoseOfItsVersion) {
  utsname name{};
  ASSERT_EQ(::uname(&name), 0);
  int major = 0, minor = 0;
  ASSERT_EQ(std::sscanf(name.release, "%d.%d", &major, &minor), 2);
  const Profile running = Profile::of_running_kernel();
  if (major * 1000 + minor >= 6017) {
    EXPECT_EQ(running, Profile{});
  }
  System<Single> system({.profile = running});
  EXPECT_EQ(Profile::of(system.init()), running);
}

// What chains are refused from below, whatever the version.
TEST(Profiles, OfNoVersionAllowAChainThatGrowsOutwardBeyondFourLinks) {
  for (const bool upward : {false, true}) {
    System<Single> system({.profile = {.depth_counts_upward = upward}});
    Process<Single>& process = system.init();
    int inner = *process.epoll_create1(0);
    for (int links = 1; links <= 5; ++links) {
      const int outer = *process.epoll_create1(0);
      epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
      const auto done = process.epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event);
      EXPECT_EQ(done.has_value(), links <= 4) << links << (upward ? " upward" : "");
      inner = outer;
    }
  }
}

}  // namespace
}  // namespace tocsin::vkern
