// SPDX-License-Identifier: MIT
//
// Waiting with a signal mask, on three kernels as far as nobody is killed by it: what is ready
// comes first, then the signal, and what nobody may notice is gone or pending as on Linux.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <array>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/vkern/kernels_testing.hpp"

namespace tocsin::vkern {
namespace {

using namespace std::chrono_literals;

sigset_t signals(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}
const sigset_t none = signals({});
// One whose default action is nothing.
constexpr int harmless = SIGWINCH;

timespec length_of(Duration length) {
  return {.tv_sec = length / 1s, .tv_nsec = (length % 1s).count()};
}

/// A way to wait for one descriptor, which an epoll watches as well, with a mask.
struct Way {
  const char* name;
  bool is_epoll;
  std::function<Count(Kernel&, int epoll, int fd, Duration timeout, const sigset_t*)> wait;
};

const std::array<Way, 4>& ways() {
  static const std::array<Way, 4> all = {
      Way{"epoll_pwait", true,
          [](Kernel& kernel, int epoll, int, Duration timeout, const sigset_t* mask) {
            epoll_event event{};
            return kernel.epoll_pwait(epoll, std::span(&event, 1), static_cast<int>(timeout / 1ms),
                                      mask);
          }},
      Way{"epoll_pwait2", true,
          [](Kernel& kernel, int epoll, int, Duration timeout, const sigset_t* mask) {
            epoll_event event{};
            const timespec time = length_of(timeout);
            return kernel.epoll_pwait2(epoll, std::span(&event, 1), &time, mask);
          }},
      Way{"ppoll", false,
          [](Kernel& kernel, int, int fd, Duration timeout, const sigset_t* mask) {
            pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
            const timespec time = length_of(timeout);
            return kernel.ppoll(std::span(&one, 1), &time, mask);
          }},
      Way{"pselect", false,
          [](Kernel& kernel, int, int fd, Duration timeout, const sigset_t* mask) {
            std::array<unsigned long, 16> set{};
            set[static_cast<std::size_t>(fd) / 64] = 1UL << (fd % 64);
            const timespec time = length_of(timeout);
            return kernel.pselect(fd + 1, set.data(), nullptr, nullptr, &time, mask);
          }}};
  return all;
}

/// An idle counter in an epoll of `kernel`, where every signal is blocked.
struct Scene {
  explicit Scene(Kernel& on) : kernel(on) {
    sigset_t all;
    sigfillset(&all);
    EXPECT_TRUE(kernel.pthread_sigmask(SIG_BLOCK, &all, &before));
    counter = *kernel.eventfd(0, EFD_NONBLOCK);
    epoll = *kernel.epoll_create1(0);
    news = *kernel.signalfd(-1, all, SFD_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
    EXPECT_TRUE(kernel.epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event));
  }
  ~Scene() {
    was_pending();
    for (const int fd : {counter, epoll, news}) static_cast<void>(kernel.close(fd));
    static_cast<void>(kernel.pthread_sigmask(SIG_SETMASK, &before, nullptr));
  }

  Count wait(const Way& way, Duration timeout, const sigset_t* mask) {
    return way.wait(kernel, epoll, counter, timeout, mask);
  }
  void send(int signal) { EXPECT_TRUE(kernel.kill(kernel.getpid(), signal)); }
  /// Whether a signal is pending; it is not any more.
  bool was_pending() {
    signalfd_siginfo info{};
    return kernel.read(news, std::as_writable_bytes(std::span(&info, 1))).has_value();
  }
  void bump() {
    const std::uint64_t one = 1;
    EXPECT_TRUE(kernel.write(counter, std::as_bytes(std::span(&one, 1))));
  }
  void drain() {
    std::uint64_t value = 0;
    EXPECT_TRUE(kernel.read(counter, std::as_writable_bytes(std::span(&value, 1))));
  }

