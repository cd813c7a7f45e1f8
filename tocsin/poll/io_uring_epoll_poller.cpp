// SPDX-License-Identifier: MIT
#include "tocsin/poll/io_uring_epoll_poller.hpp"

#include <array>
#include <cerrno>

#include "tocsin/base/check.hpp"
#include "tocsin/poll/internal/timeout.hpp"

namespace tocsin {
namespace {

// One request and its cancellation are all that is ever in flight.
constexpr unsigned ring_entries = 4;

// The number of every cancellation, whose own completion interests nobody.
constexpr std::uint64_t cancellation = ~std::uint64_t{0};

}  // namespace

Result<std::unique_ptr<IoUringEpollPoller>> IoUringEpollPoller::create(Kernel& kernel) {
  auto ring = kernel.io_uring_setup(ring_entries);
  if (!ring) return std::unexpected(ring.error());
  if (!(*ring)->supports(io_uring_op_epoll_wait)) return std::unexpected(Errno{ENOSYS});
  auto epoll = EpollPoller::create(kernel);
  if (!epoll) return std::unexpected(epoll.error());
  return std::unique_ptr<IoUringEpollPoller>(
      new IoUringEpollPoller(kernel, std::move(*epoll), std::move(*ring)));
}

// What the latest request gave, if it has.
std::optional<Count> IoUringEpollPoller::take_answer() {
  std::optional<Count> answer;
  std::array<IoCompletion, ring_entries> batch;
  while (const std::size_t count = ring_->harvest(batch))
    for (const IoCompletion& completion : std::span(batch).first(count))
      if (completion.user_data == request_) answer = Count::from_kernel(completion.result);
  return answer;
}

// Ends the latest request. It may have been faster: then its events are here. It has to end, for it
// writes into the caller's room: what the kernel is short of is waited for.
Count IoUringEpollPoller::call_off() {
  const auto queued = ring_->cancel(request_, cancellation);
  CHECK(queued.has_value(), "there is a place: nothing else is in the queue but the request");
  while (true) {
    const auto waited = ring_->submit_and_wait(nullptr);
    const bool may_pass = waited || waited.error() == Errno::interrupted ||
                          waited.error() == Errno::again || waited.error() == Errno{EBUSY} ||
                          waited.error() == Errno{ENOMEM};
    CHECK(may_pass, "io_uring_enter(2) fails for good only for what was never a ring");
    if (const auto answer = take_answer()) return *answer;
  }
}

Result<std::span<Event>> IoUringEpollPoller::wait(std::span<Event> out,
                                                  std::optional<Duration> timeout) {
  CHECK(!out.empty(), "a wait without room for an answer could never tell what is ready");
  if (timeout && *timeout <= Duration::zero()) return epoll_->wait(out, timeout);

  // An Event is an epoll_event (ready.hpp): the kernel answers into the caller's room.
  const std::span room(reinterpret_cast<epoll_event*>(out.data()), out.size());
  ++request_;
  if (auto queued = ring_->epoll_wait(epoll_->fd(), room, request_); !queued)
    return std::unexpected(queued.error());

  internal::Deadline deadline(kernel_, timeout);
  std::optional<Count> answer;
  while (!answer) {
    const auto waited = ring_->submit_and_wait(deadline.left());
    answer = take_answer();
    // Nothing, although the ring came back: it had only the end of a former cancellation.
    if (answer || (waited && deadline.go_on())) continue;
    answer = call_off();
  }
  if (*answer) return out.first(**answer);
  if (answer->error() == Errno::cancelled || answer->error() == Errno::interrupted)
    return out.first(0);
  return std::unexpected(answer->error());
}

}  // namespace tocsin
