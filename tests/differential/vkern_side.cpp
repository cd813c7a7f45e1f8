// SPDX-License-Identifier: MIT
#include "tests/differential/fdinfo.hpp"
#include "tests/differential/names.hpp"
#include "tests/differential/ops.hpp"
#include "tests/differential/ops_inet.hpp"
#include "tests/differential/side.hpp"
#include "tocsin/vkern/inotify.hpp"
#include "tocsin/vkern/signalfd.hpp"

namespace tocsin::differential {

const vkern::Profile& VkernSide::profile() {
  static const vkern::Profile running = vkern::Profile::of_running_kernel();
  return running;
}

std::string VkernSide::fdinfo(int fd) {
  const auto open = system_->init().get(fd);
  return open ? comparable_fdinfo((*open)->object().fdinfo()) : std::string{};
}

void VkernSide::wait_until(TimePoint when) {
  if (when > now()) system_->world().advance(when - now());
}

// Both protocols give out their ports from the same one on. A port of TCP that happens to be one of
// UDP as well is what Linux, which draws them, has seldom; so those of UDP are some further.
void VkernSide::prepare_network() {
  const int fd = kernel().socket(AF_INET, SOCK_DGRAM, 0).value_or(-1);
  const InetAddress anywhere(INADDR_ANY, 0);
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  for (int i = 0; i < 1000; ++i) {
    static_cast<void>(kernel().bind(fd, anywhere.get(), anywhere.size()));
    static_cast<void>(kernel().connect(fd, &nobody, sizeof nobody));
  }
  static_cast<void>(kernel().close(fd));
}

// Who is woken first runs first, as where one processor has them all.
void VkernSide::start(std::size_t thread) {
  system_->world().spawn([this, thread] {
    use_buffers(1 + most_threads + thread);
    work(thread);
  });
  system_->world().run_until_idle();
  use_buffers(0);
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
  system_->world().follow(vkern::Choices::replay({}));
  clear();
  const sigset_t all = all_but_sigpipe();
  // ENOSYS as long as it has no signals; then there are none to block.
  static_cast<void>(kernel().pthread_sigmask(SIG_SETMASK, &all, nullptr));
}

}  // namespace tocsin::differential
