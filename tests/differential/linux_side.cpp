// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/capability.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <filesystem>
#include <string>

#include "tests/differential/fdinfo.hpp"
#include "tests/differential/names.hpp"
#include "tests/differential/side.hpp"
#include "tocsin/base/check.hpp"
#include "tocsin/kern/linux_kernel.hpp"

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

void limit_descriptors(rlim_t count) {
  const rlimit limit{.rlim_cur = count, .rlim_max = most_descriptors + 1};
  CHECK(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "the limit can be lowered");
}

}  // namespace

LinuxSide::LinuxSide() {
  block_signals();
  drop_block_suspend();
  limit_descriptors(most_descriptors);
  LinuxSide::reset(0);
}

Kernel& LinuxSide::kernel() { return LinuxKernel::shared(); }

std::string LinuxSide::fdinfo(int fd) {
  const std::string path = "/proc/self/fdinfo/" + std::to_string(fd);
  limit_descriptors(most_descriptors + 1);  // The table may be full.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  limit_descriptors(most_descriptors);
  if (file == -1) return {};
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  ::close(file);
  return comparable_fdinfo(text);
}

void LinuxSide::reset(std::uint32_t used) {
  clear_slots();
  ++sequence_number();
  ::close_range(0, UINT_MAX, 0);
  if ((used & (bit(Kind::signal) | bit(Kind::process))) != 0) drain_signals();
  if ((used & bit(Kind::queue)) != 0)
    for (int i = 0; i < names_each; ++i) ::mq_unlink(queue_name(i).c_str());
  if ((used & bit(Kind::file)) != 0)
    for (const auto& entry : std::filesystem::directory_iterator("."))
      std::filesystem::remove_all(entry.path());
}

}  // namespace tocsin::differential
