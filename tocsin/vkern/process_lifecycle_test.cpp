// SPDX-License-Identifier: MIT
//
// Fork, exec, exit: what becomes of descriptors, of what is registered on them, of children and of
// signals. A Kernel has no fork, so this runs on the one in user space only; pidfd_test.cpp has
// what can be compared.
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <array>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

using Numbers = std::vector<int>;

sigset_t one_signal(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  return set;
}

template <class P>
class Lifecycle : public KernelTest<OnVkern<P>> {
 protected:
  System<P>& system() { return this->on_.system(); }
  Process<P>& init() { return system().init(); }

  static void bump(Kernel& kernel, int fd) {
    const std::array<std::uint64_t, 1> one{1};
    EXPECT_TRUE(kernel.write(fd, std::as_bytes(std::span(one))));
  }
  static void block(Kernel& kernel, int number) {
    const sigset_t set = one_signal(number);
    EXPECT_TRUE(kernel.pthread_sigmask(SIG_BLOCK, &set, nullptr));
  }
  /// Whose end `kernel` learns of now; 0: nobody's, minus an errno: no child.
  pid_t reap(Kernel& kernel) {
    const auto done = kernel.waitid(P_ALL, 0, which_, WEXITED | WNOHANG);
    return done ? which_.si_pid : -done.error().value();
  }
  static bool is_open(Kernel& kernel, int fd) { return kernel.fcntl(fd, F_GETFD, 0).has_value(); }

  siginfo_t which_{};
};
using Policies = testing::Types<Single, Threads>;
TYPED_TEST_SUITE(Lifecycle, Policies);

TYPED_TEST(Lifecycle, NumbersAreGivenInOrderAndNeverTwice) {
  EXPECT_EQ(this->init().getpid(), 1);
  auto& first = this->init().fork();
  EXPECT_EQ(first.getpid(), 2);
  first.exit(0);
  EXPECT_EQ(this->reap(this->init()), 2);
  EXPECT_EQ(this->init().fork().getpid(), 3);
}

TYPED_TEST(Lifecycle, AForkSharesDescriptionsButNotNumbers) {
  const int fd = *this->init().eventfd(0, EFD_NONBLOCK);
  auto& child = this->init().fork();
  this->bump(child, fd);
  EXPECT_EQ(this->mask_of(fd), unsigned{EPOLLIN | EPOLLOUT});
  ASSERT_TRUE(child.fcntl(fd, F_SETFL, 0));
  EXPECT_EQ(this->init().fcntl(fd, F_GETFL, 0), O_RDWR) << "flags are the description's";
  ASSERT_TRUE(this->init().close(fd));
  EXPECT_TRUE(this->is_open(child, fd));
  EXPECT_EQ(child.eventfd(0, 0), fd + 1);
  EXPECT_FALSE(this->is_open(this->init(), fd + 1));
}

TYPED_TEST(Lifecycle, ARegistrationGoesOnWhileAChildHasTheDescriptionOpen) {
  const int fd = *this->init().eventfd(0, EFD_NONBLOCK);
  this->watch(fd);
  this->edges();
  auto& child = this->init().fork();
  ASSERT_TRUE(this->init().close(fd));
  this->bump(child, fd);
  EXPECT_EQ(this->edges(), Numbers{fd}) << "epoll(7): until all descriptors have been closed";
  this->bump(child, fd);
  child.exit(0);
  EXPECT_EQ(this->edges(), Numbers{});
}

TYPED_TEST(Lifecycle, ExecClosesWhatIsCloseOnExec) {
  const int kept = *this->init().eventfd(0, 0);
  const int closed = *this->init().eventfd(0, EFD_CLOEXEC);
  auto& child = this->init().fork();
  child.exec();
  EXPECT_TRUE(this->is_open(child, kept));
  EXPECT_FALSE(this->is_open(child, closed));
  EXPECT_TRUE(this->is_open(this->init(), closed));
}

TYPED_TEST(Lifecycle, AnExitClosesBeforeItIsAnEnd) {
  const auto ends = *this->init().pipe2(O_NONBLOCK);
  auto& child = this->init().fork();
  ASSERT_TRUE(this->init().close(ends[1]));
  this->watch(ends[0]);
  this->watch(this->keep(this->init().pidfd_open(child.getpid(), 0)));
  EXPECT_EQ(this->mask_of(ends[0]), 0u);
  child.exit(3);
  EXPECT_EQ(this->mask_of(ends[0]), unsigned{EPOLLHUP});
  EXPECT_EQ(this->edges().front(), ends[0]);
  EXPECT_FALSE(this->is_open(child, ends[1]));
}

TYPED_TEST(Lifecycle, OnlyTheFirstEndCounts) {
  auto& child = this->init().fork();
  child.exit(0x103);
  child.exit(4);
  EXPECT_EQ(this->reap(this->init()), child.getpid());
  EXPECT_EQ(this->which_.si_status, 3) << "a status has eight bits";
  EXPECT_EQ(this->reap(this->init()), -ECHILD);
}

