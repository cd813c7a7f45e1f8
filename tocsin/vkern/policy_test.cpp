// SPDX-License-Identifier: MIT
#include "tocsin/vkern/policy.hpp"

#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/cpu_relax.hpp"
#include "tocsin/kern/linux_futex.hpp"

namespace tocsin::vkern {
namespace {

// Refuses membarrier(2) to this process and its children, as a sandbox may. False if that is
// forbidden itself.
bool refuse_membarrier() {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Now and then it is held so long that whoever wants it goes to sleep.
TEST(FutexLock, OneAtATimeHasItAndNobodySleepsForEver) {
  constexpr int rounds = 2000;
  constexpr int threads = 4;
  constexpr int longer_than_a_look_around = 400;
  FutexLock lock;
  int count = 0;
  {
    std::vector<std::jthread> crowd;
    for (int i = 0; i < threads; ++i)
      crowd.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) {
          const std::lock_guard held(lock);
          const int before = count;
          for (int j = 0; round % 16 == 0 && j < longer_than_a_look_around; ++j) cpu_relax();
          count = before + 1;
        }
      });
  }
  EXPECT_EQ(count, rounds * threads);
}

TEST(FutexLock, AKernelWithoutMembarrierIsNoticedAndDoneWithout) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr int forbidden = 77;
    if (!refuse_membarrier()) ::_exit(forbidden);
    // What the kernel can do is found out when a program starts.
    ::execl("/proc/self/exe", "policy_test",
            "--gtest_filter=FutexLock.OneAtATime*:*AsTheKernelSays", nullptr);
    ::_exit(EXIT_FAILURE);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "a seccomp filter is forbidden here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// In the child of the test above as well.
TEST(FutexLock, ItIsKnownWhetherMembarrierIsToBeHadAsTheKernelSays) {
  EXPECT_EQ(has_membarrier, ::syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) > 0);
}

TEST(Futex, AWordThatHasChangedIsNotWaitedForAndADeadlineEndsTheWait) {
  const std::atomic<std::uint32_t> word = 1;
  EXPECT_TRUE(futex_wait(word, 0, TimePoint{}));
  EXPECT_FALSE(futex_wait(word, 1, TimePoint{}));
}

}  // namespace
}  // namespace tocsin::vkern
