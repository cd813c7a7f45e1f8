// SPDX-License-Identifier: MIT
//
// Handles: that an epoll keeps them as it keeps descriptors, and what they are to each other.
#include "tocsin/vkern/handles.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

using Names = std::vector<std::uint64_t>;

template <class R>
int errno_of(const R& result) {
  return result ? 0 : result.error().value();
}

template <class P>
class Handles : public testing::Test {
 protected:
  Handle<P> counter(unsigned initial = 0) {
    return std::move(*Handle<P>::eventfd(system_, initial, EFD_NONBLOCK));
  }
  static void bump(const Handle<P>& counter) {
    const std::uint64_t one = 1;
    EXPECT_TRUE(counter.write(std::as_bytes(std::span(&one, 1))));
  }
  static std::uint64_t drain(const Handle<P>& counter) {
    std::uint64_t value = 0;
    static_cast<void>(counter.read(std::as_writable_bytes(std::span(&value, 1))));
    return value;
  }
  /// What is reported now, at most `most`.
  static Names now(EpollHandle<P>& epoll, std::size_t most = 8) {
    std::array<epoll_event, 8> events;
    const Count count = epoll.wait(std::span(events).first(most), Duration::zero());
    EXPECT_TRUE(count);
    Names names;
    for (std::size_t i = 0; i < count.value_or(0); ++i) names.push_back(events[i].data.u64);
    return names;
  }
  Names now() { return now(epoll_); }

  System<P> system_;
  Process<P>& process_ = system_.init();
  EpollHandle<P> epoll_{system_};
};

using Policies = testing::Types<Single, Threads>;
TYPED_TEST_SUITE(Handles, Policies);

TYPED_TEST(Handles, AreReportedInTheOrderOfTheirWakeUps) {
  const auto a = this->counter(), b = this->counter(), c = this->counter();
  ASSERT_TRUE(this->epoll_.add(a, EPOLLIN, 1));
  ASSERT_TRUE(this->epoll_.add(b, EPOLLIN | EPOLLET, 2));
  ASSERT_TRUE(this->epoll_.add(c, EPOLLIN | EPOLLONESHOT, 3));
  for (const auto* one : {&c, &a, &b}) this->bump(*one);
  EXPECT_EQ(this->now(), (Names{3, 1, 2}));
  EXPECT_EQ(this->now(), (Names{1})) << "the level alone stays";
  ASSERT_TRUE(this->epoll_.modify(c, EPOLLIN, 4));
  EXPECT_EQ(this->now(this->epoll_, 1), (Names{1}));
  EXPECT_EQ(this->now(this->epoll_, 1), (Names{4}));
  EXPECT_EQ(this->drain(a), 1u);
  EXPECT_EQ(this->now(), (Names{4}));
}

TYPED_TEST(Handles, AreRefusedAsDescriptorsAre) {
  const auto a = this->counter(), b = this->counter();
  auto& epoll = this->epoll_;
  ASSERT_TRUE(epoll.add(a, EPOLLIN, 1));
  EXPECT_EQ(errno_of(epoll.add(a, EPOLLIN, 1)), EEXIST);
  EXPECT_EQ(errno_of(epoll.modify(b, EPOLLIN, 1)), ENOENT);
  EXPECT_EQ(errno_of(epoll.remove(b)), ENOENT);
  EXPECT_EQ(errno_of(epoll.add(epoll, EPOLLIN, 1)), EINVAL);
  EXPECT_EQ(errno_of(epoll.modify(a, EPOLLIN | EPOLLEXCLUSIVE, 1)), EINVAL);
  EXPECT_EQ(errno_of(epoll.wait({}, Duration::zero())), EINVAL);
  EXPECT_EQ(errno_of(Handle<TypeParam>::eventfd(this->system_, 0, -1)), EINVAL);
  EXPECT_EQ(errno_of(Handle<TypeParam>::pipe2(this->system_, O_APPEND)), EINVAL);
  EXPECT_EQ(errno_of(Handle<TypeParam>::of(this->process_, 0)), EBADF);

  const int fd = *this->process_.openat(AT_FDCWD, "/tmp/file", O_CREAT | O_RDWR, 0600);
  const auto file = std::move(*Handle<TypeParam>::of(this->process_, fd));
  EXPECT_EQ(errno_of(epoll.add(file, EPOLLIN, 1)), EPERM);
}

TYPED_TEST(Handles, OfAPipeReadAndWriteTheirOwnEndOnly) {
  const auto ends = std::move(*Handle<TypeParam>::pipe2(this->system_, O_NONBLOCK));
  const std::array bytes = {std::byte{7}};
  std::array<std::byte, 2> room{};
  EXPECT_EQ(errno_of(ends[0].write(bytes)), EBADF);
  EXPECT_EQ(errno_of(ends[1].read(room)), EBADF);
  ASSERT_TRUE(this->epoll_.add(ends[0], EPOLLIN, 1));
  EXPECT_EQ(ends[1].write(bytes), 1u);
  EXPECT_EQ(this->now(), (Names{1}));
  EXPECT_EQ(ends[0].read(room), 1u);
  EXPECT_EQ(room[0], bytes[0]);
  EXPECT_EQ(ends[0].ready(), 0u);
}

// As after close(2) of the last descriptor.
TYPED_TEST(Handles, ThatEndAreForgottenByTheirEpolls) {
  {
    const auto a = this->counter(1);
    ASSERT_TRUE(this->epoll_.add(a, EPOLLIN, 1));
    EXPECT_EQ(this->now(), (Names{1}));
  }
  EXPECT_EQ(this->now(), (Names{}));
  EXPECT_EQ(this->epoll_.description().object().fdinfo(), "");
}

