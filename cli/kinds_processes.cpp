// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <thread>

#include "cli/kind.hpp"
#include "tocsin/kern/io_uring.hpp"
#include "tocsin/source/seccomp_filter.hpp"

namespace tocsin::cli {
namespace {

template <clockid_t clock>
Result<Specimen> make_timer(Kernel& kernel) {
  return specimen(kernel, kernel.timerfd_create(clock, TFD_NONBLOCK | TFD_CLOEXEC));
}

Result<Specimen> make_signals(Kernel& kernel) {
  sigset_t none{};
  sigemptyset(&none);
  return specimen(kernel, kernel.signalfd(-1, none, SFD_NONBLOCK | SFD_CLOEXEC));
}

Result<Specimen> make_eventfd(Kernel& kernel) {
  return specimen(kernel, kernel.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

Result<Specimen> make_pidfd(Kernel& kernel) {
  return specimen(kernel, kernel.pidfd_open(kernel.getpid(), 0));
}

Result<Specimen> make_epoll(Kernel& kernel) {
  return specimen(kernel, kernel.epoll_create1(EPOLL_CLOEXEC));
}

Result<Specimen> make_io_uring(Kernel& kernel) {
  auto ring = kernel.io_uring_setup(1);
  if (!ring) return std::unexpected(ring.error());
  const int fd = (*ring)->fd();
  return Specimen(fd, std::shared_ptr<IoUring>(std::move(*ring)));
}

// Ordinary users may watch over faults of their own code only, not of the kernel's on their behalf.
Result<Specimen> make_page_faults(Kernel& kernel) {
  return specimen(kernel, kernel.userfaultfd(O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY));
}

// The processor time of this thread, as everybody may count their own.
Result<Specimen> make_perf_event(Kernel& kernel) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  attributes.exclude_kernel = 1;
  attributes.disabled = 1;
  return specimen(kernel, kernel.perf_event_open(attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

// A filter is for ever, so a thread takes it that ends at once.
Result<Specimen> make_seccomp(Kernel& kernel) {
  Result<Fd> listener = std::unexpected(Errno{ENOSYS});
  std::jthread([&] { listener = SeccompFilter().install(kernel); }).join();
  if (!listener) return std::unexpected(listener.error());
  return Specimen(std::move(*listener));
}

constexpr std::string_view wake = "needs CAP_WAKE_ALARM";

}  // namespace

std::vector<Kind> process_kinds() {
  return {
      {"timer monotonic", "timerfd_create(2)", make_timer<CLOCK_MONOTONIC>},
      {"timer realtime",
       "timerfd_create(2)",
       make_timer<CLOCK_REALTIME>,
       {},
       "tells of clock steps, too"},
      {"timer boottime",
       "timerfd_create(2)",
       make_timer<CLOCK_BOOTTIME>,
       {},
       "goes on while the machine sleeps"},
      {"alarm realtime",
       "timerfd_create(2)",
       make_timer<CLOCK_REALTIME_ALARM>,
       {{EPERM, wake}},
       "wakes the machine"},
      {"alarm boottime",
       "timerfd_create(2)",
       make_timer<CLOCK_BOOTTIME_ALARM>,
       {{EPERM, wake}},
       "wakes the machine"},
      {"signals", "signalfd(2)", make_signals},
      {"counter", "eventfd(2)", make_eventfd},
      {"process", "pidfd_open(2)", make_pidfd, {{ENOSYS, "since Linux 5.3"}}},
      {"epoll", "epoll(7)", make_epoll, {}, "at most five deep, and no cycles"},
      {"page faults",
       "userfaultfd(2)",
       make_page_faults,
       {{ENOSYS, "this kernel has none (CONFIG_USERFAULTFD), or a container's filter forbids it"},
        {EPERM, "forbidden, by a container's filter perhaps"}},
       "of user code; of system calls, too, with CAP_SYS_PTRACE"},
      {"system calls",
       "seccomp_unotify(2)",
       make_seccomp,
       {{EINVAL, "since Linux 5.0 (CONFIG_SECCOMP_FILTER)"},
        {ENOSYS, "this kernel has no seccomp (CONFIG_SECCOMP)"},
        {EBUSY, "a supervisor is there already, a container's perhaps"}},
       "of a sandboxed process, put to a supervisor"},
      {"perf events",
       "perf_event_open(2)",
       make_perf_event,
       {{EACCES, "needs CAP_PERFMON: sysctl kernel.perf_event_paranoid"},
        {EPERM, "forbidden, by a container's filter perhaps"},
        {ENOSYS, "this kernel has none (CONFIG_PERF_EVENTS)"}}},
      {"io_uring",
       "io_uring(7)",
       make_io_uring,
       {{EPERM, "forbidden: sysctl kernel.io_uring_disabled, or a container's filter"},
        {ENOSYS, "this kernel has none (CONFIG_IO_URING), or a container's filter forbids it"}},
       "for regular files"},
  };
}

}  // namespace tocsin::cli
