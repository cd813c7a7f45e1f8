// SPDX-License-Identifier: MIT
//
// Process: waiting: epoll, poll, select.
#include <algorithm>
#include <climits>

#include "tocsin/vkern/epoll.hpp"
#include "tocsin/vkern/internal/masked_call.hpp"
#include "tocsin/vkern/internal/poll_call.hpp"
#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected bad_descriptor{Errno{EBADF}};
constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected bad_address{Errno{EFAULT}};
constexpr std::unexpected interrupted{Errno::interrupted};

bool is_valid(const timespec& time) {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < 1'000'000'000;
}

// Of a timeout that counts from now: nullopt is for ever, at_once is not to wait at all.
std::optional<TimePoint> deadline_of(const auto& world, std::optional<Duration> timeout) {
  if (!timeout) return std::nullopt;
  if (*timeout <= Duration::zero()) return at_once;
  return saturating_add(world.now(), *timeout);
}

std::optional<Duration> length_of(const timespec* timeout) {
  if (timeout == nullptr) return std::nullopt;
  constexpr std::int64_t most_seconds = Duration::max().count() / 1'000'000'000 - 1;
  return std::chrono::seconds{std::min<std::int64_t>(timeout->tv_sec, most_seconds)} +
         Duration{timeout->tv_nsec};
}

}  // namespace

// ---- epoll --------------------------------------------------------------------------------------

template <class P>
Result<int> Process<P>::epoll_create(int size) {
  if (size <= 0) return invalid;
  return epoll_create1(0);
}

template <class P>
Result<int> Process<P>::epoll_create1(int flags) {
  if ((flags & ~EPOLL_CLOEXEC) != 0) return invalid;
  return install(open_new<P>(make_ref<Epoll<P>>(system_), O_RDWR), (flags & EPOLL_CLOEXEC) != 0);
}

template <class P>
Result<> Process<P>::epoll_ctl(int epfd, int operation, int fd, epoll_event* event) {
  constexpr static epoll_event no_event{};
  if (operation == EPOLL_CTL_DEL)
    event = nullptr;  // It is not looked at.
  else if (event == nullptr)
    return bad_address;
  const Open<P> open = descriptors_.get(epfd);
  if (!open) return bad_descriptor;
  const Open<P> target = descriptors_.get(fd);
  if (!target) return bad_descriptor;
  if (!target->object().can_poll()) return std::unexpected(Errno::not_permitted);
  Epoll<P>* const epoll = open->object().as_epoll();
  if (epoll == nullptr || open.get() == target.get()) return invalid;
  return epoll->control(operation, fd, *target, event != nullptr ? *event : no_event);
}

template <class P>
Count Process<P>::wait_in(int epfd, std::span<epoll_event> events,
                          std::optional<TimePoint> deadline) {
  const bool bad_room = events.empty() || events.size() > INT_MAX / sizeof(epoll_event);
  if (bad_room && !system_.options().profile.wait_checks_descriptor_first) return invalid;
  const Open<P> open = descriptors_.get(epfd);
  if (!open) return bad_descriptor;
  if (bad_room) return invalid;
  Epoll<P>* const epoll = open->object().as_epoll();
  if (epoll == nullptr) return invalid;
  return epoll->wait(events, deadline);
}

// A signal does not keep epoll_wait(2) from saying what is ready, nor that nothing is if it was not
// to wait. Else it ends it, even if nothing comes of it.
template <class P>
Count Process<P>::wait_masked(int epfd, std::span<epoll_event> events,
                              std::optional<TimePoint> deadline, const sigset_t* mask) {
  internal::MaskedCall<P> call(*this, mask);
  if (!call.is_interrupted()) return wait_in(epfd, events, deadline);
  const Count found = wait_in(epfd, events, at_once);
  if (!found || *found > 0 || deadline == at_once) return found;
  call.deliver();
  return interrupted;
}

template <class P>
Count Process<P>::epoll_wait(int epfd, std::span<epoll_event> events, int timeout) {
  if (timeout == 0) return wait_in(epfd, events, at_once);
  if (timeout < 0) return wait_in(epfd, events, std::nullopt);
  return wait_in(epfd, events, deadline_of(world(), std::chrono::milliseconds{timeout}));
}

template <class P>
Count Process<P>::epoll_pwait(int epfd, std::span<epoll_event> events, int timeout,
                              const sigset_t* mask) {
  if (mask == nullptr) return epoll_wait(epfd, events, timeout);
  std::optional<Duration> length;
  if (timeout >= 0) length = std::chrono::milliseconds{timeout};
  return wait_masked(epfd, events, deadline_of(world(), length), mask);
}

