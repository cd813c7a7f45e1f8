// SPDX-License-Identifier: MIT
//
// The core under every schedule of a few threads: two producers, sleepers of which one has a
// deadline, a scanner, a close. In all of them: no wake-up and no edge is lost, order is kept,
// every lock is released, nothing waits for ever; and, under the address sanitizer, nothing is used
// after it has ended. That the exploration finds what is wrong is shown with faults.
#include <cstdio>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tocsin/vkern/exploring_testing.hpp"
#include "tocsin/vkern/faults_testing.hpp"
#include "tocsin/vkern/scene_testing.hpp"

namespace tocsin::vkern {
namespace {

// ---- scenarios ----------------------------------------------------------------------------------
// Three threads in most: with four, two preemptions can be had in a hundred thousand ways.

template <class P>
Outcome two_producers_two_sleepers(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("l");
  scene.produce("e");
  scene.wait_for_ever();
  scene.wait_a_while();
  return scene.run();
}

template <class P>
Outcome an_edge_for_two_sleepers(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("e");
  scene.wait_a_while();
  scene.wait_for_ever();
  return scene.run();
}

template <class P>
Outcome a_level_for_two_sleepers(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("l");
  scene.wait_for_ever();
  scene.wait_for_ever();
  return scene.run();
}

template <class P>
Outcome a_scanner_beside_a_sleeper(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("e");
  scene.scan();
  scene.wait_a_while();
  return scene.run();
}

template <class P>
Outcome edges_in_a_row(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("l");
  scene.produce("ef");
  scene.scan(3);
  return scene.run();
}

template <class P>
Outcome a_close_under_everybody(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("e");
  scene.wait_for_ever();
  scene.scan();
  scene.close('e');
  return scene.run();
}

template <class P>
Outcome a_removal_and_a_close(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("e");
  scene.remove('e');
  scene.close('e');
  return scene.run();
}

template <class P>
Outcome a_change_while_it_is_told(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("e");
  scene.modify('e', EPOLLIN | EPOLLET);
  scene.wait_for_ever();
  return scene.run();
}

template <class P>
Outcome a_late_registration(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("g");
  scene.add_late();
  scene.wait_a_while();
  return scene.run();
}

template <class P>
Outcome the_end_of_the_epoll(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("e");
  scene.close('e');
  scene.wait_for_ever();
  scene.close_epoll();
  return scene.run();
}

template <class P>
Outcome an_epoll_in_an_epoll(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.nest();
  scene.produce("e");
  scene.wait_outside();
  scene.scan();
  return scene.run();
}

template <class P>
Outcome everybody(Choices choices) {
  Scene<P> scene(std::move(choices));
  scene.produce("l");
  scene.produce("ef");
  scene.produce("gl");
  scene.add_late();
  scene.wait_for_ever();
  scene.wait_a_while(2);
  scene.scan(2);
  scene.remove('l');
  scene.close('e');
  scene.modify('f', EPOLLIN | EPOLLET);
  return scene.run();
}

// All of it is one thread, in which the thread sanitizer has nothing to find; and it needs more
// than a millisecond to make a fiber. The faults are enough for it.
#if defined(TOCSIN_FIBER_TSAN)
constexpr bool fibers_are_slow = true;
#else
constexpr bool fibers_are_slow = false;
#endif

// ---- what is explored ---------------------------------------------------------------------------

struct Exploration {
  const char* name;
  Outcome (*scenario)(Choices);
  int most_preemptions;
};

std::string show(const Explored& explored) {
  std::string text = explored.fault + " after " + std::to_string(explored.schedules) +
                     " schedules, with " + std::to_string(explored.preemptions) +
                     " preemptions; Choices::replay({";
  for (const std::uint32_t answer : explored.answers) text += std::to_string(answer) + ",";
  return text + "})";
}

class EverySchedule : public testing::TestWithParam<Exploration> {};

TEST_P(EverySchedule, LosesNoWakeUpAndNoEdgeAndKeepsOrder) {
  if (fibers_are_slow) GTEST_SKIP() << "one thread, and slow fibers";
  const Explored explored = explore_all(GetParam().scenario, GetParam().most_preemptions);
  EXPECT_EQ(explored.fault, "") << show(explored);
  EXPECT_GT(explored.schedules, 1000u);
  std::printf("%s: all %llu schedules with at most %d preemptions, %zu choices at most\n",
              GetParam().name, static_cast<unsigned long long>(explored.schedules),
              GetParam().most_preemptions, explored.longest);
}

INSTANTIATE_TEST_SUITE_P(
    Core, EverySchedule,
    testing::Values(Exploration{"TwoProducersTwoSleepers", two_producers_two_sleepers<Exploring>,
                                2},
                    Exploration{"AnEdgeForTwoSleepers", an_edge_for_two_sleepers<Exploring>, 2},
                    Exploration{"ALevelForTwoSleepers", a_level_for_two_sleepers<Exploring>, 2},
                    Exploration{"AScannerBesideASleeper", a_scanner_beside_a_sleeper<Exploring>, 2},
                    Exploration{"EdgesInARow", edges_in_a_row<Exploring>, 2},
                    Exploration{"ACloseUnderEverybody", a_close_under_everybody<Exploring>, 2},
                    Exploration{"ARemovalAndAClose", a_removal_and_a_close<Exploring>, 3},
                    Exploration{"AChangeWhileItIsTold", a_change_while_it_is_told<Exploring>, 3},
                    Exploration{"ALateRegistration", a_late_registration<Exploring>, 2},
                    Exploration{"TheEndOfTheEpoll", the_end_of_the_epoll<Exploring>, 2},
                    Exploration{"AnEpollInAnEpoll", an_epoll_in_an_epoll<Exploring>, 2}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ManySchedules, OfEverybodyAtOnceLoseNothing) {
  if (fibers_are_slow) GTEST_SKIP() << "one thread, and slow fibers";
  const Explored explored = explore_some(everybody<Exploring>, 1, 20'000);
  EXPECT_EQ(explored.fault, "") << show(explored);
  std::printf("everybody: %llu schedules drawn at random, %zu choices at most\n",
              static_cast<unsigned long long>(explored.schedules), explored.longest);
}

// ---- faults -------------------------------------------------------------------------------------

struct Fault {
  const char* name;
  Outcome (*scenario)(Choices);
  const char* what;
};

class EveryFault : public testing::TestWithParam<Fault> {};

TEST_P(EveryFault, IsFoundAndFoundAgainFromItsRecord) {
  const Explored explored = explore_all(GetParam().scenario, 2);
  EXPECT_THAT(explored.fault, testing::HasSubstr(GetParam().what)) << show(explored);
  EXPECT_EQ(GetParam().scenario(Choices::replay(explored.answers)).fault, explored.fault);
  std::printf("%s: %s\n", GetParam().name, show(explored).c_str());
}

INSTANTIATE_TEST_SUITE_P(
    Seeded, EveryFault,
    testing::Values(
        Fault{"WithoutRecheck", two_producers_two_sleepers<WithoutRecheck>, "a wake-up is lost"},
        Fault{"WithoutLastLook", an_edge_for_two_sleepers<WithoutLastLook>, "a wake-up is lost"},
        Fault{"WithoutChainWake", a_level_for_two_sleepers<WithoutChainWake>, "a wake-up is lost"},
        Fault{"WithoutOverflow", edges_in_a_row<WithoutOverflow>, "is lost"},
        Fault{"OverflowBackwards", edges_in_a_row<OverflowBackwards>, "out of order"},
        Fault{"LookFirst", a_late_registration<LookFirst>, "an edge is lost: g"}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace tocsin::vkern
