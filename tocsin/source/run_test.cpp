// SPDX-License-Identifier: MIT
//
// Method: the body sends the signals to its own process. They are blocked while it runs, so they
// can reach nobody but `run`.
#include "tocsin/source/run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <stdexcept>

#include <gtest/gtest.h>

#include "tocsin/kern/child_testing.hpp"
#include "tocsin/source/input.hpp"
#include "tocsin/source/loop_testing.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin {
namespace {

using namespace std::chrono_literals;

bool is_blocked(int number) {
  sigset_t mask;
  EXPECT_TRUE(kernel_under_test().pthread_sigmask(SIG_BLOCK, nullptr, &mask));
  return ::sigismember(&mask, number) == 1;
}

void send_to_self(int number) {
  EXPECT_TRUE(kernel_under_test().kill(kernel_under_test().getpid(), number));
}

Result<> run_here(Body body) { return run(std::move(body), kernel_under_test()); }

// For the thread or for the process: a signalfd(2) tells of both.
bool is_pending(int number) {
  Kernel& kernel = kernel_under_test();
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, number);
  const Fd fd(kernel, kernel.signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK).value());
  pollfd look{.fd = fd.get(), .events = POLLIN, .revents = 0};
  const timespec no_time{};
  return kernel.ppoll({&look, 1}, &no_time).value() == 1;
}

TEST(Run, GivesWhatTheBodyGives) {
  EXPECT_TRUE(run_here([](Loop&) -> Task<Result<>> { co_return {}; }));
  const auto failed =
      run_here([](Loop&) -> Task<Result<>> { co_return std::unexpected(Errno{ENOENT}); });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), Errno{ENOENT});
}

// As in `prog <&-`: the loop's own descriptors would get that number, and be read.
TEST(Run, AStandardInputThatIsClosedIsEbadfAndNobodyElses) {
  ONLY_ON_LINUX("in vkern a process begins without any");
  const std::string reason = in_child([]() -> std::string {
    Kernel& kernel = kernel_under_test();
    ::close(STDIN_FILENO);
    const auto done = run_here([](Loop& loop) -> Task<Result<>> {
      auto input = Input::create(loop, STDIN_FILENO);
      if (!input) co_return std::unexpected(input.error());
      const auto line = co_await input->read_line();
      if (!line) co_return std::unexpected(line.error());
      co_return {};
    });
    EXPECT_TRUE(!done && done.error() == Errno{EBADF});
    EXPECT_FALSE(kernel.fcntl(STDIN_FILENO, F_GETFD, 0)) << "it is closed again";
    return "";
  });
  EXPECT_EQ(reason, "");
}

TEST(Run, ABodyMayWait) {
  int steps = 0;
  const auto done = run_here([&](Loop&) -> Task<Result<>> {
    for (; steps < 3; ++steps) (void)co_await sleep_for(1us);
    co_return {};
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(steps, 3);
}

TEST(Run, TheFirstSignalCancelsTheBodyWhichEndsAsItLikes) {
  for (const int number : {SIGINT, SIGTERM}) {
    bool cleaned_up = false;
    const auto done = run_here([&](Loop&) -> Task<Result<>> {
      send_to_self(number);
      const auto slept = co_await sleep_for(1h);
      EXPECT_FALSE(slept);
      cleaned_up = true;
      co_return {};
    });
    EXPECT_TRUE(done);
    EXPECT_TRUE(cleaned_up);
  }
}

TEST(Run, ABodyThatSaysEcanceledBecauseItWasToldToHasSucceeded) {
  const auto told = run_here([](Loop&) -> Task<Result<>> {
    send_to_self(SIGTERM);
    co_return co_await sleep_for(1h);
  });
  EXPECT_TRUE(told);
  const auto untold =
      run_here([](Loop&) -> Task<Result<>> { co_return std::unexpected(Errno::cancelled); });
  EXPECT_FALSE(untold);
}

TEST(Run, AFailureWhileItEndsIsStillAFailure) {
  const auto done = run_here([](Loop&) -> Task<Result<>> {
    send_to_self(SIGTERM);
    (void)co_await sleep_for(1h);
    co_return std::unexpected(Errno{EIO});
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), Errno{EIO});
}

/// A wait that ends by nothing, and takes no notice of being cancelled.
class Forever final : public Suspension {
 public:
  bool await_ready() const { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiter) {
    enter(Waiter{waiter, &waiter.promise().context()});
  }
  void await_resume() const {}

 private:
  void on_cancel() override {}
  void on_destroy() override {}
};

TEST(Run, TheSecondSignalDestroysTheBody) {
  struct Witness {
    bool& destroyed;
    ~Witness() { destroyed = true; }
  };
  bool destroyed = false;
  bool cancelled = false;
  const auto done = run_here([&](Loop&) -> Task<Result<>> {
    const Witness witness{destroyed};
    send_to_self(SIGTERM);
    const auto slept = co_await sleep_for(1h);
    cancelled = !slept;
    send_to_self(SIGINT);
    co_await Forever{};
    co_return {};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), Errno::cancelled);
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(destroyed);
}

TEST(Run, AnExceptionOfTheBodyComesOut) {
  EXPECT_THROW(static_cast<void>(run_here([](Loop&) -> Task<Result<>> {
                 (void)co_await sleep_for(1us);
                 throw std::runtime_error("on purpose");
                 co_return {};
               })),
               std::runtime_error);
  EXPECT_FALSE(is_blocked(SIGPIPE));
}

TEST(Run, SigpipeIsBlockedMeanwhileAndForgottenAfterwards) {
  ASSERT_FALSE(is_blocked(SIGPIPE));
  const auto done = run_here([](Loop&) -> Task<Result<>> {
    EXPECT_TRUE(is_blocked(SIGPIPE));
    // Pending for the thread, where threads have signals of their own, and for the process.
    if (is_linux_under_test()) {
      EXPECT_EQ(::raise(SIGPIPE), 0);
    }
    send_to_self(SIGPIPE);
    EXPECT_TRUE(is_pending(SIGPIPE));
    co_return {};
  });
  EXPECT_TRUE(done);
  EXPECT_FALSE(is_blocked(SIGPIPE));  // And this process is still there: its default is to end it.
  EXPECT_FALSE(is_pending(SIGPIPE));
}

TEST(Run, LeavesTheMaskAsItWas) {
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) ASSERT_FALSE(is_blocked(number));
  EXPECT_TRUE(run_here([](Loop&) -> Task<Result<>> { co_return {}; }));
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) EXPECT_FALSE(is_blocked(number));
}

}  // namespace
}  // namespace tocsin