template <class P>
Count Process<P>::epoll_pwait2(int epfd, std::span<epoll_event> events, const timespec* timeout,
                               const sigset_t* mask) {
  if (timeout != nullptr && !is_valid(*timeout)) return invalid;
  const auto deadline = deadline_of(world(), length_of(timeout));
  if (mask == nullptr) return wait_in(epfd, events, deadline);
  return wait_masked(epfd, events, deadline, mask);
}

// ---- poll, select -------------------------------------------------------------------------------

namespace {

// A signal that nothing comes of is not noticed: Linux restarts both calls after it, with the time
// that is left. One that ends the process is, even by who was not to wait.
template <class P>
Count wait(internal::PollCall<P>& call, std::optional<TimePoint> deadline,
           internal::MaskedCall<P>& signals) {
  if (signals.is_interrupted()) {
    if (const std::size_t found = call.wait(at_once); found > 0) return found;
    if (!signals.deliver()) return interrupted;
  }
  return call.wait(deadline);
}

}  // namespace

template <class P>
Count Process<P>::ppoll(std::span<pollfd> fds, const timespec* timeout, const sigset_t* mask) {
  if (timeout != nullptr && !is_valid(*timeout)) return invalid;
  if (fds.size() > static_cast<std::size_t>(descriptors_.limit())) return invalid;
  const auto deadline = deadline_of(world(), length_of(timeout));
  internal::MaskedCall<P> signals(*this, mask);
  internal::PollCall<P> call(world(), descriptors_);
  for (pollfd& one : fds) {
    one.revents = 0;
    if (one.fd < 0) continue;
    const Mask wanted = static_cast<std::uint16_t>(one.events);
    call.watch(one.fd, wanted | POLLERR | POLLHUP);
  }
  const Count found = wait(call, deadline, signals);
  std::size_t next = 0;
  for (pollfd& one : fds)
    if (one.fd >= 0) one.revents = static_cast<short>(call.answer(next++));
  return found;
}

template <class P>
Count Process<P>::pselect(int nfds, unsigned long* read_set, unsigned long* write_set,
                          unsigned long* except_set, const timespec* timeout,
                          const sigset_t* mask) {
  if (timeout != nullptr && !is_valid(*timeout)) return invalid;
  if (nfds < 0) return invalid;
  const auto deadline = deadline_of(world(), length_of(timeout));
  internal::SelectSets sets(std::min(nfds, descriptors_.capacity()), read_set, write_set,
                            except_set);
  internal::MaskedCall<P> signals(*this, mask);
  internal::PollCall<P> call(world(), descriptors_, POLLPRI);
  for (const auto& [fd, wanted] : sets.wanted()) {
    if (!descriptors_.is_taken(fd)) return bad_descriptor;
    call.watch(fd, wanted);
  }
  if (const Count found = wait(call, deadline, signals); !found) return found;
  std::size_t next = 0;
  return sets.answer([&] { return call.answer(next++); });
}

template Result<int> Process<Single>::epoll_create(int);
template Result<int> Process<Single>::epoll_create1(int);
template Result<> Process<Single>::epoll_ctl(int, int, int, epoll_event*);
template Count Process<Single>::epoll_wait(int, std::span<epoll_event>, int);
template Count Process<Single>::epoll_pwait(int, std::span<epoll_event>, int, const sigset_t*);
template Count Process<Single>::epoll_pwait2(int, std::span<epoll_event>, const timespec*,
                                             const sigset_t*);
template Count Process<Single>::ppoll(std::span<pollfd>, const timespec*, const sigset_t*);
template Count Process<Single>::pselect(int, unsigned long*, unsigned long*, unsigned long*,
                                        const timespec*, const sigset_t*);
template Result<int> Process<Threads>::epoll_create(int);
template Result<int> Process<Threads>::epoll_create1(int);
template Result<> Process<Threads>::epoll_ctl(int, int, int, epoll_event*);
template Count Process<Threads>::epoll_wait(int, std::span<epoll_event>, int);
template Count Process<Threads>::epoll_pwait(int, std::span<epoll_event>, int, const sigset_t*);
template Count Process<Threads>::epoll_pwait2(int, std::span<epoll_event>, const timespec*,
                                              const sigset_t*);
template Count Process<Threads>::ppoll(std::span<pollfd>, const timespec*, const sigset_t*);
template Count Process<Threads>::pselect(int, unsigned long*, unsigned long*, unsigned long*,
                                         const timespec*, const sigset_t*);

}  // namespace tocsin::vkern