  Kernel& kernel;
  sigset_t before{};
  int counter, epoll, news;
};

template <class K>
class Masked : public testing::Test {
 protected:
  K on_;
  Scene scene_{on_.kernel()};
};
TYPED_TEST_SUITE(Masked, AllKernels);

// Also one of a signal that does nothing: Linux' epoll_wait(2) knows only that there is one.
TYPED_TEST(Masked, AnEpollWaitThatWouldSleepIsEndedByASignalThatWaitedForIt) {
  for (const Way& way : ways()) {
    if (!way.is_epoll) continue;
    this->scene_.send(harmless);
    EXPECT_EQ(errno_of(this->scene_.wait(way, 10s, &none)), EINTR) << way.name;
    EXPECT_FALSE(this->scene_.was_pending()) << way.name;
  }
}

TYPED_TEST(Masked, AnEpollWaitThatIsNotToWaitLeavesTheSignalPending) {
  for (const Way& way : ways()) {
    if (!way.is_epoll) continue;
    this->scene_.send(harmless);
    EXPECT_EQ(this->scene_.wait(way, 0s, &none), 0u) << way.name;
    EXPECT_TRUE(this->scene_.was_pending()) << way.name;
  }
}

// Linux restarts both; the signal is gone.
TYPED_TEST(Masked, PollAndSelectGoOnAfterASignalThatDoesNothing) {
  for (const Way& way : ways()) {
    if (way.is_epoll) continue;
    for (const Duration timeout : {Duration{0s}, Duration{2ms}}) {
      this->scene_.send(harmless);
      EXPECT_EQ(this->scene_.wait(way, timeout, &none), 0u) << way.name;
      EXPECT_FALSE(this->scene_.was_pending()) << way.name;
    }
  }
}

TYPED_TEST(Masked, WhatIsReadyComesBeforeTheSignalWhichStaysPending) {
  for (const Way& way : ways()) {
    this->scene_.bump();
    for (const Duration timeout : {Duration{0s}, Duration{10s}}) {
      this->scene_.send(harmless);
      EXPECT_EQ(this->scene_.wait(way, timeout, &none), 1u) << way.name;
      EXPECT_TRUE(this->scene_.was_pending()) << way.name;
    }
    this->scene_.drain();
  }
}

TYPED_TEST(Masked, ASignalThatTheCallBlocksAsWellIsNotNoticed) {
  const sigset_t same = signals({harmless}), other = signals({SIGURG});
  for (const Way& way : ways()) {
    this->scene_.send(harmless);
    EXPECT_EQ(this->scene_.wait(way, 2ms, &same), 0u) << way.name;
    EXPECT_EQ(this->scene_.wait(way, 2ms, nullptr), 0u) << way.name;
    EXPECT_TRUE(this->scene_.was_pending()) << way.name;
    EXPECT_EQ(this->scene_.wait(way, 2ms, &other), 0u) << way.name;
  }
}

TYPED_TEST(Masked, WhatIsWrongWithTheCallIsSaidBeforeTheSignalIsNoticed) {
  epoll_event event{};
  const timespec wrong{.tv_sec = 0, .tv_nsec = -1}, second{.tv_sec = 1, .tv_nsec = 0};
  auto& scene = this->scene_;
  scene.send(harmless);
  EXPECT_EQ(errno_of(scene.kernel.epoll_pwait(-1, std::span(&event, 1), 1000, &none)), EBADF);
  EXPECT_EQ(errno_of(scene.kernel.epoll_pwait(scene.epoll, {}, 1000, &none)), EINVAL);
  EXPECT_EQ(errno_of(scene.kernel.epoll_pwait2(-1, std::span(&event, 1), &second, &none)), EBADF);
  EXPECT_EQ(errno_of(scene.kernel.ppoll({}, &wrong, &none)), EINVAL);
  EXPECT_EQ(errno_of(scene.kernel.pselect(-1, nullptr, nullptr, nullptr, &second, &none)), EINVAL);
  EXPECT_TRUE(scene.was_pending());
}

TYPED_TEST(Masked, TheFormerMaskIsBackAfterTheCall) {
  for (const Way& way : ways()) {
    EXPECT_EQ(this->scene_.wait(way, 0s, &none), 0u);
    this->scene_.send(harmless);
    EXPECT_TRUE(this->scene_.was_pending()) << way.name;
  }
}

// ---- what ends a process ------------------------------------------------------------------------

// In a child of the program, or of init: what comes of SIGTERM that is pending when it waits.
std::string fate_on_linux(const Way& way, bool ready, Duration timeout) {
  const pid_t child = ::fork();
  if (child == 0) {
    Scene scene(LinuxKernel::shared());
    if (ready) scene.bump();
    scene.send(SIGTERM);
    ::_exit(static_cast<int>(scene.wait(way, timeout, &none).value_or(99)));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? "killed" : std::to_string(WEXITSTATUS(status));
}

template <class P>
std::string fate_on_vkern(const Way& way, bool ready, Duration timeout) {
  System<P> system;
  Process<P>& child = system.init().fork();
  Scene scene(child);
  if (ready) scene.bump();
  scene.send(SIGTERM);
  const Count count = scene.wait(way, timeout, &none);
  siginfo_t info{};
  EXPECT_TRUE(system.init().waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT));
  if (info.si_pid == 0) return std::to_string(count.value_or(99));
  EXPECT_EQ(errno_of(count), EINTR) << "of a process that has ended";
  return info.si_code == CLD_KILLED && info.si_status == SIGTERM ? "killed" : "ended otherwise";
}

TEST(MaskedCalls, EndAProcessWhenAndOnlyWhenLinuxDoes) {
  for (const Way& way : ways())
    for (const bool ready : {false, true})
      for (const Duration timeout : {Duration{0s}, Duration{2ms}}) {
        const std::string expected = fate_on_linux(way, ready, timeout);
        EXPECT_EQ(fate_on_vkern<Single>(way, ready, timeout), expected)
            << way.name << (ready ? ", ready, " : ", ") << timeout.count();
        EXPECT_EQ(fate_on_vkern<Threads>(way, ready, timeout), expected) << way.name;
      }
}

// A child that sleeps in `way` with `mask`, and gets `signal` in its sleep. The child's own mask is
// `own`. What init learns of it, and what the call answered; -1 if it did not return.
struct Ending {
  bool ended_in_its_sleep = false;
  bool has_ended = false;
  long answer = -1;
};

Ending signalled_in_its_sleep(const Way& way, const sigset_t& own, const sigset_t& mask,
                              int signal) {
  System<Single> system;
  Process<Single>& init = system.init();
  Process<Single>& child = init.fork();
  EXPECT_TRUE(child.pthread_sigmask(SIG_SETMASK, &own, nullptr));
  const int counter = *child.eventfd(0, 0);
  const int epoll = *child.epoll_create1(0);
  const auto has_ended = [&] {
    siginfo_t info{};
    EXPECT_TRUE(init.waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT));
    return info.si_pid != 0;
  };
  Ending ending;
  system.world().spawn([&] {
    const Count count = way.wait(child, epoll, counter, 10s, &mask);
    ending.answer = count ? static_cast<long>(*count) : -1L * count.error().value();
  });
  system.world().run_until_idle();
  EXPECT_TRUE(init.kill(child.getpid(), signal));
  system.world().run_until_idle();
  ending.ended_in_its_sleep = has_ended();
  system.world().advance(20s);
  ending.has_ended = has_ended();
  return ending;
}

TEST(MaskedCalls, LetASignalThroughDuringTheirSleep) {
  const sigset_t all = signals({SIGTERM, harmless});
  for (const Way& way : ways()) {
    EXPECT_TRUE(signalled_in_its_sleep(way, all, none, SIGTERM).ended_in_its_sleep) << way.name;
    const Ending harmless_one = signalled_in_its_sleep(way, all, none, harmless);
    EXPECT_FALSE(harmless_one.has_ended) << way.name;
    EXPECT_EQ(harmless_one.answer, 0) << way.name << ": what does nothing wakes nobody";
  }
}

TEST(MaskedCalls, HoldASignalBackUntilTheyReturn) {
  const sigset_t all = signals({SIGTERM});
  for (const Way& way : ways()) {
    const Ending ending = signalled_in_its_sleep(way, none, all, SIGTERM);
    EXPECT_FALSE(ending.ended_in_its_sleep) << way.name;
    EXPECT_EQ(ending.answer, 0) << way.name;
    EXPECT_TRUE(ending.has_ended) << way.name;
  }
}

}  // namespace
}  // namespace tocsin::vkern
