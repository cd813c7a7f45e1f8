// SPDX-License-Identifier: MIT
//
// The order of epoll_wait(2), rule by rule, on counters: the smallest objects there are. What holds
// on the running Linux as well is in tests/differential; here each rule has a name.
#include "tocsin/vkern/epoll.hpp"

#include <sys/eventfd.h>

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

template <class P>
class EpollOrder : public testing::Test {
 protected:
  int counter() { return *process_.eventfd(0, EFD_NONBLOCK); }
  void bump(int fd) {
    const std::uint64_t one = 1;
    ASSERT_TRUE(process_.write(fd, {reinterpret_cast<const std::byte*>(&one), sizeof one}));
  }
  void drain(int fd) {
    std::array<std::byte, 8> taken;
    ASSERT_TRUE(process_.read(fd, taken));
  }
  int control(int operation, int fd, std::uint32_t events, char name) {
    epoll_event event{.events = events, .data = {.u64 = static_cast<std::uint64_t>(name)}};
    const auto done = process_.epoll_ctl(epoll_, operation, fd, &event);
    return done ? 0 : done.error().value();
  }
  void add(int fd, std::uint32_t events, char name) {
    ASSERT_EQ(control(EPOLL_CTL_ADD, fd, events, name), 0);
  }
  /// The names of what is ready now, in order.
  std::string look(std::size_t room = 16) {
    std::array<epoll_event, 16> events;
    const Count count = process_.epoll_wait(epoll_, std::span(events).first(room), 0);
    std::string names;
    for (std::size_t i = 0; i < count.value_or(0); ++i)
      names += static_cast<char>(events[i].data.u64);
    return names;
  }

  System<P> system_;
  Process<P>& process_ = system_.init();
  int epoll_ = *process_.epoll_create1(0);
};

using Policies = testing::Types<Single, Threads>;
TYPED_TEST_SUITE(EpollOrder, Policies);

TYPED_TEST(EpollOrder, IsThatOfTheFirstWakeUp) {
  const int a = this->counter(), b = this->counter(), c = this->counter();
  this->add(a, EPOLLIN | EPOLLET, 'a');
  this->add(b, EPOLLIN | EPOLLET, 'b');
  this->add(c, EPOLLIN | EPOLLET, 'c');
  this->bump(c);
  this->bump(a);
  this->bump(b);
  this->bump(c);
  EXPECT_EQ(this->look(), "cab");
  EXPECT_EQ(this->look(), "");
}

TYPED_TEST(EpollOrder, WhatBecomesUnreadyKeepsItsPlaceUntilAHarvestPassesIt) {
  const int a = this->counter(), b = this->counter();
  this->add(a, EPOLLIN | EPOLLET, 'a');
  this->add(b, EPOLLIN | EPOLLET, 'b');
  this->bump(a);
  this->bump(b);
  this->drain(a);
  this->bump(a);
  EXPECT_EQ(this->look(), "ab");
  this->bump(a);
  this->drain(a);
  this->bump(b);
  this->drain(b);
  EXPECT_EQ(this->look(), "");
  this->bump(b);
  this->bump(a);
  EXPECT_EQ(this->look(), "ba");
}

TYPED_TEST(EpollOrder, LevelTriggeredItemsGoRoundRobin) {
  const int a = this->counter(), b = this->counter(), c = this->counter();
  this->add(a, EPOLLIN, 'a');
  this->add(b, EPOLLIN, 'b');
  this->add(c, EPOLLIN, 'c');
  this->bump(a);
  this->bump(b);
  this->bump(c);
  EXPECT_EQ(this->look(2), "ab");
  EXPECT_EQ(this->look(2), "ca");
  EXPECT_EQ(this->look(2), "bc");
}

TYPED_TEST(EpollOrder, OneWakeUpReachesDuplicatesInReverse) {
  const int a = this->counter();
  const int b = *this->process_.dup(a), c = *this->process_.dup(a);
  this->add(a, EPOLLIN, 'a');
  this->add(b, EPOLLIN, 'b');
  this->add(c, EPOLLIN, 'c');
  this->bump(a);
  EXPECT_EQ(this->look(), "cba");
}