TYPED_TEST(Lifecycle, OrphansAreInits) {
  auto& parent = this->init().fork();
  auto& zombie = parent.fork();
  auto& living = parent.fork();
  zombie.exit(1);
  EXPECT_EQ(this->reap(this->init()), 0) << "another one's children are none of its own";
  const int pidfd = this->keep(this->init().pidfd_open(zombie.getpid(), 0));
  this->watch(pidfd);
  EXPECT_EQ(this->edges(), Numbers{pidfd});
  parent.exit(2);
  EXPECT_EQ(this->edges(), Numbers{pidfd}) << "its new parent is told as the first was";
  EXPECT_EQ(this->reap(this->init()), parent.getpid());
  EXPECT_EQ(this->reap(this->init()), zombie.getpid());
  EXPECT_EQ(this->reap(this->init()), 0);
  living.exit(0);
  EXPECT_EQ(this->reap(this->init()), living.getpid());
  EXPECT_EQ(this->reap(this->init()), -ECHILD);
}

TYPED_TEST(Lifecycle, InitIsToldOfAZombieItInherits) {
  this->block(this->init(), SIGCHLD);
  const int fd = this->keep(this->init().signalfd(-1, one_signal(SIGCHLD), SFD_NONBLOCK));
  auto& parent = this->init().fork();
  auto& zombie = parent.fork();
  zombie.exit(6);
  EXPECT_EQ(this->mask_of(fd), 0u);
  parent.exit(7);
  std::array<signalfd_siginfo, 2> infos{};
  EXPECT_EQ(this->init().read(fd, std::as_writable_bytes(std::span(infos))),
            Count{sizeof(signalfd_siginfo)})
      << "the second is merged";
  EXPECT_EQ(infos[0].ssi_pid, static_cast<unsigned>(zombie.getpid()));
  EXPECT_EQ(infos[0].ssi_status, 6);
}

// ---- signals ------------------------------------------------------------------------------------

TYPED_TEST(Lifecycle, AForkInheritsWhatIsBlockedButNotWhatIsPending) {
  this->block(this->init(), SIGUSR1);
  ASSERT_TRUE(this->init().kill(1, SIGUSR1));
  auto& child = this->init().fork();
  const int fd = *child.signalfd(-1, one_signal(SIGUSR1), SFD_NONBLOCK);
  std::array<std::byte, sizeof(signalfd_siginfo)> bytes{};
  EXPECT_EQ(errno_of(child.read(fd, bytes)), EAGAIN);
  ASSERT_TRUE(this->init().kill(child.getpid(), SIGUSR1));
  EXPECT_EQ(child.read(fd, bytes), Count{sizeof(signalfd_siginfo)});
}

TYPED_TEST(Lifecycle, AnInheritedSignalfdReadsTheReadersSignals) {
  this->block(this->init(), SIGUSR1);
  const int fd = *this->init().signalfd(-1, one_signal(SIGUSR1), SFD_NONBLOCK);
  auto& child = this->init().fork();
  ASSERT_TRUE(child.kill(child.getpid(), SIGUSR1));
  std::array<std::byte, sizeof(signalfd_siginfo)> bytes{};
  EXPECT_EQ(errno_of(this->init().read(fd, bytes)), EAGAIN);
  EXPECT_EQ(child.read(fd, bytes), Count{sizeof(signalfd_siginfo)});
}

TYPED_TEST(Lifecycle, AnUnblockedSignalEndsTheProcess) {
  const auto ends = *this->init().pipe2(O_NONBLOCK);
  auto& child = this->init().fork();
  ASSERT_TRUE(this->init().close(ends[1]));
  for (const int stops : {SIGSTOP, SIGTSTP}) ASSERT_TRUE(this->init().kill(child.getpid(), stops));
  EXPECT_EQ(this->reap(this->init()), 0);
  ASSERT_TRUE(child.kill(child.getpid(), SIGRTMIN));
  EXPECT_EQ(this->mask_of(ends[0]), unsigned{EPOLLHUP}) << "what it had open is closed";
  EXPECT_EQ(this->reap(this->init()), child.getpid());
  EXPECT_EQ(this->which_.si_code, CLD_KILLED);
  EXPECT_EQ(this->which_.si_status, SIGRTMIN);
}

TYPED_TEST(Lifecycle, ABlockedSignalEndsTheProcessWhenItIsLetIn) {
  auto& child = this->init().fork();
  this->block(child, SIGTERM);
  this->block(child, SIGURG);
  for (const int number : {SIGTERM, SIGURG}) ASSERT_TRUE(this->init().kill(child.getpid(), number));
  const sigset_t ignored = one_signal(SIGURG), deadly = one_signal(SIGTERM);
  ASSERT_TRUE(child.pthread_sigmask(SIG_UNBLOCK, &ignored, nullptr));
  EXPECT_EQ(this->reap(this->init()), 0);
  ASSERT_TRUE(child.pthread_sigmask(SIG_UNBLOCK, &deadly, nullptr));
  EXPECT_EQ(this->reap(this->init()), child.getpid());
  EXPECT_EQ(this->which_.si_status, SIGTERM);
}

