// SPDX-License-Identifier: MIT
//
// Pipes and FIFOs whose callers block, on the running Linux and on vkern with threads.
//
// Method: a caller is a thread of its own; the test goes on when the scheduler says that it sleeps
// (proc(5), "stat"), so that who came first is certain, and nobody has to guess how long it takes.
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "tocsin/vkern/pipe_testing.hpp"

namespace tocsin::vkern {
namespace {

/// One call in a thread of its own, which may block.
class Caller {
 public:
  explicit Caller(std::function<long()> call)
      : thread_([this, call = std::move(call)] {
          id_.store(::gettid());
          id_.notify_one();
          answer_.set_value(call());
        }) {
    id_.wait(0);
  }

  /// Until it sleeps in its call, or has ended.
  void wait_until_asleep() {
    const std::string path = "/proc/self/task/" + std::to_string(id_.load()) + "/stat";
    while (!is_done() && state(path) != 'S') std::this_thread::yield();
  }
  bool is_done() const {
    return result_.wait_for(std::chrono::seconds::zero()) == std::future_status::ready;
  }
  long result() { return result_.get(); }

 private:
  static char state(const std::string& path) {
    std::array<char, 256> text{};
    std::FILE* const file = std::fopen(path.c_str(), "r");
    if (file == nullptr) return 'X';
    const std::size_t length = std::fread(text.data(), 1, text.size() - 1, file);
    std::fclose(file);
    const std::size_t end_of_name = std::string_view(text.data(), length).rfind(')');
    return end_of_name + 2 < length ? text[end_of_name + 2] : 'X';
  }

  std::promise<long> answer_;
  std::future<long> result_ = answer_.get_future();
  std::atomic<pid_t> id_ = 0;
  std::jthread thread_;  // Last: it uses the others.
};

class BlockingPipe : public testing::TestWithParam<const char*> {
 protected:
  BlockingPipe() { std::signal(SIGPIPE, SIG_IGN); }

  std::array<int, 2> pipe() { return *kernel_.pipe2(O_CLOEXEC); }
  void close(int fd) { EXPECT_TRUE(kernel_.close(fd)); }
  long write(int fd, std::size_t length, char fill = 'x') {
    const std::string bytes(length, fill);
    return kernel_.write(fd, as_bytes(bytes)).as_kernel();
  }
  long read(int fd, std::size_t length) {
    std::vector<std::byte> into(length);
    return kernel_.read(fd, into).as_kernel();
  }
  long open(int flags) {
    const auto fd = subject_->open_fifo(flags);
    return fd ? *fd : -fd.error().value();
  }

