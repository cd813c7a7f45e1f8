// SPDX-License-Identifier: MIT
//
// Signals that are read, on three kernels. All signals are blocked while a test runs, so that on
// Linux none of them ends the test program; what is left over is read before they are let in again.
#include "tocsin/vkern/signalfd.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <initializer_list>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

sigset_t signals(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

sigset_t all_signals() {
  sigset_t set;
  sigfillset(&set);
  return set;
}

// As many as fit into `room`; none if there is none.
std::vector<signalfd_siginfo> read_infos(Kernel& kernel, int fd, std::size_t room = 16) {
  std::vector<signalfd_siginfo> infos(room);
  const Count count = kernel.read(fd, std::as_writable_bytes(std::span(infos)));
  infos.resize(count.value_or(0) / sizeof(signalfd_siginfo));
  return infos;
}

std::vector<int> numbers_of(const std::vector<signalfd_siginfo>& infos) {
  std::vector<int> numbers;
  for (const auto& info : infos) numbers.push_back(static_cast<int>(info.ssi_signo));
  return numbers;
}

using Numbers = std::vector<int>;

template <class K>
class SignalFds : public KernelTest<K> {
 protected:
  SignalFds() {
    const sigset_t set = all_signals();
    EXPECT_TRUE(this->kernel_.pthread_sigmask(SIG_BLOCK, &set, &before_));
  }
  ~SignalFds() override {
    read(signalfd(all_signals()), 64);
    EXPECT_TRUE(this->kernel_.pthread_sigmask(SIG_SETMASK, &before_, nullptr));
  }

  int signalfd(const sigset_t& mask) {
    return this->keep(this->kernel_.signalfd(-1, mask, SFD_NONBLOCK));
  }
  void send(int number) {
    EXPECT_TRUE(this->kernel_.kill(this->kernel_.getpid(), number)) << number;
  }
  Numbers read(int fd, std::size_t room = 16) {
    return numbers_of(read_infos(this->kernel_, fd, room));
  }

 private:
  sigset_t before_;
};
TYPED_TEST_SUITE(SignalFds, AllKernels);

TYPED_TEST(SignalFds, AreMadeOrChanged) {
  const sigset_t mask = signals({SIGUSR1, SIGKILL, SIGSTOP, SIGRTMIN});
  const int fd = this->signalfd(mask);
  const int other = this->keep(this->kernel_.eventfd(0, 0));
  EXPECT_EQ(this->on_.fdinfo(fd), "sigmask:\t0000000200000200\n") << "SIGKILL is dropped";
  EXPECT_EQ(this->kernel_.fcntl(fd, F_GETFL, 0), O_RDWR | O_NONBLOCK);
  EXPECT_EQ(this->kernel_.signalfd(fd, signals({SIGUSR2}), SFD_CLOEXEC), fd);
  EXPECT_EQ(this->kernel_.fcntl(fd, F_GETFD, 0), 0) << "the flags are of a new one only";
  EXPECT_EQ(this->on_.fdinfo(fd), "sigmask:\t0000000000000800\n");
  EXPECT_EQ(errno_of(this->kernel_.signalfd(-1, mask, 1)), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.signalfd(9999, mask, 1)), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.signalfd(-2, mask, 0)), EBADF);
  EXPECT_EQ(errno_of(this->kernel_.signalfd(9999, mask, 0)), EBADF);
  EXPECT_EQ(errno_of(this->kernel_.signalfd(other, mask, 0)), EINVAL);
}

TYPED_TEST(SignalFds, GiveWholeStructuresAndNothingElse) {
  const int fd = this->signalfd(all_signals());
  std::array<std::byte, 3 * sizeof(signalfd_siginfo) - 1> bytes{};
  int queued = 0;
  EXPECT_EQ(errno_of(this->kernel_.read(fd, std::span(bytes).first(127))), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.read(fd, bytes)), EAGAIN);
  EXPECT_EQ(errno_of(this->kernel_.write(fd, bytes)), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.ioctl(fd, FIONREAD, &queued)), ENOTTY);
  for (const int number : {SIGHUP, SIGUSR1, SIGUSR2}) this->send(number);
  EXPECT_EQ(this->kernel_.read(fd, bytes), Count{2 * sizeof(signalfd_siginfo)});
  EXPECT_EQ(this->read(fd), Numbers{SIGUSR2});
}

TYPED_TEST(SignalFds, SayWhoSentIt) {
  const int fd = this->signalfd(signals({SIGUSR1}));
  this->send(SIGUSR1);
  const auto infos = read_infos(this->kernel_, fd);
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].ssi_signo, unsigned{SIGUSR1});
  EXPECT_EQ(infos[0].ssi_code, SI_USER);
  EXPECT_EQ(infos[0].ssi_pid, static_cast<unsigned>(this->kernel_.getpid()));
  EXPECT_EQ(infos[0].ssi_uid, (std::is_same_v<TypeParam, OnLinux> ? ::getuid() : 0));
}

