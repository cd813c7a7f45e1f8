// SPDX-License-Identifier: MIT
#include "tocsin/poll/poll_poller.hpp"

#include "tocsin/base/check.hpp"
#include "tocsin/poll/internal/timeout.hpp"

namespace tocsin {

Result<std::span<Event>> PollPoller::wait(std::span<Event> out, std::optional<Duration> timeout) {
  CHECK(!out.empty(), "a wait without room for an answer could never tell what is ready");
  internal::Deadline deadline(kernel_, timeout);
  while (true) {
    const auto count = kernel_.ppoll(list_.fds(), deadline.left());
    if (!count && count.error() != Errno::interrupted) return std::unexpected(count.error());
    if (count.value_or(0) == 0) return out.first(0);
    list_.drop_closed();
    const auto answered = list_.answer(out);
    // Nothing to answer, although the kernel came back: only closed descriptors made it do so.
    if (!answered.empty() || !deadline.go_on()) return answered;
  }
}

}  // namespace tocsin
