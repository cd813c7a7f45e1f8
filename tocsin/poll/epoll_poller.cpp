// SPDX-License-Identifier: MIT
#include "tocsin/poll/epoll_poller.hpp"

#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/poll/internal/timeout.hpp"

namespace tocsin {
namespace {

constexpr std::uint32_t to_kernel(Ready interest, Mode mode) {
  std::uint32_t events = std::to_underlying(interest);
  if (mode.trigger == Trigger::edge) events |= EPOLLET;
  if (mode.oneshot) events |= EPOLLONESHOT;
  if (mode.exclusive) events |= EPOLLEXCLUSIVE;
  return events;
}

}  // namespace

Result<std::unique_ptr<EpollPoller>> EpollPoller::create(Kernel& kernel) {
  auto epoll = own(kernel, kernel.epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return std::unexpected(epoll.error());
  return std::unique_ptr<EpollPoller>(new EpollPoller(kernel, std::move(*epoll)));
}

Result<> EpollPoller::control(int operation, int fd, Ready interest, Mode mode, Token token) {
  epoll_event event{.events = to_kernel(interest, mode),
                    .data = {.u64 = std::to_underlying(token)}};
  return kernel_.epoll_ctl(epoll_.get(), operation, fd, &event);
}

Result<> EpollPoller::add(int fd, Ready interest, Mode mode, Token token) {
  return control(EPOLL_CTL_ADD, fd, interest, mode, token);
}

Result<> EpollPoller::modify(int fd, Ready interest, Mode mode, Token token) {
  return control(EPOLL_CTL_MOD, fd, interest, mode, token);
}

Result<> EpollPoller::remove(int fd) {
  return kernel_.epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Count EpollPoller::wait_precisely(std::span<epoll_event> room, std::optional<Duration> timeout) {
  // epoll_pwait2(2) is there since Linux 5.11; sandboxes that have not heard of it answer EPERM.
  if (has_pwait2_.load(std::memory_order_relaxed)) {
    const timespec length = internal::to_timespec(*timeout);
    const auto count = kernel_.epoll_pwait2(epoll_.get(), room, &length);
    if (count || (count.error() != Errno{ENOSYS} && count.error() != Errno::not_permitted))
      return count;
    has_pwait2_.store(false, std::memory_order_relaxed);
  }
  return kernel_.epoll_wait(epoll_.get(), room, internal::to_milliseconds(timeout));
}

Result<std::span<Event>> EpollPoller::wait(std::span<Event> out, std::optional<Duration> timeout) {
  CHECK(!out.empty(), "a wait without room for an answer could never tell what is ready");
  // An Event is an epoll_event (ready.hpp): the kernel answers into the caller's room.
  const std::span room(reinterpret_cast<epoll_event*>(out.data()), out.size());

  // Only a finite wait needs the finer clock: "at once" and "for ever" are the same in both units.
  const bool precise = timeout && *timeout > Duration::zero();
  const auto count = precise ? wait_precisely(room, timeout)
                             : kernel_.epoll_wait(epoll_.get(), room, timeout ? 0 : -1);
  if (!count) [[unlikely]] {
    if (count.error() == Errno::interrupted) return out.first(0);
    return std::unexpected(count.error());
  }
  return out.first(*count);
}

}  // namespace tocsin
