// SPDX-License-Identifier: MIT
//
// That each call is the one of its name, with its arguments in their places, and that a failure is
// the errno of the manual. What the calls do is Linux's affair.
#include "tocsin/kern/linux_kernel.hpp"

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vector>

#include <gtest/gtest.h>

#include "tocsin/kern/fd.hpp"

namespace tocsin {
namespace {

struct LinuxKernelTest : testing::Test {
  Fd owned(Result<int> made) {
    EXPECT_TRUE(made) << made.error().name();
    return Fd(kernel, made.value_or(-1));
  }
  Fd scratch_file() {
    return owned(kernel.openat(AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  }
  std::string read_all(const Fd& fd) {
    std::array<std::byte, 64> bytes;
    const auto count = kernel.read(fd.get(), bytes);
    return std::string(as_text(std::span(bytes).first(count.value_or(0))));
  }

  LinuxKernel kernel;
};

constexpr int bad = -1;  // A descriptor that is never open.

TEST_F(LinuxKernelTest, FailuresAreTheErrnoOfTheManual) {
  std::array<std::byte, 1> byte;
  epoll_event event{};
  const sigset_t none{};
  struct statx status{};
  const itimerspec never{};
  std::vector<pollfd> too_many(100'000);
  const timespec negative{.tv_sec = -1, .tv_nsec = 0};
  const auto error_of = [](const auto& result) { return result ? 0 : result.error().value(); };

  EXPECT_EQ(error_of(kernel.close(bad)), EBADF);
  EXPECT_EQ(error_of(kernel.dup(bad)), EBADF);
  EXPECT_EQ(error_of(kernel.dup3(0, 0, 0)), EINVAL);
  EXPECT_EQ(error_of(kernel.fcntl(bad, F_GETFD, 0)), EBADF);
  EXPECT_EQ(error_of(kernel.read(bad, byte)), EBADF);
  EXPECT_EQ(error_of(kernel.write(bad, byte)), EBADF);
  EXPECT_EQ(error_of(kernel.readv(bad, {})), EBADF);
  EXPECT_EQ(error_of(kernel.writev(bad, {})), EBADF);
  EXPECT_EQ(error_of(kernel.pipe2(-1)), EINVAL);
  EXPECT_EQ(error_of(kernel.epoll_create1(-1)), EINVAL);
  EXPECT_EQ(error_of(kernel.epoll_ctl(bad, EPOLL_CTL_ADD, 0, &event)), EBADF);
  EXPECT_EQ(error_of(kernel.epoll_wait(bad, std::span(&event, 1), 0)), EBADF);
  EXPECT_EQ(error_of(kernel.epoll_pwait2(bad, std::span(&event, 1), nullptr)), EBADF);
  EXPECT_EQ(error_of(kernel.ppoll(too_many, nullptr)), EINVAL);
  EXPECT_EQ(error_of(kernel.pselect(0, nullptr, nullptr, nullptr, &negative)), EINVAL);
  EXPECT_EQ(error_of(kernel.eventfd(0, -1)), EINVAL);
  EXPECT_EQ(error_of(kernel.timerfd_create(-1, 0)), EINVAL);
  EXPECT_EQ(error_of(kernel.timerfd_settime(bad, 0, never)), EBADF);
  EXPECT_EQ(error_of(kernel.signalfd(0x7ffffff, none, 0)), EBADF);
  EXPECT_EQ(error_of(kernel.pthread_sigmask(-1, &none, nullptr)), EINVAL);
  EXPECT_EQ(error_of(kernel.socket(-1, SOCK_STREAM, 0)), EAFNOSUPPORT);
  EXPECT_EQ(error_of(kernel.socketpair(AF_INET, SOCK_STREAM, 0)), EOPNOTSUPP);
  EXPECT_EQ(error_of(kernel.listen(bad, 1)), EBADF);
  EXPECT_EQ(error_of(kernel.accept4(bad, nullptr, nullptr, 0)), EBADF);
  EXPECT_EQ(error_of(kernel.recv(bad, byte, 0)), EBADF);
  EXPECT_EQ(error_of(kernel.send(bad, byte, 0)), EBADF);
  EXPECT_EQ(error_of(kernel.shutdown(bad, SHUT_WR)), EBADF);
  EXPECT_EQ(error_of(kernel.openat(AT_FDCWD, "/nowhere/at/all", O_RDONLY, 0)), ENOENT);
  EXPECT_EQ(error_of(kernel.openat2(AT_FDCWD, "/nowhere/at/all", open_how{})), ENOENT);
  EXPECT_EQ(error_of(kernel.statx(bad, "", AT_EMPTY_PATH, STATX_TYPE, status)), EBADF);
  EXPECT_EQ(error_of(kernel.pread(bad, byte, 0)), EBADF);
  EXPECT_EQ(error_of(kernel.pwrite(bad, byte, 0)), EBADF);
  EXPECT_EQ(error_of(kernel.fsync(bad)), EBADF);
  EXPECT_EQ(error_of(kernel.ftruncate(bad, 0)), EBADF);
  EXPECT_EQ(error_of(kernel.unlinkat(AT_FDCWD, "/nowhere/at/all", 0)), ENOENT);
  EXPECT_EQ(error_of(kernel.clock_gettime(999)), EINVAL);
}

TEST_F(LinuxKernelTest, ADuplicateIsTheSameFileUnderTheNumberAskedFor) {
  const Fd one = owned(kernel.eventfd(3, EFD_CLOEXEC));
  const Fd two = owned(kernel.dup(one.get()));
  const Fd three = owned(kernel.dup3(one.get(), 700, O_CLOEXEC));
  EXPECT_EQ(three.get(), 700);
  std::uint64_t count = 0;
  EXPECT_EQ(kernel.read(three.get(), std::as_writable_bytes(std::span(&count, 1))), 8u);
  EXPECT_EQ(count, 3u);
}

TEST_F(LinuxKernelTest, VectorsAreGatheredAndScatteredInOrder) {
  const auto ends = kernel.pipe2(O_CLOEXEC).value();
  const Fd reader(kernel, ends[0]), writer(kernel, ends[1]);
  std::string one = "one ", two = "two";
  const std::array out{iovec{one.data(), one.size()}, iovec{two.data(), two.size()}};
  EXPECT_EQ(kernel.writev(writer.get(), out), 7u);
  std::string head(2, ' '), tail(5, ' ');
  const std::array in{iovec{head.data(), head.size()}, iovec{tail.data(), tail.size()}};
  EXPECT_EQ(kernel.readv(reader.get(), in), 7u);
  EXPECT_EQ(head + "|" + tail, "on|e two");
}

TEST_F(LinuxKernelTest, FilesAreReadAndWrittenWhereTheOffsetSays) {
  const Fd file = scratch_file();
  EXPECT_EQ(kernel.pwrite(file.get(), as_bytes("abcdef"), 2), 6u);
  EXPECT_TRUE(kernel.ftruncate(file.get(), 5));
  EXPECT_TRUE(kernel.fsync(file.get()));
  std::array<std::byte, 8> bytes;
  EXPECT_EQ(kernel.pread(file.get(), bytes, 3), 2u);
  EXPECT_EQ(as_text(std::span(bytes).first(2)), "bc");
  const iovec into{.iov_base = bytes.data(), .iov_len = bytes.size()};
  EXPECT_EQ(kernel.preadv2(file.get(), std::span(&into, 1), 4, 0), 1u);
  struct statx status{};
  EXPECT_TRUE(kernel.statx(file.get(), "", AT_EMPTY_PATH, STATX_SIZE, status));
  EXPECT_EQ(status.stx_size, 5u);

  const auto ends = kernel.pipe2(O_CLOEXEC).value();
  const Fd reader(kernel, ends[0]), writer(kernel, ends[1]);
  std::uint64_t offset = 2;
  EXPECT_EQ(kernel.sendfile(writer.get(), file.get(), &offset, 100), 3u);
  EXPECT_EQ(offset, 5u);
  EXPECT_EQ(read_all(reader), "abc");
}

TEST_F(LinuxKernelTest, ADatagramGoesAroundByEachPairOfCalls) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  const Fd receiver = owned(kernel.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Fd sender = owned(kernel.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(kernel.bind(receiver.get(), generic, length));
  ASSERT_TRUE(kernel.getsockname(receiver.get(), generic, &length));

  std::array<std::byte, 16> bytes;
  EXPECT_EQ(kernel.sendto(sender.get(), as_bytes("one"), 0, generic, length), 3u);
  sockaddr_in from{};
  socklen_t from_length = sizeof from;
  EXPECT_EQ(
      kernel.recvfrom(receiver.get(), bytes, 0, reinterpret_cast<sockaddr*>(&from), &from_length),
      3u);
  EXPECT_EQ(from.sin_family, AF_INET);

  ASSERT_TRUE(kernel.connect(sender.get(), generic, length));
  sockaddr_in peer{};
  ASSERT_TRUE(kernel.getpeername(sender.get(), reinterpret_cast<sockaddr*>(&peer), &length));
  EXPECT_EQ(peer.sin_port, address.sin_port);
  std::string text = "four";
  iovec piece{.iov_base = text.data(), .iov_len = text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  EXPECT_EQ(kernel.sendmsg(sender.get(), message, 0), 4u);
  EXPECT_EQ(kernel.recvmsg(receiver.get(), message, 0), 4u);
  EXPECT_EQ(kernel.recv(receiver.get(), bytes, MSG_DONTWAIT), std::unexpected(Errno::again));
}

TEST_F(LinuxKernelTest, SocketOptionsAreSetAndRead) {
  const Fd fd = owned(kernel.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  int value = 0;
  socklen_t length = sizeof value;
  EXPECT_TRUE(kernel.setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  EXPECT_TRUE(kernel.getsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &value, &length));
  EXPECT_EQ(value, 1);
}

TEST_F(LinuxKernelTest, AWaitWithPselectLeavesTheTimeoutAsItWas) {
  const timespec limit{.tv_sec = 0, .tv_nsec = 1'000'000};
  EXPECT_EQ(kernel.pselect(0, nullptr, nullptr, nullptr, &limit), 0u);
  EXPECT_EQ(limit.tv_nsec, 1'000'000);
}

TEST_F(LinuxKernelTest, TheMaskOfAThreadIsChangedAndTheFormerOneGiven) {
  sigset_t some{}, before{}, now{};
  sigemptyset(&some);
  sigaddset(&some, SIGUSR1);
  ASSERT_TRUE(kernel.pthread_sigmask(SIG_BLOCK, &some, &before));
  ASSERT_TRUE(kernel.pthread_sigmask(SIG_BLOCK, nullptr, &now));
  EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
  const Fd signals = owned(kernel.signalfd(-1, some, SFD_CLOEXEC | SFD_NONBLOCK));
  std::array<std::byte, sizeof(signalfd_siginfo)> info;
  EXPECT_EQ(kernel.read(signals.get(), info), std::unexpected(Errno::again));
  ASSERT_TRUE(kernel.pthread_sigmask(SIG_SETMASK, &before, nullptr));
}

TEST_F(LinuxKernelTest, ATimerfdCountsWhatHasExpired) {
  const Fd timer = owned(kernel.timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const itimerspec once{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1}};
  ASSERT_TRUE(kernel.timerfd_settime(timer.get(), 0, once));
  std::uint64_t count = 0;
  EXPECT_EQ(kernel.read(timer.get(), std::as_writable_bytes(std::span(&count, 1))), 8u);
  EXPECT_EQ(count, 1u);
}

TEST_F(LinuxKernelTest, TheProcessAndItsClock) {
  EXPECT_EQ(kernel.getpid(), ::getpid());
  const auto first = kernel.clock_gettime(CLOCK_MONOTONIC).value();
  const auto second = kernel.clock_gettime(CLOCK_MONOTONIC).value();
  EXPECT_LE(first.tv_sec, second.tv_sec);
  EXPECT_EQ(&LinuxKernel::shared(), &LinuxKernel::shared());
}

}  // namespace
}  // namespace tocsin
