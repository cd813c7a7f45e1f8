// SPDX-License-Identifier: MIT
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "tests/differential/fdinfo.hpp"
#include "tests/differential/names.hpp"
#include "tests/differential/side.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/vkern/inotify.hpp"
#include "tocsin/vkern/signalfd.hpp"

namespace tocsin::differential {
namespace {

// Whether a chain of epolls that grows inward is stopped at the fifth link.
bool depth_counts_upward() {
  Kernel& kernel = LinuxKernel::shared();
  std::array<int, 6> chain{};
  for (int& epoll : chain) epoll = kernel.epoll_create1(EPOLL_CLOEXEC).value_or(-1);
  bool stopped = false;
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
    stopped = !kernel.epoll_ctl(chain[i], EPOLL_CTL_ADD, chain[i + 1], &event);
  }
  for (const int epoll : chain) static_cast<void>(kernel.close(epoll));  // -1 may be among them.
  return stopped;
}

vkern::Profile probe() {
  Kernel& kernel = LinuxKernel::shared();
  return {.wait_checks_descriptor_first = kernel.epoll_wait(-1, {}, 0).error().value() == EBADF,
          .depth_counts_upward = depth_counts_upward()};
}

}  // namespace

const vkern::Profile& VkernSide::profile() {
  static const vkern::Profile running = probe();
  return running;
}

std::string VkernSide::fdinfo(int fd) {
  const auto open = system_->init().get(fd);
  return open ? comparable_fdinfo((*open)->object().fdinfo()) : std::string{};
}

void VkernSide::wait_until(TimePoint when) {
  if (when > now()) system_->world().advance(when - now());
}

pid_t VkernSide::fork() { return system_->init().fork().getpid(); }

Result<> VkernSide::end_child(pid_t pid, int status) {
  auto* const child = system_->find(pid);
  if (child == nullptr) return std::unexpected(Errno{ESRCH});
  child->exit(status);  // Of a zombie nothing more is wanted.
  return {};
}

void VkernSide::await_end(pid_t) {}  // It is one as soon as it is killed.

Content VkernSide::content_of(int fd) {
  const auto open = system_->init().get(fd);
  if (!open) return Content::plain;
  auto* const object = &(*open)->object();
  if (dynamic_cast<vkern::SignalFd<vkern::Single>*>(object) != nullptr) return Content::signals;
  const bool is_inotify = dynamic_cast<vkern::Inotify<vkern::Single>*>(object) != nullptr;
  return is_inotify ? Content::file_events : Content::plain;
}

void VkernSide::reset(std::uint32_t) {
  vkern::SystemOptions options;
  options.profile = profile();
  options.most_descriptors = most_descriptors;
  system_.emplace(options);
  clear();
  const sigset_t all = all_but_sigpipe();
  // ENOSYS as long as it has no signals; then there are none to block.
  static_cast<void>(kernel().pthread_sigmask(SIG_SETMASK, &all, nullptr));
}

}  // namespace tocsin::differential
