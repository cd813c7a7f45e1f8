// SPDX-License-Identifier: MIT
//
// fork(2): a loop in a child is the parent's loop, whose epoll and eventfd both processes hold. It
// says so and dies, or it starts anew; either way the parent notices nothing. A child here ends by
// _exit with the number of the check that failed, which EXPECT_EQ shows.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tocsin/loop/loop_testing.hpp"

namespace tocsin {
namespace {

using namespace loop_testing;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;

class LoopFork : public LoopTest {
 protected:
  void SetUp() override {
    ONLY_ON_LINUX("a kernel in user space is not forked with its program");
    LoopTest::SetUp();
  }
  // Runs `child` in a forked process and answers its exit status: 0, or what it returned.
  template <class Child>
  int in_child(Child child) {
    const pid_t id = fork();
    if (id == 0) _exit(child());
    int status = -1;
    EXPECT_EQ(waitpid(id, &status, 0), id);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
};
INSTANTIATE_TEST_SUITE_P(All, LoopFork, every_mechanism, name_of_mechanism);

class LoopForkDeathTest : public LoopFork {};
INSTANTIATE_TEST_SUITE_P(All, LoopForkDeathTest, every_mechanism, name_of_mechanism);

// A death test of the style "fast" forks, and so is the situation it is about.
TEST_P(LoopForkDeathTest, EveryUseInAChildDiesWithAClearMessage) {
  GTEST_FLAG_SET(death_test_style, "fast");
  const char* const message = "used in a forked child: call restart_after_fork";
  EXPECT_DEATH(static_cast<void>(loop().run_once(0ns)), message);
  EXPECT_DEATH(static_cast<void>(loop().run()), message);
  EXPECT_DEATH(CallSource(loop(), nullptr), message);
}

TEST_P(LoopFork, AChildMayTakeTheLoopApartAndTheParentNoticesNothing) {
  auto source = std::make_unique<CallSource>(loop(), note_ready("source"));
  EXPECT_EQ(in_child([&] {
              source.reset();
              loop_.reset();
              return 0;
            }),
            0);
  source->ring();
  turn();
  EXPECT_EQ(log_, Log{"source"});
  loop().waker().post(note("posted"));
  turn();
  EXPECT_EQ(log_, (Log{"source", "posted"}));
}

TEST_P(LoopFork, AChildThatStartsAnewHasTheRegistrationsTheAlarmsAndAWakerOfItsOwn) {
  CallSource source(loop(), note_ready("source"), level);
  CallAlarm alarm(note("alarm"));
  CallWork work(note("work"));
  loop().arm(alarm, loop().now() + 1ms);
  loop().post(work);
  const auto child = [&] {
    if (!loop().restart_after_fork()) return 1;
    if (!loop().run_once(0ns) || log_.empty() || log_[0] != "work") return 2;
    while (log_.size() < 2)
      if (!loop().run_once(std::nullopt)) return 3;
    if (log_.back() != "alarm") return 4;
    source.ring();
    if (!loop().run_once(10s) || log_.back() != "source") return 5;
    source.drain();
    const std::jthread other([&] { loop().waker().post(note("posted")); });
    if (!loop().run_once(10s) || log_.back() != "posted") return 6;
    CallSource added(loop(), note_ready("added"));
    added.ring();
    if (!loop().run_once(10s) || log_.back() != "added") return 7;
    source.remove();
    return 0;
  };
  EXPECT_EQ(in_child(child), 0);

  EXPECT_EQ(log_, Log{});
  while (log_.size() < 2) ASSERT_TRUE(loop().run_once(std::nullopt));
  EXPECT_EQ(log_, (Log{"work", "alarm"})) << "what the child has run is still the parent's to run";
  source.ring();
  turn();
  EXPECT_EQ(log_.back(), "source") << "and what the child has removed is still registered";
}

// The eventfd that both have is left to the parent: a child's posts do not ring there.
TEST_P(LoopFork, AChildThatStartedAnewDoesNotWakeTheParent) {
  EXPECT_EQ(in_child([&] {
              if (!loop().restart_after_fork()) return 1;
              loop().waker().wake();
              for (int i = 0; i < 3; ++i) {
                const std::jthread other([&] { loop().waker().wake(); });
                if (!loop().run_once(10s)) return 2;
              }
              return 0;
            }),
            0);
  turn();
  EXPECT_EQ(loop().counters().events, 0u);
}

TEST_P(LoopFork, AGrandchildHasToStartAnewAgain) {
  EXPECT_EQ(in_child([&] {
              if (!loop().restart_after_fork()) return 1;
              const int status = in_child([&] {
                if (!loop().restart_after_fork() || !loop().run_once(0ns)) return 1;
                return 0;
              });
              return status == 0 && loop().run_once(0ns) ? 0 : 2;
            }),
            0);
}

TEST_P(LoopFork, ALoopThatIsEmbeddedStartsAnewWithADescriptorOfItsOwn) {
  if (GetParam() == Mechanism::io_uring) GTEST_SKIP() << "io_uring has no descriptor to wait for";
  ASSERT_TRUE(loop().fd());
  CallAlarm alarm(note("alarm"));
  loop().arm(alarm, loop().now() + 1ms);
  EXPECT_EQ(in_child([&] {
              if (!loop().restart_after_fork()) return 1;
              pollfd look{.fd = loop().fd().value(), .events = POLLIN, .revents = 0};
              const timespec limit{.tv_sec = 10, .tv_nsec = 0};
              for (int i = 0; i < 10 && log_.empty(); ++i) {
                if (loop().kernel().ppoll({&look, 1}, &limit) != 1u) return 2;
                if (!loop().run_once(0ns)) return 3;
              }
              return log_ == Log{"alarm"} ? 0 : 4;
            }),
            0);
  while (log_.empty()) ASSERT_TRUE(loop().run_once(std::nullopt));
}

}  // namespace
}  // namespace tocsin