TYPED_TEST(SignalFds, StandardSignalsAreMergedAndRealtimeOnesQueue) {
  const int fd = this->signalfd(all_signals());
  for (int i = 0; i < 3; ++i) {
    this->send(SIGUSR1);
    this->send(SIGRTMIN + 1);
  }
  EXPECT_EQ(this->read(fd), (Numbers{SIGUSR1, SIGRTMIN + 1, SIGRTMIN + 1, SIGRTMIN + 1}));
}

TYPED_TEST(SignalFds, FaultsComeFirstThenTheLowestNumber) {
  const int fd = this->signalfd(all_signals());
  for (const int number : {SIGRTMAX, SIGRTMIN, SIGUSR2, SIGHUP, SIGSYS, SIGCHLD, SIGSEGV})
    this->send(number);
  EXPECT_EQ(this->read(fd),
            (Numbers{SIGSEGV, SIGSYS, SIGHUP, SIGUSR2, SIGCHLD, SIGRTMIN, SIGRTMAX}));
}

TYPED_TEST(SignalFds, StoppingAndContinuingCancelEachOther) {
  const int fd = this->signalfd(all_signals());
  for (const int number : {SIGTSTP, SIGTTIN, SIGCONT}) this->send(number);
  EXPECT_EQ(this->read(fd), Numbers{SIGCONT});
  for (const int number : {SIGCONT, SIGTTOU, SIGTSTP}) this->send(number);
  EXPECT_EQ(this->read(fd), (Numbers{SIGTSTP, SIGTTOU}));
}

TYPED_TEST(SignalFds, AreReadyForWhatTheirMaskHas) {
  const int fd = this->signalfd(signals({SIGUSR1}));
  const int both = this->signalfd(signals({SIGUSR1, SIGUSR2}));
  EXPECT_EQ(this->mask_of(both), 0u);
  this->send(SIGUSR2);
  EXPECT_EQ(this->mask_of(fd), 0u);
  EXPECT_EQ(this->mask_of(both), unsigned{EPOLLIN});
  this->send(SIGUSR1);
  EXPECT_EQ(this->mask_of(fd), unsigned{EPOLLIN});
  EXPECT_EQ(this->read(both, 1), Numbers{SIGUSR1});
  EXPECT_EQ(this->mask_of(fd), 0u);
}

TYPED_TEST(SignalFds, EverySignalThatIsQueuedIsAnEdge) {
  const int fd = this->signalfd(signals({SIGUSR1, SIGRTMIN}));
  this->watch(fd, EPOLLIN);
  EXPECT_EQ(this->edges(), Numbers{});
  this->send(SIGUSR1);
  EXPECT_EQ(this->edges(), Numbers{fd});
  this->send(SIGUSR1);  // Merged.
  EXPECT_EQ(this->edges(), Numbers{});
  this->send(SIGRTMIN);
  EXPECT_EQ(this->edges(), Numbers{fd});
  this->send(SIGUSR2);  // Not in the mask; but it is ready, and so it is reported.
  EXPECT_EQ(this->edges(), Numbers{fd});
}

TYPED_TEST(SignalFds, ASignalOutsideTheMaskHoldsAPlaceInTheOrder) {
  const int fd = this->signalfd(signals({SIGUSR1}));
  const int counter = this->keep(this->kernel_.eventfd(0, 0));
  this->watch(fd);
  this->watch(counter);
  this->edges();  // The counter can be written.
  this->send(SIGUSR2);
  const std::array<std::uint64_t, 1> one{1};
  ASSERT_TRUE(this->kernel_.write(counter, std::as_bytes(std::span(one))));
  this->send(SIGUSR1);
  EXPECT_EQ(this->edges(), (Numbers{fd, counter}));
}

TYPED_TEST(SignalFds, AWiderMaskReportsWhatWasPending) {
  const int fd = this->signalfd(signals({SIGUSR1}));
  this->watch(fd);
  this->send(SIGUSR2);
  EXPECT_EQ(this->edges(), Numbers{});
  ASSERT_TRUE(this->kernel_.signalfd(fd, signals({SIGUSR2}), 0));
  EXPECT_EQ(this->edges(), Numbers{fd});
  ASSERT_TRUE(this->kernel_.signalfd(fd, signals({SIGUSR2}), 0));
  EXPECT_EQ(this->edges(), Numbers{fd}) << "every change is an edge, even one that changes nothing";
}

