// SPDX-License-Identifier: MIT
//
// The ring of the running kernel. Where io_uring is forbidden, the tests are skipped with the
// reason.
#include "tocsin/kern/io_uring.hpp"

#include <linux/io_uring.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {
namespace {

struct IoUringTest : testing::Test {
  void SetUp() override {
    auto made = kernel.io_uring_setup(entries, 0);
    if (!made) GTEST_SKIP() << "no io_uring here: " << made.error().name();
    ring = std::move(*made);
  }

  /// Submits and waits until `count` calls have been answered; fails after ten seconds of nothing.
  std::vector<IoCompletion> answers(std::size_t count) {
    std::vector<IoCompletion> all;
    std::array<IoCompletion, 16> batch;
    const timespec limit{.tv_sec = 10, .tv_nsec = 0};
    while (all.size() < count) {
      const auto waited = ring->submit_and_wait(&limit);
      EXPECT_TRUE(waited || waited.error() == Errno::interrupted);
      const std::size_t taken = ring->harvest(batch);
      if (taken == 0 && waited) break;  // Time over: the caller compares sizes.
      all.insert(all.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(taken));
    }
    return all;
  }

  Fd counter(unsigned initial) {
    return Fd(kernel, kernel.eventfd(initial, O_CLOEXEC | O_NONBLOCK).value());
  }
  void bump(const Fd& fd) {
    const std::uint64_t one = 1;
    ASSERT_TRUE(kernel.write(fd.get(), std::as_bytes(std::span(&one, 1))));
  }
  /// An empty file that nobody else can see.
  Fd scratch_file() {
    return Fd(kernel,
              kernel.openat(AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600).value());
  }

  static constexpr unsigned entries = 8;
  LinuxKernel& kernel = LinuxKernel::shared();
  std::unique_ptr<IoUring> ring;
};

TEST_F(IoUringTest, KnowsWhatTheKernelKnows) {
  EXPECT_TRUE(ring->supports(IORING_OP_POLL_ADD));
  EXPECT_TRUE(ring->supports(IORING_OP_READ));
  EXPECT_FALSE(ring->supports(255));
  EXPECT_FALSE(ring->supports(100'000));
  EXPECT_EQ(kernel.fcntl(ring->fd(), F_GETFD, 0), FD_CLOEXEC);
}

TEST_F(IoUringTest, AWaitWithNothingInFlightLastsItsTimeout) {
  const timespec limit{.tv_sec = 0, .tv_nsec = 2'000'000};
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(ring->submit_and_wait(&limit));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(2));
  std::array<IoCompletion, 1> none;
  EXPECT_EQ(ring->harvest(none), 0u);
}

TEST_F(IoUringTest, WritesSyncsAndReadsAFile) {
  const Fd file = scratch_file();
  ASSERT_TRUE(ring->write(file.get(), as_bytes("tocsin"), 10, 1));
  ASSERT_EQ(answers(1).at(0).result, 6);
  std::array<std::byte, 32> read_back;
  ASSERT_TRUE(ring->fsync(file.get(), 2));
  ASSERT_TRUE(ring->read(file.get(), read_back, 12, 3));
  struct statx status{};
  ASSERT_TRUE(ring->statx(file.get(), "", AT_EMPTY_PATH, STATX_SIZE, status, 4));
  std::array<std::int32_t, 5> results{};
  for (const IoCompletion& answer : answers(3)) {
    EXPECT_FALSE(answer.more);
    results.at(answer.user_data) = answer.result;
  }
  EXPECT_EQ(results, (std::array<std::int32_t, 5>{0, 0, 0, 4, 0}));
  EXPECT_EQ(as_text(std::span(read_back).first(4)), "csin");
  EXPECT_EQ(status.stx_size, 16u);
}

TEST_F(IoUringTest, OpensAFileOrSaysWhyNot) {
  ASSERT_TRUE(ring->openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0, 1));
  const auto opened = answers(1);
  ASSERT_EQ(opened.size(), 1u);
  const Fd file(kernel, opened[0].result);
  EXPECT_GE(file.get(), 0);
  ASSERT_TRUE(ring->openat(AT_FDCWD, "/nowhere/at/all", O_RDONLY, 0, 2));
  EXPECT_EQ(answers(1).at(0).result, -ENOENT);
}

TEST_F(IoUringTest, APollOnceAnswersOnce) {
  const Fd fd = counter(1);
  ASSERT_TRUE(ring->poll_add(fd.get(), POLLIN, PollShot::once, 5));
  const auto first = answers(1);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].user_data, 5u);
  EXPECT_EQ(first[0].result, POLLIN);
  EXPECT_FALSE(first[0].more);
}