  std::unique_ptr<PipeSubject> subject_ = make_pipe_subject(GetParam());
  Kernel& kernel_ = subject_->kernel();
};

INSTANTIATE_TEST_SUITE_P(Kernels, BlockingPipe, testing::Values("linux", "threads"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(BlockingPipe, ReadersAreServedInTheOrderOfTheirComing) {
  const auto [r, w] = pipe();
  Caller first([this, fd = r] { return read(fd, 1); });
  first.wait_until_asleep();
  Caller second([this, fd = r] { return read(fd, 2); });
  second.wait_until_asleep();
  EXPECT_EQ(write(w, 1), 1);
  EXPECT_EQ(first.result(), 1);
  second.wait_until_asleep();
  EXPECT_FALSE(second.is_done());
  EXPECT_EQ(write(w, 2), 2);
  EXPECT_EQ(second.result(), 2);
  close(r);
  close(w);
}

TEST_P(BlockingPipe, AReaderThatLeavesSomethingWakesTheNext) {
  const auto [r, w] = pipe();
  Caller first([this, fd = r] { return read(fd, 1); });
  first.wait_until_asleep();
  Caller second([this, fd = r] { return read(fd, 5); });
  second.wait_until_asleep();
  EXPECT_EQ(write(w, 3), 3);
  EXPECT_EQ(first.result(), 1);
  EXPECT_EQ(second.result(), 2);
  close(r);
  close(w);
}

TEST_P(BlockingPipe, AWriteGoesOnUntilAllOfItIsWritten) {
  const auto [r, w] = pipe();
  Caller writer([this, fd = w] { return write(fd, 200'000); });
  long sum = 0;
  while (sum < 200'000) {
    const long got = read(r, 7777);
    ASSERT_GT(got, 0);
    sum += got;
  }
  EXPECT_EQ(writer.result(), 200'000);
  close(r);
  close(w);
}

TEST_P(BlockingPipe, AWriterTellsTheReadersBeforeItWaitsForThem) {
  const auto [r, w] = pipe();
  Caller reader([this, fd = r] { return read(fd, 70'000); });
  reader.wait_until_asleep();
  EXPECT_EQ(write(w, 100'000), 100'000);
  EXPECT_EQ(reader.result(), 65536);
  close(r);
  close(w);
}

TEST_P(BlockingPipe, AWriterThatLosesItsReaderTellsWhatWasWritten) {
  const auto [r, w] = pipe();
  Caller writer([this, fd = w] { return write(fd, 100'000); });
  writer.wait_until_asleep();
  EXPECT_EQ(read(r, 4096), 4096);
  writer.wait_until_asleep();
  close(r);
  EXPECT_EQ(writer.result(), 65536 + 4096);
  EXPECT_EQ(write(w, 1), -EPIPE);
  close(w);
}

// Several rounds: whoever woke both would let the wrong one win only now and then.
TEST_P(BlockingPipe, WritersAreServedInTheOrderOfTheirComing) {
  const auto [r, w] = pipe();
  ASSERT_EQ(write(w, 65536), 65536);
  for (int round = 0; round < 20; ++round) {
    Caller first([this, fd = w] { return write(fd, 4096); });
    first.wait_until_asleep();
    Caller second([this, fd = w] { return write(fd, 8192); });
    second.wait_until_asleep();
    ASSERT_EQ(read(r, 4096), 4096);
    ASSERT_EQ(first.result(), 4096);
    second.wait_until_asleep();
    ASSERT_FALSE(second.is_done());
    ASSERT_EQ(read(r, 8192), 8192);
    ASSERT_EQ(second.result(), 8192);
  }
  close(r);
  close(w);
}

TEST_P(BlockingPipe, ReadersWakeWhenTheLastWriterGoes) {
  const auto [r, w] = pipe();
  Caller first([this, fd = r] { return read(fd, 1); });
  Caller second([this, fd = r] { return read(fd, 1); });
  first.wait_until_asleep();
  second.wait_until_asleep();
  close(w);
  EXPECT_EQ(first.result(), 0);
  EXPECT_EQ(second.result(), 0);
  close(r);
}

// pipe(7), "PIPE_BUF": writes of up to 4,096 bytes are not mixed with others.
TEST_P(BlockingPipe, ShortWritesAreAtomic) {
  constexpr std::size_t length = 700;  // Seldom at the end of a page.
  constexpr int rounds = 300;
  const auto [r, w] = pipe();
  const auto write_all = [this, fd = w](char fill) {
    long sum = 0;
    for (int i = 0; i < rounds; ++i) sum += write(fd, length, fill);
    return sum;
  };
  Caller a([&] { return write_all('a'); });
  Caller b([&] { return write_all('b'); });
  std::vector<std::byte> all(2 * length * rounds);
  for (std::size_t got = 0; got < all.size();) got += *kernel_.read(r, std::span(all).subspan(got));
  for (std::size_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(all[i], all[i - i % length]) << "mixed at byte " << i;
  EXPECT_EQ(a.result() + b.result(), static_cast<long>(all.size()));
  close(r);
  close(w);
}

// ---- opening FIFOs ------------------------------------------------------------------------------

TEST_P(BlockingPipe, AFifoIsOpenedWhenItsOtherEndIs) {
  Caller reader([this] { return open(O_RDONLY); });
  reader.wait_until_asleep();
  const long w = open(O_WRONLY);
  const long r = reader.result();
  ASSERT_GE(w, 0);
  ASSERT_GE(r, 0);
  EXPECT_EQ(write(static_cast<int>(w), 3), 3);
  EXPECT_EQ(read(static_cast<int>(r), 9), 3);
  close(static_cast<int>(r));
  close(static_cast<int>(w));
}

TEST_P(BlockingPipe, WhoeverWaitsToOpenAFifoCountsAsAnEndOfIt) {
  Caller reader([this] { return open(O_RDONLY); });
  reader.wait_until_asleep();
  const long w = open(O_WRONLY | O_NONBLOCK);
  ASSERT_GE(w, 0) << "ENXIO is for nobody at all";
  const long r = reader.result();
  close(static_cast<int>(w));
  close(static_cast<int>(r));
}

TEST_P(BlockingPipe, APartnerThatHasGoneAgainWasOne) {
  Caller writer([this] { return open(O_WRONLY); });
  writer.wait_until_asleep();
  const long r = open(O_RDONLY | O_NONBLOCK);
  ASSERT_GE(r, 0);
  close(static_cast<int>(r));
  const long w = writer.result();
  ASSERT_GE(w, 0);
  EXPECT_EQ(write(static_cast<int>(w), 1), -EPIPE);
  close(static_cast<int>(w));
}

TEST_P(BlockingPipe, ADirectOpeningOfAFifoIsRefusedButSeen) {
  Caller writer([this] { return open(O_WRONLY); });
  writer.wait_until_asleep();
  EXPECT_EQ(open(O_RDONLY | O_NONBLOCK | O_DIRECT), -EINVAL);
  const long w = writer.result();
  ASSERT_GE(w, 0);
  close(static_cast<int>(w));
}

}  // namespace
}  // namespace tocsin::vkern