TYPED_TEST(EpollOrder, ExclusiveDuplicatesComeInTheOrderOfTheirAdding) {
  const int a = this->counter();
  const int b = *this->process_.dup(a), c = *this->process_.dup(a);
  this->add(a, EPOLLIN | EPOLLEXCLUSIVE, 'a');
  this->add(b, EPOLLIN | EPOLLEXCLUSIVE, 'b');
  this->add(c, EPOLLIN | EPOLLEXCLUSIVE, 'c');
  this->bump(a);
  EXPECT_EQ(this->look(), "abc");
}

TYPED_TEST(EpollOrder, OneshotIsDeafUntilItIsModified) {
  const int a = this->counter();
  this->add(a, EPOLLIN | EPOLLONESHOT, 'a');
  this->bump(a);
  EXPECT_EQ(this->look(), "a");
  this->bump(a);
  EXPECT_EQ(this->look(), "");
  EXPECT_EQ(this->control(EPOLL_CTL_MOD, a, EPOLLIN | EPOLLONESHOT, 'b'), 0);
  EXPECT_EQ(this->look(), "b");
}

TYPED_TEST(EpollOrder, AClosedNumberWithALivingDuplicateGoesOnReporting) {
  const int a = this->counter();
  const int copy = *this->process_.dup(a);
  this->add(a, EPOLLIN, 'a');
  ASSERT_TRUE(this->process_.close(a));
  this->bump(copy);
  EXPECT_EQ(this->look(), "a");
  EXPECT_EQ(this->control(EPOLL_CTL_DEL, a, 0, 0), EBADF);
  EXPECT_EQ(this->control(EPOLL_CTL_DEL, copy, 0, 0), ENOENT);
  ASSERT_TRUE(this->process_.close(copy));
  EXPECT_EQ(this->look(), "");
}

TYPED_TEST(EpollOrder, AChainOfFiveEpollsIsTheLongest) {
  std::array<int, 6> chain{};
  for (int& epoll : chain) epoll = *this->process_.epoll_create1(0);
  const auto link = [&](int outer, int inner) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
    const auto done = this->process_.epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event);
    return done ? 0 : done.error().value();
  };
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(link(chain[i], chain[i + 1]), 0) << i;
  EXPECT_EQ(link(chain[4], chain[5]), ELOOP);
  EXPECT_EQ(link(chain[5], chain[0]), ELOOP);
  EXPECT_EQ(link(chain[4], chain[0]), ELOOP);
}

TYPED_TEST(EpollOrder, AnOuterEpollReportsAnInnerOne) {
  const int inner = *this->process_.epoll_create1(0);
  const int a = this->counter();
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 'a'}};
  ASSERT_TRUE(this->process_.epoll_ctl(inner, EPOLL_CTL_ADD, a, &event));
  this->add(inner, EPOLLIN | EPOLLET, 'i');
  EXPECT_EQ(this->look(), "");
  this->bump(a);
  EXPECT_EQ(this->look(), "i");
  EXPECT_EQ(this->look(), "");
  this->bump(a);
  EXPECT_EQ(this->look(), "i");
}

// ioctl_eventpoll(2).
TYPED_TEST(EpollOrder, BusyPollParametersAreCheckedAndKept) {
  struct {
    std::uint32_t microseconds;
    std::uint16_t budget;
    std::uint8_t prefer;
    std::uint8_t padding;
  } parameters{10, 8, 1, 0};
  const auto set = [&] {
    const auto done = this->process_.ioctl(this->epoll_, 0x40088a01, &parameters);
    return done ? *done : -done.error().value();
  };
  EXPECT_EQ(set(), 0);
  parameters.prefer = 2;
  EXPECT_EQ(set(), -EINVAL);
  parameters = {};
  EXPECT_EQ(this->process_.ioctl(this->epoll_, 0x80088a02, &parameters), Result<int>(0));
  EXPECT_EQ(parameters.microseconds, 10U);
  EXPECT_EQ(parameters.budget, 8);
  EXPECT_EQ(parameters.prefer, 1);
  EXPECT_EQ(this->process_.ioctl(this->epoll_, 0x5401, &parameters).error(), Errno::invalid);
}

}  // namespace
}  // namespace tocsin::vkern
