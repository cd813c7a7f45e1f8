// SPDX-License-Identifier: MIT
#include "tocsin/vkern/profile.hpp"

#include <fcntl.h>
#include <sys/epoll.h>

#include <array>

#include "tocsin/kern/fd.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin::vkern {
namespace {

Result<> watch(Kernel& kernel, const Fd& epoll, const Fd& target, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = 0}};
  return kernel.epoll_ctl(epoll.get(), EPOLL_CTL_ADD, target.get(), &event);
}

// Two things are wrong with this one: no room, and no descriptor.
bool wait_checks_descriptor_first(Kernel& kernel) {
  return kernel.epoll_wait(-1, {}, 0).error() == Errno{EBADF};
}

// Whether a chain of epolls that grows inward is stopped at the fifth link.
bool depth_counts_upward(Kernel& kernel) {
  std::array<Fd, 6> chain;
  for (Fd& epoll : chain) {
    auto made = own(kernel, kernel.epoll_create1(EPOLL_CLOEXEC));
    if (!made) return Profile{}.depth_counts_upward;
    epoll = std::move(*made);
  }
  for (std::size_t i = 0; i + 1 < chain.size(); ++i)
    if (!watch(kernel, chain[i], chain[i + 1], EPOLLIN)) return true;
  return false;
}

// Whether a second write is an edge as well, if the first was not read.
bool polled_pipe_tells_each_write(Kernel& kernel) {
  const auto ends = kernel.pipe2(O_CLOEXEC | O_NONBLOCK);
  if (!ends) return Profile{}.polled_pipe_tells_each_write;
  const Fd read_end(kernel, (*ends)[0]), write_end(kernel, (*ends)[1]);
  const auto epoll = own(kernel, kernel.epoll_create1(EPOLL_CLOEXEC));
  if (!epoll || !watch(kernel, *epoll, read_end, EPOLLIN | EPOLLET))
    return Profile{}.polled_pipe_tells_each_write;
  Count edges{0};
  for (int i = 0; i < 2; ++i) {
    epoll_event event{};
    static_cast<void>(kernel.write(write_end.get(), std::array{std::byte{1}}));
    edges = kernel.epoll_wait(epoll->get(), std::span(&event, 1), 0);
  }
  return edges == 1u;
}

}  // namespace

Profile Profile::of(Kernel& kernel) {
  return {.wait_checks_descriptor_first = vkern::wait_checks_descriptor_first(kernel),
          .depth_counts_upward = vkern::depth_counts_upward(kernel),
          .polled_pipe_tells_each_write = vkern::polled_pipe_tells_each_write(kernel)};
}

Profile Profile::of_running_kernel() { return of(LinuxKernel::shared()); }

}  // namespace tocsin::vkern
