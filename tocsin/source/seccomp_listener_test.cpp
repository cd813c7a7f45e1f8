// SPDX-License-Identifier: MIT
//
// The sandbox is one thread of the test, or what that starts; the loop's thread supervises.
#include "tocsin/source/seccomp_listener.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <semaphore>
#include <string>

#include <gtest/gtest.h>

#include "tocsin/kern/forwarding_kernel_testing.hpp"
#include "tocsin/source/loop_scenario_testing.hpp"
#include "tocsin/source/loop_testing.hpp"

namespace tocsin {
namespace {

/// As system calls answer without the C library: a value, or an errno below zero.
template <class... Arguments>
long raw_call(long number, Arguments... arguments) {
  const long answer = ::syscall(number, arguments...);
  return answer == -1 ? -errno : answer;
}

SeccompFilter notifying(std::initializer_list<int> numbers) {
  return SeccompFilter().on(numbers, SeccompAction::notify());
}

class Seccomp : public testing::Test {
 protected:
  void SetUp() override { ONLY_ON_LINUX("vkern has no seccomp"); }

  /// Nothing, and the test is skipped, where this kernel has no supervisors.
  std::optional<SeccompListener> supervise(SeccompFilter filter, SeccompListener::Start start,
                                           LoopWorld& world) {
    auto made = SeccompListener::supervise(world.loop, std::move(filter), std::move(start));
    if (made) return std::move(*made);
    [&] {
      if (made.error() == Errno{EBUSY})
        GTEST_SKIP() << "these tests run in a supervised sandbox themselves: EBUSY";
      if (made.error() == Errno{ENOSYS} || made.error() == Errno::invalid)
        GTEST_SKIP() << "no seccomp with supervisors: " << made.error().name();
      FAIL() << made.error().name();
    }();
    return std::nullopt;
  }
  std::optional<SeccompListener> supervise(std::initializer_list<int> numbers,
                                           SeccompListener::Start start) {
    return supervise(notifying(numbers), std::move(start), world_);
  }

  /// Has `decide(listener, call)` answer every call, until nobody is left to make one.
  template <class Decide>
  Result<> serve(SeccompListener& listener, Decide decide) {
    return world_.await([](SeccompListener& from, Decide& answer) -> Task<Result<>> {
      while (true) {
        const auto call = co_await from.next();
        if (!call) co_return std::unexpected(call.error());
        EXPECT_TRUE(answer(from, *call));
      }
    }(listener, decide));
  }