TEST_F(IoUringTest, AMultishotPollAnswersUntilItIsRemoved) {
  const Fd fd = counter(0);
  ASSERT_TRUE(ring->poll_add(fd.get(), POLLIN, PollShot::multi, 5));
  ASSERT_TRUE(ring->submit());
  for (int i = 0; i < 3; ++i) {
    bump(fd);
    const auto edge = answers(1);
    ASSERT_EQ(edge.size(), 1u);
    EXPECT_EQ(edge[0].result, POLLIN);
    EXPECT_TRUE(edge[0].more);
  }
  ASSERT_TRUE(ring->poll_remove(5, 6));
  const auto last = answers(2);
  ASSERT_EQ(last.size(), 2u);
  for (const IoCompletion& answer : last) {
    EXPECT_EQ(answer.result, answer.user_data == 5 ? -ECANCELED : 0);
    EXPECT_FALSE(answer.more);
  }
}

TEST_F(IoUringTest, ACancelledCallIsAnsweredWithEcanceled) {
  const auto ends = kernel.pipe2(O_CLOEXEC).value();
  const Fd reader(kernel, ends[0]);
  const Fd writer(kernel, ends[1]);
  std::array<std::byte, 1> byte;
  ASSERT_TRUE(ring->read(reader.get(), byte, 0, 1));  // Nobody will ever write.
  ASSERT_TRUE(ring->submit());
  ASSERT_TRUE(ring->cancel(1, 2));
  ASSERT_TRUE(ring->cancel(99, 3));
  const auto all = answers(3);
  ASSERT_EQ(all.size(), 3u);
  std::array<std::int32_t, 4> results{};
  for (const IoCompletion& answer : all) results.at(answer.user_data) = answer.result;
  EXPECT_TRUE(results[1] == -ECANCELED || results[1] == -EINTR) << results[1];
  EXPECT_EQ(results[2], 0) << "found and called off";
  EXPECT_EQ(results[3], -ENOENT) << "there is no call 99";
}

TEST_F(IoUringTest, AFullQueueIsSubmittedFirst) {
  const Fd fd = counter(1);
  constexpr std::size_t many = entries * 10;
  for (std::uint64_t i = 0; i < many; ++i)
    ASSERT_TRUE(ring->poll_add(fd.get(), POLLIN, PollShot::once, i));
  std::vector<bool> seen(many, false);
  for (const IoCompletion& answer : answers(many)) seen.at(answer.user_data) = true;
  EXPECT_EQ(seen, std::vector<bool>(many, true)) << "more than the completion queue holds, too";
}

TEST_F(IoUringTest, AnEventfdTellsOfCompletions) {
  const Fd bell = counter(0);
  const Fd fd = counter(0);
  ASSERT_TRUE(ring->register_eventfd(bell.get()));
  ASSERT_TRUE(ring->poll_add(fd.get(), POLLIN, PollShot::once, 1));
  ASSERT_TRUE(ring->submit());
  std::array<std::byte, 8> count;
  EXPECT_EQ(kernel.read(bell.get(), count), std::unexpected(Errno::again));
  bump(fd);
  ASSERT_EQ(answers(1).size(), 1u);
  EXPECT_EQ(kernel.read(bell.get(), count), 8u);
}

TEST_F(IoUringTest, ARingOfNoEntriesIsRefused) {
  const auto none = kernel.io_uring_setup(0, 0);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), Errno::invalid);
}

}  // namespace
}  // namespace tocsin