// epoll(7): "a file descriptor is removed from an interest list only after all the file descriptors
// referring to the underlying open file description have been closed".
TYPED_TEST(Handles, ThatEndBeforeADuplicateAreReportedStillAndByNobodyRemoved) {
  auto a = this->counter();
  const int number = a.number();
  const auto duplicate = a.duplicate();
  ASSERT_TRUE(this->epoll_.add(a, EPOLLIN, 1));
  a.close();
  this->bump(duplicate);
  EXPECT_EQ(this->now(), (Names{1}));
  EXPECT_EQ(errno_of(this->epoll_.remove(duplicate)), ENOENT);

  // Whoever gets the number is somebody else.
  const auto other = this->counter(1);
  ASSERT_EQ(other.number(), number) << "the test needs the number to be used again";
  EXPECT_EQ(errno_of(this->epoll_.remove(other)), ENOENT);
  ASSERT_TRUE(this->epoll_.add(other, EPOLLIN, 2));
  EXPECT_EQ(this->now(), (Names{1, 2}));
}

TYPED_TEST(Handles, AndTheirDuplicatesAreRegistrationsOfTheirOwn) {
  const auto a = this->counter();
  const auto duplicate = a.duplicate();
  ASSERT_TRUE(this->epoll_.add(a, EPOLLIN, 1));
  ASSERT_TRUE(this->epoll_.add(duplicate, EPOLLIN, 2));
  this->bump(a);
  EXPECT_EQ(this->now(), (Names{2, 1})) << "the last to come is told first";
}

TYPED_TEST(Handles, AreMovedWithTheirNumber) {
  auto a = this->counter(1);
  ASSERT_TRUE(this->epoll_.add(a, EPOLLIN, 1));
  auto moved = std::move(a);
  auto b = this->counter();
  b = std::move(moved);
  EXPECT_EQ(this->now(), (Names{1}));
  EXPECT_TRUE(this->epoll_.remove(b));
}

TYPED_TEST(Handles, ThatAreMovedFromMayNotBeUsed) {
  auto a = this->counter();
  const auto moved = std::move(a);
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.Move): that is the point.
  EXPECT_DEATH(static_cast<void>(a.ready()), "the handle has ended, or was moved from");
}

TYPED_TEST(Handles, ThatOutliveTheirSystemAreFound) {
  EXPECT_DEATH(
      {
        std::optional<Handle<TypeParam>> late;
        System<TypeParam> system;
        late.emplace(std::move(*Handle<TypeParam>::eventfd(system, 0, 0)));
      },
      "a handle outlives its System");
}

TYPED_TEST(Handles, OfEpollsNestToTheSameDepth) {
  std::vector<EpollHandle<TypeParam>> chain;
  chain.reserve(6);
  for (int i = 0; i < 6; ++i) chain.emplace_back(this->system_);
  for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(chain[i].add(chain[i + 1], EPOLLIN, i)) << i;
  EXPECT_EQ(errno_of(chain[4].add(chain[5], EPOLLIN, 4)), ELOOP);
  EXPECT_EQ(errno_of(chain[4].add(chain[0], EPOLLIN, 4)), ELOOP);
  const auto a = this->counter();
  ASSERT_TRUE(chain[4].add(a, EPOLLIN, 9));
  EXPECT_EQ(this->now(chain[0]), (Names{}));
  this->bump(a);
  EXPECT_EQ(this->now(chain[0]), (Names{0}));
}

TYPED_TEST(Handles, OfWhateverADescriptorStandsFor) {
  auto& process = this->process_;
  const auto pair = *process.socketpair(AF_UNIX, SOCK_STREAM, 0);
  const auto end = std::move(*Handle<TypeParam>::of(process, pair[0]));
  ASSERT_TRUE(this->epoll_.add(end, EPOLLIN, 1));
  EXPECT_EQ(this->now(), (Names{}));
  ASSERT_EQ(process.write(pair[1], std::array{std::byte{1}}), 1u);
  EXPECT_EQ(this->now(), (Names{1}));
  ASSERT_TRUE(process.close(pair[0]));
  EXPECT_EQ(this->now(), (Names{1})) << "the handle keeps it open";
}

TYPED_TEST(Handles, AreWaitedForByDescriptorOnceInstalled) {
  auto& process = this->process_;
  const auto a = this->counter();
  ASSERT_TRUE(this->epoll_.add(a, EPOLLIN, 1));
  const int inner = *this->epoll_.install(process, true);
  const int outer = *process.epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 5}};
  ASSERT_TRUE(process.epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event));
  EXPECT_EQ(process.epoll_wait(outer, std::span(&event, 1), 0), 0u);
  this->bump(a);
  EXPECT_EQ(process.epoll_wait(outer, std::span(&event, 1), 0), 1u);
  EXPECT_EQ(event.data.u64, 5u);
  EXPECT_EQ(process.epoll_wait(inner, std::span(&event, 1), 0), 1u);
  EXPECT_EQ(event.data.u64, 1u);
}

TYPED_TEST(Handles, WaitNoLongerThanTheirTimeout) {
  const TimePoint before = this->system_.world().now();
  std::array<epoll_event, 1> room;
  EXPECT_EQ(this->epoll_.wait(room, std::chrono::microseconds(200)), 0u);
  EXPECT_GE(this->system_.world().now() - before, std::chrono::microseconds(200));
  EXPECT_EQ(this->epoll_.wait(room, Duration{-1}), 0u);
}

}  // namespace
}  // namespace tocsin::vkern