  LoopWorld world_;
};

TEST_F(Seccomp, ACallIsAnEventWithItsArgumentsAndGetsAnyAnswer) {
  std::atomic<long> got = 0;
  std::atomic<pid_t> thread = 0;
  auto listener = supervise({SYS_getppid}, [&] {
    thread = static_cast<pid_t>(::syscall(SYS_gettid));
    got = raw_call(SYS_getppid, 1L, 2L, 3L, 4L, 5L, 6L);
  });
  if (!listener) return;
  SystemCall seen;
  const auto end = serve(*listener, [&](SeccompListener& from, const SystemCall& call) {
    seen = call;
    return from.answer(call, 4711);
  });
  EXPECT_EQ(end.error(), Errno{ESRCH}) << "nobody is left to make a call";
  EXPECT_EQ(seen.number, SYS_getppid);
  EXPECT_EQ(seen.thread, thread);
  EXPECT_EQ(seen.arguments, (std::array<std::uint64_t, 6>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(got, 4711);
}

TEST_F(Seccomp, ACallIsAllowedOrDenied) {
  std::atomic<long> first = 0;
  std::atomic<long> second = 0;
  auto listener = supervise({SYS_getppid}, [&] {
    first = raw_call(SYS_getppid);
    second = raw_call(SYS_getppid);
  });
  if (!listener) return;
  int calls = 0;
  static_cast<void>(serve(*listener, [&](SeccompListener& from, const SystemCall& call) {
    return ++calls == 1 ? from.allow(call) : from.deny(call, Errno{EACCES});
  }));
  EXPECT_EQ(first, ::getppid());
  EXPECT_EQ(second, -EACCES);
}

TEST_F(Seccomp, APathIsReadAndAnotherFileHandedOver) {
  std::string read(2, '?');
  std::atomic<long> missing = 0;
  auto listener = supervise({SYS_openat}, [&] {
    const long fd = raw_call(SYS_openat, AT_FDCWD, "/a/wish", O_RDONLY, 0);
    static_cast<void>(raw_call(SYS_read, fd, read.data(), read.size()));
    static_cast<void>(raw_call(SYS_close, fd));
    missing = raw_call(SYS_openat, AT_FDCWD, nullptr, O_RDONLY, 0);
  });
  if (!listener) return;
  const auto pipe = kernel_under_test().pipe2(O_CLOEXEC).value();
  const Fd reader(kernel_under_test(), pipe[0]);
  const Fd writer(kernel_under_test(), pipe[1]);
  ASSERT_TRUE(kernel_under_test().write(writer.get(), as_bytes("ok")));
  static_cast<void>(serve(*listener, [&](SeccompListener& from, const SystemCall& call) {
    const auto path = from.read_text(call, call.arguments[1]);
    if (!path) return from.deny(call, path.error());
    EXPECT_EQ(*path, "/a/wish");
    const auto given = from.give_fd(call, reader.get(), O_CLOEXEC);
    EXPECT_TRUE(given);
    return Result<>();
  }));
  listener.reset();  // Its thread has ended: what that wrote can be read.
  EXPECT_EQ(read, "ok");
  EXPECT_EQ(missing, -EFAULT);
}

// Before Linux 5.14 to hand over and to answer are two steps.
TEST_F(Seccomp, AFileIsHandedOverByAnOlderKernel) {
  struct Older : ForwardingKernel {
    Result<int> ioctl(int fd, unsigned long request, void* argument) override {
      if (request == SECCOMP_IOCTL_NOTIF_ADDFD &&
          static_cast<seccomp_notif_addfd*>(argument)->flags == SECCOMP_ADDFD_FLAG_SEND)
        return std::unexpected(Errno::invalid);
      return ForwardingKernel::ioctl(fd, request, argument);
    }
  } kernel;
  LoopWorld world(kernel);
  std::atomic<long> status = -1;
  auto listener = supervise(
      notifying({SYS_openat}),
      [&] {
        const long fd = raw_call(SYS_openat, AT_FDCWD, "/", O_RDONLY, 0);
        struct stat what{};
        status = ::fstat(static_cast<int>(fd), &what);
        static_cast<void>(raw_call(SYS_close, fd));
      },
      world);
  if (!listener) return;
  const auto call = world.await([](SeccompListener& from) -> Task<Result<SystemCall>> {
    co_return co_await from.next();
  }(*listener));
  ASSERT_TRUE(call);
  EXPECT_TRUE(listener->give_fd(*call, listener->fd()));
  EXPECT_TRUE(world.run_until([&] { return status != -1; }));
  EXPECT_EQ(status, 0);
}

TEST_F(Seccomp, RulesRefuseWithoutAskingAndTheFirstOneCounts) {
  std::atomic<long> denied = 0;
  std::atomic<long> x32 = 0;
  const SeccompFilter filter = SeccompFilter()
                                   .on({SYS_getppid}, SeccompAction::deny(Errno{EPERM}))
                                   .on({SYS_getppid}, SeccompAction::kill());
  auto listener = supervise(
      filter,
      [&] {
        denied = raw_call(SYS_getppid);
        x32 = raw_call(0x40000000L + SYS_getppid);
      },
      world_);
  if (!listener) return;
  EXPECT_EQ(serve(*listener, [](auto&, auto&) { return Result<>(); }).error(), Errno{ESRCH});
  EXPECT_EQ(denied, -EPERM);
  EXPECT_EQ(x32, -ENOSYS) << "a number of another ABI passes by no rule";
}

TEST_F(Seccomp, WhatNobodyAnsweredIsEnosysWhenTheListenerEnds) {
  std::atomic<long> asked = 0;
  std::atomic<long> later = 0;
  auto listener = supervise({SYS_getppid}, [&] {
    asked = raw_call(SYS_getppid);
    later = raw_call(SYS_getppid);
  });
  if (!listener) return;
  ASSERT_TRUE(world_.await([](SeccompListener& from) -> Task<Result<SystemCall>> {
    co_return co_await from.next();
  }(*listener)));
  listener.reset();  // Its thread has ended.
  EXPECT_EQ(asked, -ENOSYS);
  EXPECT_EQ(later, -ENOSYS);
}

TEST_F(Seccomp, ACallThatWasAnsweredWaitsNoMore) {
  auto listener = supervise({SYS_getppid}, [] { static_cast<void>(raw_call(SYS_getppid)); });
  if (!listener) return;
  std::optional<SystemCall> answered;
  static_cast<void>(serve(*listener, [&](SeccompListener& from, const SystemCall& call) {
    EXPECT_TRUE(from.is_waiting(call));
    answered = call;
    return from.answer(call, 0);
  }));
  ASSERT_TRUE(answered);
  std::array<std::byte, 8> memory{};
  EXPECT_FALSE(listener->is_waiting(*answered));
  EXPECT_EQ(listener->read_memory(*answered, 1, memory).error(), Errno{ENOENT});
  EXPECT_EQ(listener->answer(*answered, 0).error(), Errno{ENOENT});
  EXPECT_EQ(listener->give_fd(*answered, 0).error(), Errno{ENOENT});
}

TEST_F(Seccomp, AProgramThatTheThreadStartsIsInTheSandbox) {
  siginfo_t end{};
  Kernel& kernel = kernel_under_test();
  const Fd null(kernel, kernel.openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0).value());
  const SpawnRequest::Placed standard[] = {{null.get(), 0}, {null.get(), 1}, {null.get(), 2}};
  auto listener = supervise({SYS_openat}, [&] {
    static char name[] = "cat";
    static char file[] = "/a/secret";
    char* arguments[] = {name, file, nullptr};
    SpawnRequest request;
    request.program = name;
    request.arguments = arguments;
    request.descriptors = standard;
    const auto made = kernel.pidfd_spawn(request);
    if (!made) return;
    const Fd pidfd(kernel, made->pidfd);
    EXPECT_TRUE(kernel.waitid(P_PID, static_cast<id_t>(made->pid), end, WEXITED));
  });
  if (!listener) return;
  int secrets = 0;
  EXPECT_EQ(serve(*listener,
                  [&](SeccompListener& from, const SystemCall& call) {
                    const auto path = from.read_text(call, call.arguments[1]);
                    if (path != "/a/secret") return from.allow(call);
                    ++secrets;
                    return from.deny(call, Errno{EACCES});
                  })
                .error(),
            Errno{ESRCH});
  listener.reset();
  EXPECT_EQ(secrets, 1);
  EXPECT_EQ(end.si_status, 1);
}

/// A thread that makes a call whenever it is told to.
class Calls : public LoopScenario<> {
 public:
  Calls() { set_out(); }
  ~Calls() override {
    ended_ = true;
    go_.release();
  }
  Task<> line() override {
    for (int i = 0; i < 2; ++i) {
      const auto call = co_await listener_.next();
      if (!call) co_return;
      EXPECT_TRUE(listener_.answer(*call, 0));
    }
  }
  void complete() override {
    go_.release();
    pollfd ready{.fd = listener_.fd(), .events = POLLIN, .revents = 0};
    const timespec limit{.tv_sec = 10, .tv_nsec = 0};
    EXPECT_EQ(kernel.ppoll({&ready, 1}, &limit).value(), 1u);
  }

 private:
  std::counting_semaphore<> go_{0};
  std::atomic<bool> ended_ = false;
  SeccompListener listener_ = SeccompListener::supervise(loop(), notifying({SYS_getppid}), [this] {
                                for (go_.acquire(); !ended_; go_.acquire())
                                  static_cast<void>(raw_call(SYS_getppid));
                              }).value();
};
TEST_F(Seccomp, ACallIsWaitedForAndGivenUpWithoutATrace) {
  if (!supervise({SYS_getppid}, [] {})) return;
  EXPECT_EQ(walk<Calls>(), 2);
}

}  // namespace
}  // namespace tocsin
