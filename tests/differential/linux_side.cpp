// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/capability.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "tests/differential/fdinfo.hpp"
#include "tests/differential/linux_threads.hpp"
#include "tests/differential/names.hpp"
#include "tests/differential/ops_inet.hpp"
#include "tests/differential/side.hpp"
#include "tocsin/base/check.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/system.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::differential {
namespace {

// Every signal that a sequence may send stays pending until somebody reads it from a signalfd.
// SIGPIPE is not one of them: it is ignored, and a blocked signal would not be.
void block_signals() {
  CHECK(::signal(SIGPIPE, SIG_IGN) != SIG_ERR, "SIGPIPE can be ignored");
  const sigset_t all = all_but_sigpipe();
  CHECK(LinuxKernel::shared().pthread_sigmask(SIG_SETMASK, &all, nullptr), "signals are blocked");
}

// With it, EPOLLWAKEUP would show in fdinfo, on machines that can be suspended; vkern never is.
void drop_block_suspend() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return;
  sets[CAP_BLOCK_SUSPEND / 32].effective &= ~(1U << (CAP_BLOCK_SUSPEND % 32));
  CHECK(::syscall(SYS_capset, &header, sets.data()) == 0, "a capability can be given up");
}

void drain_signals() {
  const sigset_t all = all_but_sigpipe();
  const timespec at_once{};
  while (::sigtimedwait(&all, nullptr, &at_once) > 0) continue;
}

// All of them; which still run, only the kernel knows.
void end_children(const std::vector<pid_t>& children) {
  for (const pid_t pid : children) {
    siginfo_t info{};
    const auto id = static_cast<id_t>(pid);
    // Its number may be somebody else's by now, if it was waited for.
    if (::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0) continue;
    ::kill(pid, SIGKILL);
    ::waitid(P_PID, id, &info, WEXITED);
  }
}

void limit_descriptors(rlim_t count) {
  const rlimit limit{.rlim_cur = count, .rlim_max = high_descriptor + 64};
  CHECK(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "the limit can be lowered");
}

// At the first switch of fibers the address sanitizer writes a warning, once a process, to
// descriptor 2: which has to be what it was then, and not one of a sequence's.
void switch_fibers_once() {
  vkern::System<vkern::Single> system;
  system.world().spawn([] {});
  system.world().run_until_idle();
}

}  // namespace

LinuxSide::~LinuxSide() = default;

LinuxSide::LinuxSide() {
  switch_fibers_once();
  block_signals();
  drop_block_suspend();
  limit_descriptors(most_descriptors);
  ::close_range(0, UINT_MAX, 0);
  LinuxSide::reset(0);
}

Kernel& LinuxSide::kernel() { return LinuxKernel::shared(); }

std::string LinuxSide::text_of(const std::string& path) {
  limit_descriptors(most_descriptors + 1);  // The table may be full.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  limit_descriptors(most_descriptors);
  if (file == -1) return {};
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  ::close(file);
  return text;
}

std::string LinuxSide::fdinfo(int fd) {
  return comparable_fdinfo(text_of("/proc/self/fdinfo/" + std::to_string(fd)));
}

// "1) time spent on the cpu, 2) time spent waiting on a runqueue, 3) # of timeslices run on this
// cpu", in nanoseconds (Documentation/scheduler/sched-stats.rst).
Duration LinuxSide::delay() {
  std::istringstream text(text_of("/proc/thread-self/schedstat"));
  std::int64_t running = 0, waiting = 0;
  text >> running >> waiting;
  return Duration{waiting};
}

TimePoint LinuxSide::now() {
  const timespec time = kernel().clock_gettime(CLOCK_MONOTONIC).value();
  return TimePoint{std::chrono::seconds{time.tv_sec} + Duration{time.tv_nsec}};
}

void LinuxSide::wait_until(TimePoint when) {
  for (Duration left = when - now(); left > Duration::zero(); left = when - now()) {
    const timespec time{.tv_sec = left / std::chrono::seconds{1},
                        .tv_nsec = (left % std::chrono::seconds{1}).count()};
    static_cast<void>(kernel().ppoll({}, &time));  // Ends early or not: it is asked again.
  }
}

// A connection that has ended stays for a minute, and its port may be drawn again: there must not
// be many of them.
void LinuxSide::prepare_network() {
  constexpr int most_sequences = 100;
  if (sequences_in_network_++ % most_sequences != 0) return;
  limit_descriptors(most_descriptors + 1);  // The table may be full.
  CHECK(make_own_network(), "who was asked before whether there can be one was told so");
  limit_descriptors(most_descriptors);
}

void LinuxSide::start(std::size_t thread) {
  if (!threads_) {
    limit_descriptors(high_descriptor + 64);
    threads_ = std::make_unique<LinuxThreads>([this](std::size_t one) { work(one); });
    limit_descriptors(most_descriptors);
  }
  threads_->run(thread);
}

pid_t LinuxSide::fork() {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  CHECK(pid != -1, "there is room for a process");
  if (pid != 0) {
    children_.push_back(pid);
    return pid;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // It came too late for that.
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGRTMAX);
  siginfo_t info{};
  while (::sigwaitinfo(&end, &info) < 0) continue;
  ::_exit(info.si_value.sival_int);
}

Result<> LinuxSide::end_child(pid_t pid, int status) {
  const sigval value{.sival_int = status};
  if (::sigqueue(pid, SIGRTMAX, value) != 0) return std::unexpected(Errno{ESRCH});
  await_end(pid);
  return {};
}

// Sleeps in futex(2), which is no sleep of an op's (LinuxThreads::is_asleep): on a busy machine it
// can take the child a while to end, and an op that waits for that must not be taken for one that
// blocks.
void LinuxSide::await_end(pid_t pid) {
  sem_t never;
  ::sem_init(&never, 0, 0);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
         info.si_pid == 0) {
    timespec soon{};
    ::clock_gettime(CLOCK_MONOTONIC, &soon);
    soon.tv_nsec += 20'000;
    if (soon.tv_nsec >= 1'000'000'000) soon = {.tv_sec = soon.tv_sec + 1, .tv_nsec = 0};
    ::sem_clockwait(&never, CLOCK_MONOTONIC, &soon);
  }
  ::sem_destroy(&never);
}

Content LinuxSide::content_of(int fd) {
  std::array<char, 64> target{};
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (::readlink(path.c_str(), target.data(), target.size() - 1) <= 0) return Content::plain;
  const std::string_view name = target.data();
  if (name == "anon_inode:[signalfd]") return Content::signals;
  return name == "anon_inode:inotify" ? Content::file_events : Content::plain;
}

void LinuxSide::reset(std::uint32_t used) {
  if (threads_) threads_->interrupt();
  clear();
  ++sequence_number();
  ::close_range(0, high_descriptor - 1, 0);
  if ((used & bit(Kind::process)) != 0) end_children(std::exchange(children_, {}));
  if ((used & (bit(Kind::signal) | bit(Kind::process))) != 0) drain_signals();
  if ((used & bit(Kind::queue)) != 0) remove_queues();
  if ((used & bit(Kind::file)) != 0)
    for (const auto& entry : std::filesystem::directory_iterator("."))
      std::filesystem::remove_all(entry.path());
}

}  // namespace tocsin::differential
