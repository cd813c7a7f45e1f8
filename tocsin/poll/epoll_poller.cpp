// SPDX-License-Identifier: MIT
#include "tocsin/poll/epoll_poller.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/poll/internal/timeout.hpp"

namespace tocsin {
namespace {

// Sized for a loop that lets none of 1,000 ready peers wait for a second turn; never initialised, so
// that only what the kernel fills costs anything (48 KiB of stack at most).
constexpr std::size_t most_at_once = 4096;

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

Result<std::size_t> EpollPoller::wait_precisely(std::span<epoll_event> room,
                                                std::optional<Duration> timeout) {
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
  std::array<epoll_event, most_at_once> raw;  // On the stack: several threads may be in here.
  const auto room = std::span(raw).first(std::min(raw.size(), out.size()));

  // Only a finite wait needs the finer clock: "at once" and "for ever" are the same in both units.
  const bool precise = timeout && *timeout > Duration::zero();
  const auto count = precise ? wait_precisely(room, timeout)
                             : kernel_.epoll_wait(epoll_.get(), room, timeout ? 0 : -1);
  if (!count) [[unlikely]] {
    if (count.error() == Errno::interrupted) return out.first(0);
    return std::unexpected(count.error());
  }
  for (std::size_t i = 0; i < *count; ++i)
    out[i] = {.token = Token{raw[i].data.u64}, .ready = Ready{raw[i].events}};
  return out.first(*count);
}

}  // namespace tocsin