TYPED_TEST(SignalFds, AnUnblockedSignalThatIsIgnoredIsNeverPending) {
  const int fd = this->signalfd(all_signals());
  const sigset_t ignored = signals({SIGWINCH, SIGURG});
  this->send(SIGURG);
  EXPECT_EQ(this->mask_of(fd), unsigned{EPOLLIN});
  ASSERT_TRUE(this->kernel_.pthread_sigmask(SIG_UNBLOCK, &ignored, nullptr));
  EXPECT_EQ(this->mask_of(fd), 0u) << "it was let in, and ignored";
  this->send(SIGWINCH);
  ASSERT_TRUE(this->kernel_.pthread_sigmask(SIG_BLOCK, &ignored, nullptr));
  EXPECT_EQ(this->read(fd), Numbers{});
}

TYPED_TEST(SignalFds, TheMaskIsChangedAsThreeWordsSay) {
  const auto blocked = [&](int number) {
    sigset_t now;
    EXPECT_TRUE(this->kernel_.pthread_sigmask(SIG_BLOCK, nullptr, &now));
    return sigismember(&now, number) == 1;
  };
  const sigset_t hangup = signals({SIGWINCH}), both = signals({SIGWINCH, SIGURG, SIGKILL});
  sigset_t before;
  EXPECT_FALSE(blocked(SIGKILL));
  EXPECT_FALSE(blocked(SIGSTOP));
  ASSERT_TRUE(this->kernel_.pthread_sigmask(SIG_UNBLOCK, &both, &before));
  EXPECT_EQ(sigismember(&before, SIGWINCH), 1);
  EXPECT_FALSE(blocked(SIGWINCH));
  EXPECT_FALSE(blocked(SIGURG));
  EXPECT_TRUE(blocked(SIGUSR1));
  ASSERT_TRUE(this->kernel_.pthread_sigmask(SIG_BLOCK, &hangup, &before));
  EXPECT_EQ(sigismember(&before, SIGWINCH), 0);
  EXPECT_TRUE(blocked(SIGWINCH));
  EXPECT_FALSE(blocked(SIGURG));
  ASSERT_TRUE(this->kernel_.pthread_sigmask(SIG_SETMASK, &both, nullptr));
  EXPECT_FALSE(blocked(SIGUSR1));
  EXPECT_FALSE(blocked(SIGKILL));
  EXPECT_EQ(errno_of(this->kernel_.pthread_sigmask(77, &both, nullptr)), EINVAL);
  EXPECT_TRUE(this->kernel_.pthread_sigmask(77, nullptr, &before));
}

TYPED_TEST(SignalFds, KillFindsFaultWithThePidBeforeTheSignal) {
  constexpr pid_t nobody = 0x7fffffff;
  EXPECT_EQ(errno_of(this->kernel_.kill(nobody, 65)), ESRCH);
  EXPECT_EQ(errno_of(this->kernel_.kill(nobody, 0)), ESRCH);
  EXPECT_EQ(errno_of(this->kernel_.kill(-nobody, 99)), ESRCH);
  EXPECT_EQ(errno_of(this->kernel_.kill(this->kernel_.getpid(), 65)), EINVAL);
  EXPECT_EQ(errno_of(this->kernel_.kill(this->kernel_.getpid(), -1)), EINVAL);
  EXPECT_TRUE(this->kernel_.kill(this->kernel_.getpid(), 0));
  EXPECT_EQ(this->read(this->signalfd(all_signals())), Numbers{});
}

// ---- blocking -----------------------------------------------------------------------------------

TEST(SignalFdsInVirtualTime, ABlockedReadWaitsForTheMaskAndGetsNoMoreThanThereIs) {
  System<Single> system;
  Process<Single>& init = system.init();
  const int fd = *init.signalfd(-1, signals({SIGUSR1}), 0);
  const sigset_t set = all_signals();
  ASSERT_TRUE(init.pthread_sigmask(SIG_BLOCK, &set, nullptr));
  Numbers seen;
  system.world().spawn([&] { seen = numbers_of(read_infos(init, fd)); });
  system.world().run_until_idle();
  ASSERT_TRUE(init.kill(1, SIGUSR2));
  system.world().run_until_idle();
  EXPECT_EQ(seen, Numbers{});
  ASSERT_TRUE(init.kill(1, SIGUSR1));
  system.world().run_until_idle();
  EXPECT_EQ(seen, Numbers{SIGUSR1});
}

TEST(SignalFdsInThreads, ABlockedReadIsWoken) {
  System<Threads> system;
  Process<Threads>& init = system.init();
  const int fd = *init.signalfd(-1, signals({SIGUSR1}), 0);
  const sigset_t set = all_signals();
  ASSERT_TRUE(init.pthread_sigmask(SIG_BLOCK, &set, nullptr));
  Numbers seen;
  std::jthread reader([&] { seen = numbers_of(read_infos(init, fd)); });
  ASSERT_TRUE(init.kill(1, SIGUSR1));
  reader.join();
  EXPECT_EQ(seen, Numbers{SIGUSR1});
}

}  // namespace
}  // namespace tocsin::vkern
