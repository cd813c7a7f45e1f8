// SPDX-License-Identifier: MIT
#include "tests/differential/linux_threads.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "tests/differential/names.hpp"
#include "tests/differential/ops.hpp"
#include "tocsin/base/check.hpp"

namespace tocsin::differential {
namespace {

// None that a sequence sends.
int interruption() { return SIGRTMAX - 1; }

bool become_first() {
  const sched_param lowest{.sched_priority = 1};
  return ::sched_setscheduler(0, SCHED_FIFO, &lowest) == 0;
}

// Several fuzzers that run at once had better not meet on one.
void stay_on_one_processor() {
  cpu_set_t allowed;
  CHECK(::sched_getaffinity(0, sizeof allowed, &allowed) == 0, "a process may run somewhere");
  int skip = ::getpid() % CPU_COUNT(&allowed);
  int chosen = 0;
  while (!CPU_ISSET(chosen, &allowed) || skip-- > 0) ++chosen;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(chosen, &one);
  CHECK(::sched_setaffinity(0, sizeof one, &one) == 0, "a process may do with less");
}

void let_signals_interrupt() {
  struct sigaction action{};
  action.sa_handler = [](int) {};  // And no SA_RESTART.
  CHECK(::sigaction(interruption(), &action, nullptr) == 0, "a signal can be handled");
}

int open_high(pid_t thread, const char* name) {
  const std::string path = "/proc/self/task/" + std::to_string(thread) + '/' + name;
  const int low = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int high = ::fcntl(low, F_DUPFD_CLOEXEC, high_descriptor);
  CHECK(high >= high_descriptor, "a thread can be looked at");
  ::close(low);
  return high;
}

std::string_view read_again(int file, std::array<char, 512>& room) {
  const ssize_t count = ::pread(file, room.data(), room.size(), 0);
  return {room.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
}

void take_a_nap() {
  const timespec time{.tv_sec = 0, .tv_nsec = 20'000};
  ::ppoll(nullptr, 0, &time, nullptr);
}

}  // namespace

bool LinuxThreads::are_permitted() {
  bool permitted = false;
  {
    const std::jthread one([&] { permitted = become_first(); });
  }
  return permitted;
}

LinuxThreads::LinuxThreads(std::function<void(std::size_t)> work) : work_(std::move(work)) {
  stay_on_one_processor();
  let_signals_interrupt();
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    Thread& one = threads_[i];
    ::sem_init(&one.start, 0, 0);
    one.thread = std::jthread([this, &one, i] { serve(one, i); });
    while (one.id == 0) take_a_nap();
    one.stat = open_high(one.id, "stat");
    one.syscall = open_high(one.id, "syscall");
  }
}

LinuxThreads::~LinuxThreads() {
  ends_ = true;
  for (Thread& one : threads_) {
    ::sem_post(&one.start);
    one.thread.join();  // Before what it works on goes.
    ::sem_destroy(&one.start);
    ::close(one.stat);
    ::close(one.syscall);
  }
}

void LinuxThreads::serve(Thread& self, std::size_t number) {
  CHECK(become_first(), "a thread may have a real-time priority");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, interruption());
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  use_buffers(1 + number);
  self.id = ::gettid();
  while (true) {
    while (::sem_wait(&self.start) != 0) continue;
    if (ends_) return;
    work_(number);
    self.is_busy = false;
  }
}

// In a call that can be interrupted ("S"), and not on its way back to the semaphore.
bool LinuxThreads::is_asleep(const Thread& thread) {
  std::array<char, 512> room;
  const std::string_view call = read_again(thread.syscall, room);
  const std::string waits = std::to_string(SYS_futex) + ' ';
  if (call.empty() || call[0] < '0' || call[0] > '9' || call.starts_with(waits)) return false;
  const std::string_view stat = read_again(thread.stat, room);
  return stat.substr(stat.rfind(')') + 1).starts_with(" S");
}

bool LinuxThreads::is_quiet() const {
  return std::ranges::all_of(threads_,
                             [](const Thread& one) { return !one.is_busy || is_asleep(one); });
}

void LinuxThreads::run(std::size_t thread) {
  threads_[thread].is_busy = true;
  ::sem_post(&threads_[thread].start);
  // One may wait for the kernel, in the middle of its call: what is quiet now need not be so then.
  while (!is_quiet()) take_a_nap();
}

void LinuxThreads::interrupt() {
  for (Thread& one : threads_)
    while (one.is_busy) {
      ::syscall(SYS_tgkill, ::getpid(), one.id.load(), interruption());
      if (one.is_busy) take_a_nap();
    }
}

}  // namespace tocsin::differential
