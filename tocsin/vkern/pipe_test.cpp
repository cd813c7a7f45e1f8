// SPDX-License-Identifier: MIT
//
// Pipes and FIFOs, rule by rule. Each test runs on the running Linux too: what that answers is what
// is right. What only a random order of calls would find is in pipe_differential_test.cpp.
#include "tocsin/vkern/pipe.hpp"

#include <sys/ioctl.h>

#include <csignal>
#include <string>
#include <vector>

#include "tocsin/vkern/pipe_testing.hpp"

namespace tocsin::vkern {
namespace {

constexpr Mask in = EPOLLIN | EPOLLRDNORM;
constexpr Mask out = EPOLLOUT | EPOLLWRNORM;

class PipeRules : public testing::TestWithParam<const char*> {
 protected:
  PipeRules() { std::signal(SIGPIPE, SIG_IGN); }
  ~PipeRules() override {
    for (const int fd : fds_) static_cast<void>(kernel_.close(fd));
  }

  std::array<int, 2> pipe(int flags = O_NONBLOCK) {
    const auto ends = kernel_.pipe2(flags | O_CLOEXEC);
    if (!ends) ADD_FAILURE() << ends.error().name();
    fds_.insert(fds_.end(), ends->begin(), ends->end());
    return *ends;
  }
  int fifo(int flags) {
    const auto fd = subject_->open_fifo(flags);
    if (!fd) return -fd.error().value();
    fds_.push_back(*fd);
    return *fd;
  }
  void close(int fd) {
    ASSERT_TRUE(kernel_.close(fd));
    std::erase(fds_, fd);
  }
  /// A count, or an errno below zero.
  long write(int fd, std::size_t length, char fill = 'x') {
    const std::string bytes(length, fill);
    return kernel_.write(fd, as_bytes(bytes)).as_kernel();
  }
  long read(int fd, std::size_t length) {
    std::vector<std::byte> into(length);
    return kernel_.read(fd, into).as_kernel();
  }
  int fcntl(int fd, int command, int argument = 0) {
    const auto answer = kernel_.fcntl(fd, command, argument);
    return answer ? *answer : -answer.error().value();
  }
  int unread(int fd) {
    int bytes = -1;
    EXPECT_TRUE(kernel_.ioctl(fd, FIONREAD, &bytes));
    return bytes;
  }
  Mask mask(int fd) {
    pollfd one{.fd = fd, .events = 0x7fdf, .revents = 0};
    const timespec at_once{};
    EXPECT_TRUE(kernel_.ppoll({&one, 1}, &at_once));
    return static_cast<std::uint16_t>(one.revents);
  }
  int watch(int fd, Mask events) {
    const int epoll = *kernel_.epoll_create1(EPOLL_CLOEXEC);
    fds_.push_back(epoll);
    epoll_event event{.events = events, .data = {.u64 = 1}};
    EXPECT_TRUE(kernel_.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    return epoll;
  }
  /// What the one registration of `epoll` reports now, or 0.
  Mask edge(int epoll) {
    std::array<epoll_event, 2> events{};
    return kernel_.epoll_wait(epoll, events, 0) == Count{1} ? events[0].events : 0;
  }

  std::unique_ptr<PipeSubject> subject_ = make_pipe_subject(GetParam());
  Kernel& kernel_ = subject_->kernel();
  std::vector<int> fds_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, PipeRules, testing::Values("linux", "single", "threads"),
                         [](const auto& one) { return std::string(one.param); });

// ---- capacity -----------------------------------------------------------------------------------

TEST_P(PipeRules, WritesThatCannotShareASlotFillItEarly) {
  const auto [r, w] = pipe();
  for (int i = 0; i < 16; ++i) EXPECT_EQ(write(w, 2049), 2049) << i;
  EXPECT_EQ(write(w, 2049), -EAGAIN);
  EXPECT_EQ(unread(r), 16 * 2049);
  EXPECT_EQ(mask(w), 0U);
  EXPECT_EQ(write(w, 2047), 2047) << "this much still fits into the last slot";
  EXPECT_EQ(write(w, 1), -EAGAIN);
}

TEST_P(PipeRules, TheFirstBytesOfAWriteGoToTheSlotBefore) {
  const auto [r, w] = pipe();
  EXPECT_EQ(write(w, 100, 'a'), 100);
  EXPECT_EQ(write(w, 15 * 4096 + 1, 'b'), 15 * 4096 + 1);
  EXPECT_EQ(mask(w), 0U);
  EXPECT_EQ(read(r, 101), 101);
  EXPECT_EQ(mask(w), out) << "the first slot is free: its last byte was of the second write";
}

TEST_P(PipeRules, AWriteThatDoesNotFitIsPartial) {
  const auto [r, w] = pipe();
  EXPECT_EQ(write(w, 100'000), 65536);
  EXPECT_EQ(write(w, 1), -EAGAIN);
  EXPECT_EQ(read(r, 4095), 4095);
  EXPECT_EQ(write(w, 1), -EAGAIN) << "the slot is not free yet";
  EXPECT_EQ(read(r, 1), 1);
  EXPECT_EQ(write(w, 5000), 4096);
}

TEST_P(PipeRules, NothingIsReadOrWrittenOfNothing) {
  const auto [r, w] = pipe();
  EXPECT_EQ(read(r, 0), 0);
  EXPECT_EQ(write(w, 0), 0);
  close(r);
  EXPECT_EQ(write(w, 0), 0);
  EXPECT_EQ(write(w, 1), -EPIPE);
}

TEST_P(PipeRules, APacketIsReadAloneAndItsRestIsLost) {
  const auto [r, w] = pipe(O_NONBLOCK | O_DIRECT);
  EXPECT_EQ(write(w, 10), 10);
  EXPECT_EQ(write(w, 5000), 5000) << "two packets";
  EXPECT_EQ(unread(r), 5010);
  EXPECT_EQ(read(r, 4), 4);
  EXPECT_EQ(unread(r), 5000);
  EXPECT_EQ(read(r, 8192), 4096);
  EXPECT_EQ(read(r, 8192), 904);
  EXPECT_EQ(read(r, 8192), -EAGAIN);
}

TEST_P(PipeRules, PacketModeIsSwitchedByFcntlOnTheEndThatIsWritten) {
  const auto [r, w] = pipe();
  EXPECT_EQ(fcntl(r, F_GETFL), O_RDONLY | O_NONBLOCK);
  EXPECT_EQ(fcntl(w, F_GETFL), O_WRONLY | O_NONBLOCK);
  EXPECT_EQ(write(w, 10), 10);
  EXPECT_EQ(fcntl(w, F_SETFL, O_NONBLOCK | O_DIRECT), 0);
  EXPECT_EQ(fcntl(w, F_GETFL), O_WRONLY | O_NONBLOCK | O_DIRECT);
  EXPECT_EQ(write(w, 5), 5) << "merged: the slot it finds was no packet";
  EXPECT_EQ(read(r, 100), 15);
  EXPECT_EQ(write(w, 10), 10);
  EXPECT_EQ(write(w, 10), 10);
  EXPECT_EQ(fcntl(w, F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(write(w, 10), 10);
  EXPECT_EQ(read(r, 100), 10);
  EXPECT_EQ(read(r, 100), 10);
  EXPECT_EQ(read(r, 100), 10);
}

TEST_P(PipeRules, ItsSizeIsAPowerOfTwoOfPages) {
  const auto [r, w] = pipe();
  EXPECT_EQ(fcntl(r, F_GETPIPE_SZ), 65536);
  EXPECT_EQ(fcntl(w, F_SETPIPE_SZ, 0), 4096);
  EXPECT_EQ(fcntl(w, F_SETPIPE_SZ, 1), 4096);
  EXPECT_EQ(fcntl(r, F_SETPIPE_SZ, 5000), 8192);
  EXPECT_EQ(fcntl(w, F_SETPIPE_SZ, 65537), 131072);
  EXPECT_EQ(fcntl(w, F_GETPIPE_SZ), 131072);
  EXPECT_EQ(fcntl(w, F_SETPIPE_SZ, -1), -EINVAL);
  EXPECT_EQ(write(w, 4096 * 5), 4096 * 5);
  EXPECT_EQ(fcntl(w, F_SETPIPE_SZ, 4096 * 4), -EBUSY);
  EXPECT_EQ(fcntl(w, F_SETPIPE_SZ, 4096 * 5), 4096 * 8);
}

TEST_P(PipeRules, OtherCallsAreRefused) {
  const auto [r, w] = pipe();
  int number = 0;
  EXPECT_EQ(kernel_.ioctl(r, 0x5999, &number).error(), Errno{ENOTTY});
  EXPECT_EQ(kernel_.ioctl(r, FIONREAD, nullptr).error(), Errno{EFAULT});
  EXPECT_EQ(write(r, 1), -EBADF);
  EXPECT_EQ(read(w, 1), -EBADF);
  EXPECT_EQ(kernel_.pipe2(O_APPEND).error(), Errno::invalid);
  EXPECT_EQ(kernel_.write(w, {static_cast<const std::byte*>(nullptr), 1}).error(), Errno{EFAULT});
  EXPECT_EQ(write(w, 1), 1);
  EXPECT_EQ(kernel_.read(r, {static_cast<std::byte*>(nullptr), 1}).error(), Errno{EFAULT});
  EXPECT_EQ(unread(r), 1);
}

// ---- readiness ----------------------------------------------------------------------------------

TEST_P(PipeRules, TheMasksOfBothEnds) {
  {
    const auto [r, w] = pipe();
    EXPECT_EQ(mask(r), 0U);
    EXPECT_EQ(mask(w), out);
    EXPECT_EQ(write(w, 1), 1);
    EXPECT_EQ(mask(r), in);
    close(w);
    EXPECT_EQ(mask(r), in | EPOLLHUP);
    EXPECT_EQ(read(r, 9), 1);
    EXPECT_EQ(mask(r), EPOLLHUP + 0U);
    EXPECT_EQ(read(r, 9), 0);
  }
  const auto [r, w] = pipe();
  const auto [full_r, full_w] = pipe();
  EXPECT_EQ(write(full_w, 65536), 65536);
  EXPECT_EQ(mask(full_w), 0U);
  close(r);
  close(full_r);
  EXPECT_EQ(mask(w), out | EPOLLERR);
  EXPECT_EQ(mask(full_w), EPOLLERR + 0U);
}

TEST_P(PipeRules, EveryWriteIsAnEdgeAndAReadIsNone) {
  const auto [r, w] = pipe();
  const int epoll = watch(r, EPOLLIN | EPOLLET);
  EXPECT_EQ(edge(epoll), 0U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(write(w, 10), 10);
    EXPECT_EQ(edge(epoll), EPOLLIN + 0U);
    EXPECT_EQ(edge(epoll), 0U);
  }
  EXPECT_EQ(read(r, 5), 5);
  EXPECT_EQ(edge(epoll), 0U);
}

TEST_P(PipeRules, OnlyTheReadThatFreesASlotOfAFullPipeIsAnEdgeForTheWriter) {
  const auto [r, w] = pipe();
  const int epoll = watch(w, EPOLLOUT | EPOLLET);
  EXPECT_EQ(edge(epoll), EPOLLOUT + 0U);
  EXPECT_EQ(write(w, 65536), 65536);
  EXPECT_EQ(read(r, 1), 1);
  EXPECT_EQ(edge(epoll), 0U);
  EXPECT_EQ(read(r, 4095), 4095);
  EXPECT_EQ(edge(epoll), EPOLLOUT + 0U);
  EXPECT_EQ(read(r, 4096), 4096);
  EXPECT_EQ(edge(epoll), 0U);
}

TEST_P(PipeRules, TheLastOfOneSideIsAnEdgeForTheOther) {
  const auto [r, w] = pipe();
  const auto copy = kernel_.dup(w);
  fds_.push_back(*copy);
  const int epoll = watch(r, EPOLLIN | EPOLLET);
  close(w);
  EXPECT_EQ(edge(epoll), 0U);
  close(*copy);
  EXPECT_EQ(edge(epoll), EPOLLHUP + 0U);
  EXPECT_EQ(edge(epoll), 0U);
}

TEST_P(PipeRules, MoreRoomIsAnEdgeForTheWriter) {
  const auto [r, w] = pipe();
  const int epoll = watch(w, EPOLLOUT | EPOLLET);
  EXPECT_EQ(edge(epoll), EPOLLOUT + 0U);
  EXPECT_EQ(write(w, 65536), 65536);
  EXPECT_EQ(fcntl(r, F_SETPIPE_SZ, 131072), 131072);
  EXPECT_EQ(edge(epoll), EPOLLOUT + 0U);
}

// ---- FIFOs --------------------------------------------------------------------------------------

TEST_P(PipeRules, AFifoReaderSeesAnEndOnlyAfterAWriter) {
  const int r = fifo(O_RDONLY | O_NONBLOCK);
  ASSERT_GE(r, 0);
  EXPECT_EQ(mask(r), 0U);
  EXPECT_EQ(read(r, 1), 0);
  const int w = fifo(O_WRONLY | O_NONBLOCK);
  ASSERT_GE(w, 0);
  EXPECT_EQ(mask(r), 0U);
  EXPECT_EQ(read(r, 1), -EAGAIN);
  close(w);
  EXPECT_EQ(mask(r), EPOLLHUP + 0U);
  const int late = fifo(O_RDONLY | O_NONBLOCK);
  ASSERT_GE(late, 0);
  EXPECT_EQ(mask(late), 0U) << "it has not seen that writer";
  EXPECT_GE(fifo(O_WRONLY | O_NONBLOCK), 0);
  EXPECT_EQ(mask(r), 0U);
}

TEST_P(PipeRules, AFifoIsOpenedForWritingWithoutWaitingOnlyIfSomebodyReads) {
  EXPECT_EQ(fifo(O_WRONLY | O_NONBLOCK), -ENXIO);
  EXPECT_EQ(fifo(O_ACCMODE | O_NONBLOCK), -EINVAL);
  EXPECT_GE(fifo(O_RDONLY | O_NONBLOCK), 0);
  EXPECT_GE(fifo(O_WRONLY | O_NONBLOCK), 0);
}

TEST_P(PipeRules, AFifoForBothDirectionsIsItsOwnPartner) {
  const int both = fifo(O_RDWR | O_NONBLOCK);
  ASSERT_GE(both, 0);
  EXPECT_EQ(mask(both), out);
  EXPECT_EQ(write(both, 3), 3);
  EXPECT_EQ(mask(both), in | out);
  const int epoll = watch(both, EPOLLIN | EPOLLOUT | EPOLLET);
  EXPECT_EQ(edge(epoll), EPOLLIN | EPOLLOUT);
  EXPECT_EQ(write(both, 3), 3);
  EXPECT_EQ(edge(epoll), EPOLLIN | EPOLLOUT);
}

TEST_P(PipeRules, WhatIsInAFifoGoesWithItsLastEnd) {
  const int both = fifo(O_RDWR | O_NONBLOCK);
  EXPECT_EQ(fcntl(both, F_SETPIPE_SZ, 8192), 8192);
  EXPECT_EQ(write(both, 3), 3);
  close(both);
  const int again = fifo(O_RDWR | O_NONBLOCK);
  EXPECT_EQ(unread(again), 0);
  EXPECT_EQ(fcntl(again, F_GETPIPE_SZ), 65536);
}

TEST_P(PipeRules, ANewPartnerIsAnEdgeWithoutAnEvent) {
  const int r = fifo(O_RDONLY | O_NONBLOCK);
  const int epoll = watch(r, EPOLLIN | EPOLLET);
  const int w = fifo(O_WRONLY | O_NONBLOCK);
  EXPECT_EQ(edge(epoll), 0U);
  close(w);
  EXPECT_EQ(edge(epoll), EPOLLHUP + 0U);
}

// ---- limits -------------------------------------------------------------------------------------

// What an unprivileged process meets on Linux as well; but there others count, too.
TEST(PipeLimits, WhoeverHasTooManyPipesGetsSmallOnes) {
  System<Single> system;
  Process<Single>& process = system.init();
  const auto size_of_next = [&] {
    const auto ends = process.pipe2(0);
    return *process.fcntl((*ends)[0], F_GETPIPE_SZ, 0);
  };
  for (int i = 0; i < 1024; ++i) ASSERT_EQ(size_of_next(), 65536) << i;
  EXPECT_EQ(size_of_next(), 8192);
  const int first = 0, second = 1;
  EXPECT_EQ(process.fcntl(first, F_SETPIPE_SZ, 131072).error(), Errno::not_permitted);
  EXPECT_EQ(process.fcntl(first, F_SETPIPE_SZ, 4096), 4096) << "less is always permitted";
  ASSERT_TRUE(process.close(first));
  ASSERT_TRUE(process.close(second));
  EXPECT_EQ(*process.fcntl((*process.pipe2(0))[0], F_GETPIPE_SZ, 0), 8192);
  for (int fd = 2; fd < 64; ++fd) ASSERT_TRUE(process.close(fd));
  EXPECT_EQ(size_of_next(), 65536) << "what was closed counts no more";
}

TEST(PipeLimits, BindOnlyTheUnprivileged) {
  System<Single> common;
  const auto few = *common.init().pipe2(0);
  EXPECT_EQ(common.init().fcntl(few[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
  EXPECT_EQ(common.init().fcntl(few[0], F_SETPIPE_SZ, 1 << 21).error(), Errno::not_permitted);
  SystemOptions as_root;
  as_root.is_privileged = true;
  System<Single> privileged(as_root);
  const auto many = *privileged.init().pipe2(0);
  EXPECT_EQ(privileged.init().fcntl(many[0], F_SETPIPE_SZ, 1 << 21), 1 << 21);
}

TEST(PipeLimits, CountWhatAPipeHasNowNotWhatItHad) {
  System<Single> system;
  Process<Single>& process = system.init();
  const auto ends = *process.pipe2(0);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(process.fcntl(ends[0], F_SETPIPE_SZ, 1 << 20), 1 << 20) << i;
    ASSERT_EQ(process.fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096) << i;
  }
}

TEST(PipeLimits, APipeThatGetsOnlyOneDescriptorGetsNone) {
  SystemOptions options;
  options.most_descriptors = 3;
  System<Single> system(options);
  EXPECT_TRUE(system.init().pipe2(0));
  EXPECT_EQ(system.init().pipe2(0).error(), Errno{EMFILE});
  EXPECT_EQ(system.init().eventfd(0, 0), 2) << "the third number is free again";
}

}  // namespace
}  // namespace tocsin::vkern
