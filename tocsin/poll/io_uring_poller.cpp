// SPDX-License-Identifier: MIT
#include "tocsin/poll/io_uring_poller.hpp"

#include <linux/io_uring.h>

#include <algorithm>
#include <array>

#include "tocsin/base/check.hpp"
#include "tocsin/poll/internal/interest_list.hpp"
#include "tocsin/poll/internal/timeout.hpp"

namespace tocsin {
namespace {

constexpr unsigned ring_entries = 256;
// Half a megabyte. What finds no room there is kept by the kernel in a list, and dear: with 512, of
// 17,000 descriptors that were ready at once each took twice as long.
constexpr unsigned ring_completions = 32'768;

// The number under which a request is made: the fd below, the generation above. A completion whose
// generation is not the registration's belongs to a request that was given up, and is dropped.
constexpr std::uint64_t to_user_data(int fd, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
}
constexpr int fd_of(std::uint64_t user_data) { return static_cast<int>(user_data & 0xffffffff); }
constexpr std::uint32_t generation_of(std::uint64_t user_data) {
  return static_cast<std::uint32_t>(user_data >> 32);
}

// The number of every removal, whose own completion interests nobody. It names no fd.
constexpr std::uint64_t removal = ~std::uint64_t{0};
static_assert(fd_of(removal) == -1);

constexpr bool is_edge(Mode mode) { return mode.trigger == Trigger::edge && !mode.oneshot; }

}  // namespace

Result<std::unique_ptr<IoUringPoller>> IoUringPoller::create(Kernel& kernel) {
  auto ring = kernel.io_uring_setup(ring_entries, ring_completions);
  if (!ring) return std::unexpected(ring.error());
  if (!(*ring)->supports(IORING_OP_POLL_ADD) || !(*ring)->supports(IORING_OP_POLL_REMOVE))
    return std::unexpected(Errno{ENOSYS});
  return std::unique_ptr<IoUringPoller>(new IoUringPoller(kernel, std::move(*ring)));
}

IoUringPoller::Watch* IoUringPoller::find(int fd) {
  const auto number = static_cast<std::size_t>(fd);
  if (fd < 0 || number >= watches_.size()) return nullptr;
  return watches_[number].state == State::absent ? nullptr : &watches_[number];
}

// Puts the registration in line for the next wait, behind those that are in line already.
void IoUringPoller::want(int fd) {
  at(fd).state = State::waiting;
  to_arm_.push_back(fd);
}

// Takes back whatever the kernel or the lists hold of it; afterwards it is idle. The removal is
// submitted at once, because until then the ring keeps the caller's file open.
Result<> IoUringPoller::disarm(int fd) {
  Watch& watch = at(fd);
  const State before = std::exchange(watch.state, State::idle);
  if (std::exchange(watch.collected, Ready::none) != Ready::none) std::erase(collected_, fd);
  if (before == State::waiting) std::erase(to_arm_, fd);
  if (before != State::armed) return {};
  const std::uint64_t target = to_user_data(fd, watch.generation++);
  if (auto queued = ring_->poll_remove(target, removal); !queued) return queued;
  return ring_->submit();
}

Result<> IoUringPoller::add(int fd, Ready interest, Mode mode, Token token) {
  if (mode.exclusive) return std::unexpected(Errno::unsupported);
  if (auto can_wait = internal::check_can_wait(kernel_, fd); !can_wait) return can_wait;
  if (find(fd) != nullptr) return std::unexpected(Errno{EEXIST});

  const auto number = static_cast<std::size_t>(fd);
  if (number >= watches_.size()) watches_.resize(number + 1);
  Watch& watch = watches_[number];
  watch.token = token;
  watch.interest = interest;
  watch.mode = mode;
  want(fd);
  return {};
}

Result<> IoUringPoller::modify(int fd, Ready interest, Mode mode, Token token) {
  if (mode.exclusive) return std::unexpected(Errno::unsupported);
  if (!internal::is_open(kernel_, fd)) return std::unexpected(Errno{EBADF});
  Watch* const watch = find(fd);
  if (watch == nullptr) return std::unexpected(Errno{ENOENT});
  const auto done = disarm(fd);
  watch->token = token;
  watch->interest = interest;
  watch->mode = mode;
  want(fd);
  return done;
}

Result<> IoUringPoller::remove(int fd) {
  const bool watched = find(fd) != nullptr;
  Result<> done;
  if (watched) {
    done = disarm(fd);
    at(fd).state = State::absent;
  }
  if (!internal::is_open(kernel_, fd)) return std::unexpected(Errno{EBADF});
  if (!watched) return std::unexpected(Errno{ENOENT});
  return done;
}

Result<> IoUringPoller::arm_waiting() {
  while (!to_arm_.empty()) {
    const int fd = to_arm_.front();
    Watch& watch = at(fd);
    const auto shot = is_edge(watch.mode) ? PollShot::multi : PollShot::once;
    const auto events = std::to_underlying(watch.interest);
    const auto queued = ring_->poll_add(fd, events, shot, to_user_data(fd, watch.generation + 1));
    if (!queued) return queued;
    ++watch.generation;
    watch.state = State::armed;
    to_arm_.pop_front();
  }
  return {};
}

// Several edges between two waits become one answer, as epoll(7) combines them.
void IoUringPoller::collect(int fd, Ready ready) {
  Watch& watch = at(fd);
  if (watch.collected == Ready::none) collected_.push_back(fd);
  watch.collected |= ready;
}

void IoUringPoller::take(const IoCompletion& completion) {
  const int fd = fd_of(completion.user_data);
  Watch* const watch = find(fd);
  if (watch == nullptr || watch->state != State::armed ||
      watch->generation != generation_of(completion.user_data))
    return;  // Of a request that was given up, or a removal's own.

  if (!completion.more) watch->state = State::idle;
  if (completion.result == -EBADF) {  // Closed between two requests: dropped, as epoll would.
    if (watch->collected != Ready::none) std::erase(collected_, fd);
    watch->collected = Ready::none;
    watch->state = State::absent;
    return;
  }
  // The thread that made the request has ended, or a full ring has cut a multishot short.
  const bool cut_short = completion.result == -ECANCELED ||
                         (is_edge(watch->mode) && !completion.more && completion.result >= 0);
  if (cut_short) want(fd);
  // Any other failure is the file's owner's to find out by trying: that is what `error` means.
  if (completion.result > 0)
    collect(fd, Ready{static_cast<std::uint32_t>(completion.result)});
  else if (completion.result < 0 && completion.result != -ECANCELED)
    collect(fd, Ready::error);
}

void IoUringPoller::take_completions() {
  std::array<IoCompletion, 64> batch;
  std::size_t count = 0;
  do {
    count = ring_->harvest(batch);
    for (const IoCompletion& completion : std::span(batch).first(count)) take(completion);
  } while (count == batch.size());
}

// A level is what holds now. What the ring said before this wait may hold no longer, so it is asked
// again, before those that have been answered already. Edges are news, and news stays true.
void IoUringPoller::ask_levels_again() {
  std::deque<int> edges;
  std::deque<int> levels;
  for (const int fd : collected_) (is_edge(at(fd).mode) ? edges : levels).push_back(fd);
  for (const int fd : levels) {
    at(fd).collected = Ready::none;
    at(fd).state = State::waiting;
  }
  collected_.swap(edges);
  to_arm_.insert(to_arm_.begin(), levels.begin(), levels.end());
}

std::span<Event> IoUringPoller::answer(std::span<Event> out) {
  std::size_t filled = 0;
  while (filled < out.size() && !collected_.empty()) {
    const int fd = collected_.front();
    collected_.pop_front();
    Watch& watch = at(fd);
    out[filled++] = {.ready = std::exchange(watch.collected, Ready::none), .token = watch.token};
    if (watch.state == State::idle && !watch.mode.oneshot) want(fd);
  }
  return out.first(filled);
}

Result<std::span<Event>> IoUringPoller::wait(std::span<Event> out,
                                             std::optional<Duration> timeout) {
  CHECK(!out.empty(), "a wait without room for an answer could never tell what is ready");
  take_completions();
  ask_levels_again();
  // With an edge in hand there is nothing to wait for, but what else is ready may come along.
  internal::Deadline deadline(kernel_, collected_.empty() ? timeout : Duration::zero());
  while (true) {
    if (auto armed = arm_waiting(); !armed) return std::unexpected(armed.error());
    const auto waited = ring_->submit_and_wait(deadline.left());
    const bool interrupted = !waited && waited.error() == Errno::interrupted;
    if (!waited && !interrupted) return std::unexpected(waited.error());
    take_completions();
    const auto answered = answer(out);
    // Nothing to answer, although the ring came back: it had only news of requests given up.
    if (!answered.empty() || interrupted || !deadline.go_on()) return answered;
  }
}

}  // namespace tocsin