TYPED_TEST(Lifecycle, InitDropsWhatItDoesNotBlock) {
  const int fd = *this->init().eventfd(0, 0);
  for (const int number : {SIGKILL, SIGTERM, SIGSEGV, SIGRTMIN})
    EXPECT_TRUE(this->init().kill(1, number));
  this->block(this->init(), SIGTERM);
  ASSERT_TRUE(this->init().kill(1, SIGTERM));
  const sigset_t set = one_signal(SIGTERM);
  ASSERT_TRUE(this->init().pthread_sigmask(SIG_UNBLOCK, &set, nullptr));
  EXPECT_TRUE(this->is_open(this->init(), fd));
}

TYPED_TEST(Lifecycle, KillReachesEverybodyOrEverybodyElse) {
  auto& first = this->init().fork();
  auto& second = this->init().fork();
  ASSERT_TRUE(first.kill(-1, SIGTERM));
  EXPECT_EQ(this->reap(this->init()), second.getpid());
  EXPECT_EQ(this->reap(this->init()), 0) << "neither the sender nor init";
  ASSERT_TRUE(this->init().kill(0, SIGTERM));
  EXPECT_EQ(this->reap(this->init()), first.getpid());
  EXPECT_EQ(errno_of(this->init().kill(-1, 0)), ESRCH) << "nobody is left";
}

// ---- waiting for a child ------------------------------------------------------------------------

TEST(LifecycleInVirtualTime, WaitidBlocksUntilTheChildItMeansEnds) {
  System<Single> system;
  Process<Single>& init = system.init();
  auto& other = init.fork();
  auto& child = init.fork();
  siginfo_t which{};
  bool done = false;
  system.world().spawn([&] {
    const auto id = static_cast<id_t>(child.getpid());
    done = init.waitid(P_PID, id, which, WEXITED).has_value();
  });
  system.world().run_until_idle();
  other.exit(1);
  system.world().run_until_idle();
  EXPECT_FALSE(done);
  child.exit(2);
  system.world().run_until_idle();
  EXPECT_TRUE(done);
  EXPECT_EQ(which.si_pid, child.getpid());
}

TEST(LifecycleInVirtualTime, OfTwoWhoWaitForOneChildOneGetsItAndOneLearnsThatThereIsNone) {
  System<Single> system;
  Process<Single>& init = system.init();
  auto& child = init.fork();
  Numbers errors;
  for (int i = 0; i < 2; ++i)
    system.world().spawn([&] {
      siginfo_t which{};
      errors.push_back(errno_of(init.waitid(P_ALL, 0, which, WEXITED)));
    });
  system.world().run_until_idle();
  child.exit(0);
  system.world().run_until_idle();
  EXPECT_EQ(errors, (Numbers{0, ECHILD}));
}

TEST(LifecycleInThreads, WaitidIsWokenByAnEnd) {
  System<Threads> system;
  auto& child = system.init().fork();
  std::jthread ending([&] { child.exit(5); });
  siginfo_t which{};
  EXPECT_TRUE(system.init().waitid(P_ALL, 0, which, WEXITED));
  EXPECT_EQ(which.si_status, 5);
  ending.join();
}

TEST(LifecycleInThreads, ProcessesComeAndGoAtOnce) {
  System<Threads> system;
  Process<Threads>& init = system.init();
  constexpr int parents = 4, rounds = 200;
  std::vector<std::jthread> threads;
  for (int i = 0; i < parents; ++i)
    threads.emplace_back([&init, &parent = init.fork()] {
      siginfo_t which{};
      for (int round = 0; round < rounds; ++round) {
        Process<Threads>& child = parent.fork();
        const int pidfd = *parent.pidfd_open(child.getpid(), 0);
        std::jthread killer([&] { static_cast<void>(init.kill(child.getpid(), SIGKILL)); });
        child.exit(0);
        EXPECT_TRUE(parent.waitid(P_PIDFD, static_cast<id_t>(pidfd), which, WEXITED));
        killer.join();
        EXPECT_TRUE(parent.close(pidfd));
      }
      parent.exit(0);
    });
  siginfo_t which{};
  for (int i = 0; i < parents; ++i) EXPECT_TRUE(init.waitid(P_ALL, 0, which, WEXITED));
  for (std::jthread& thread : threads) thread.join();
  EXPECT_EQ(errno_of(init.waitid(P_ALL, 0, which, WEXITED)), ECHILD);
}

TEST(LifecycleDeathTest, InitMayNotEnd) {
  System<Single> system;
  EXPECT_DEATH(system.init().exit(0), "the end of init");
}

}  // namespace
}  // namespace tocsin::vkern
