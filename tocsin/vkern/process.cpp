// SPDX-License-Identifier: MIT
#include "tocsin/vkern/process.hpp"

#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin::vkern {

template <class P>
Process<P>::Process(System<P>& system, pid_t pid)
    : system_(system), pid_(pid), descriptors_(system.options().most_descriptors) {}

template <class P>
Process<P>::Process(Process& parent, pid_t pid)
    : system_(parent.system_), pid_(pid), descriptors_(parent.descriptors_) {
  state_.parent = &parent;
  state_.blocked = parent.state_.blocked;
}

template <class P>
Process<P>::~Process() {
  descriptors_.close_all();
}

template <class P>
Result<timespec> Process<P>::clock_gettime(clockid_t clock) {
  const ClockOffsets offsets = world().offsets();
  Duration since = world().now().time_since_epoch();
  switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
      break;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
      since += offsets.realtime;
      break;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
      since += offsets.boottime;
      break;
    default:
      return std::unexpected(Errno::invalid);
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  return timespec{.tv_sec = seconds.count(), .tv_nsec = (since - seconds).count()};
}

template <class P>
pid_t Process<P>::getpid() {
  return pid_;
}

// Memory is the program's own: nothing of what a kernel in user space models shows in it.

template <class P>
Result<void*> Process<P>::mmap(std::size_t length, int protection, int flags, int fd,
                               std::uint64_t offset) {
  if (fd != -1) return std::unexpected(Errno{ENODEV});
  return LinuxKernel::shared().mmap(length, protection, flags, fd, offset);
}

template <class P>
Result<> Process<P>::munmap(void* address, std::size_t length) {
  return LinuxKernel::shared().munmap(address, length);
}

template <class P>
Result<> Process<P>::madvise(void* address, std::size_t length, int advice) {
  return LinuxKernel::shared().madvise(address, length, advice);
}

template <class P>
Result<std::unique_ptr<IoUring>> Process<P>::io_uring_setup(unsigned, unsigned) {
  return std::unexpected(Errno{ENOSYS});
}

template class Process<Single>;
template class Process<Threads>;

}  // namespace tocsin::vkern
