// SPDX-License-Identifier: MIT
#include "tocsin/loop/loop.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "tocsin/base/check.hpp"

namespace tocsin {
namespace {

constexpr std::size_t least_event_room = 64;
constexpr std::size_t most_event_room = 4096;
constexpr std::size_t few_peers = 128;  // What belongs to so many stays in the cache.
constexpr std::size_t few_events = 2;   // Among which there is nothing to fetch ahead.
constexpr Duration longest_without_idling = std::chrono::seconds(1);
constexpr Mode edge{.trigger = Trigger::edge};

// Walks through a harvest; what it has not come to when user code throws is kept for the next turn.
class Unserved {
 public:
  explicit Unserved(std::span<const Event>& events)
      : kept_(events), next_(events.data()), end_(next_ + events.size()) {}
  Unserved(const Unserved&) = delete;
  Unserved& operator=(const Unserved&) = delete;
  ~Unserved() { kept_ = {next_, end_}; }

  bool empty() const { return next_ == end_; }
  const Event& next() { return *next_++; }
  std::span<const Event> rest() const { return {next_, end_}; }

 private:
  std::span<const Event>& kept_;
  const Event* next_;
  const Event* end_;
};

}  // namespace

// The part of a turn that runs user code, ended however it is left.
class Loop::Turn {
 public:
  explicit Turn(Loop& loop) : loop_(loop) {
    loop_.in_turn_ = true;
    loop_.now_ = loop_.read_clock();
    ++loop_.counters_.turns;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    const TimePoint end = loop_.read_clock();
    loop_.turn_times_.record(end - loop_.now_);
    loop_.now_ = end;
    loop_.in_turn_ = false;
    if (loop_.deadline_fd_) loop_.tell_embedder();
  }

 private:
  Loop& loop_;
};

Result<std::unique_ptr<Loop>> Loop::create(Kernel& kernel, const LoopOptions& options) {
  if (options.mechanism == Mechanism::poll || options.mechanism == Mechanism::select)
    return std::unexpected(Errno::unsupported);
  if (options.buffer_size == 0 || options.turn_bytes <= 0 || options.turn_works == 0 ||
      options.operation_bytes < 0 || options.operation_bytes > 4096 ||
      options.look_on < Duration::zero())
    return std::unexpected(Errno::invalid);
  auto poller = make_poller(kernel, options.mechanism);
  if (!poller) return std::unexpected(poller.error());
  auto waker = Waker::create(kernel);
  if (!waker) return std::unexpected(waker.error());
  auto fork_guard = ForkGuard::create(kernel);
  if (!fork_guard) return std::unexpected(fork_guard.error());

  std::unique_ptr<Loop> loop(
      new Loop(kernel, options, std::move(*poller), std::move(*waker), std::move(*fork_guard)));
  if (auto done = loop->watch_waker(); !done) return std::unexpected(done.error());
  return loop;
}

Loop::Loop(Kernel& kernel, const LoopOptions& options, std::unique_ptr<Poller> poller,
           std::unique_ptr<Waker> waker, ForkGuard fork_guard)
    : kernel_(kernel),
      options_(options),
      poller_(std::move(poller)),
      waker_(std::move(waker)),
      fork_guard_(std::move(fork_guard)),
      buffers_(options.buffer_size),
      now_(read_clock()),
      patience_(options.look_on),
      wheel_(now_) {}

Loop::~Loop() {
  CHECK(!in_turn_, "a loop was destroyed from inside one of its own turns");
  waker_->drop_posts();  // First of all: what they hold may belong to this loop.
  if (is_live(waker_token_)) registry_.remove(waker_token_);
  if (deadline_token_) registry_.remove(*deadline_token_);
  CHECK(registry_.size() == 0, "a loop was destroyed before what is registered in it");
}

Result<> Loop::watch_waker() {
  auto token = add(waker_->fd(), Ready::read, edge, nothing_, "waker");
  if (!token) return std::unexpected(token.error());
  waker_token_ = *token;
  return {};
}

// ---- running ------------------------------------------------------------------------------------

Result<> Loop::run() {
  now_ = read_clock();
  while (!take_stop())
    if (auto done = turn(std::nullopt); !done) return done;
  return {};
}

Result<> Loop::run_once(std::optional<Duration> longest) {
  now_ = read_clock();
  return turn(longest);
}

void Loop::stop() {
  stop_.store(true, std::memory_order_release);
  waker_->wake();
}

bool Loop::take_stop() {
  return stop_.load(std::memory_order_relaxed) && stop_.exchange(false, std::memory_order_acq_rel);
}

Result<> Loop::turn(std::optional<Duration> longest) {
  CHECK(!in_turn_, "a loop was run from inside one of its own turns");
  check_not_forked();
  if (auto done = harvest(longest); !done) return done;

  const Turn until_the_end(*this);
  serving_.splice_back(left_over_);
  wheel_.expire(now_, queue_);
  if (waker_->has_posts() && !waker_->work().is_linked()) queue_.push_back(waker_->work());
  if (!when_idle_.empty()) queue_if_idle();
  serve_ready();
  serve_left_over();
  run_queue();
  return {};
}

// How long the wait may be; nullopt: for ever. The clock has just been read: at the end of the turn
// before, or by run_once.
std::optional<Duration> Loop::time_to_wait(std::optional<Duration> longest) {
  if (must_not_wait(longest)) return Duration::zero();
  if (!waker_->prepare_to_sleep()) return Duration::zero();
  return until_deadline(longest);
}

std::optional<Duration> Loop::until_first_deadline(std::optional<Duration> longest) {
  const auto next = wheel_.next();
  if (!next) return longest;
  const Duration until = std::max(*next - now_, Duration::zero());
  return longest ? std::min(until, *longest) : until;
}

Result<> Loop::harvest(std::optional<Duration> longest) {
  if (!unserved_.empty()) return {};  // User code threw: first the rest of that turn.
  if (registry_.size() > event_room_) make_room_for_events();
  if (patience_.looks_on()) [[unlikely]] {
    const auto ended = look_on(longest);
    if (!ended) return std::unexpected(ended.error());
    if (*ended) return {};
  }
  const auto timeout = time_to_wait(longest);
  const auto events = poller_->wait({events_.get(), event_room_}, timeout);
  if (!events) return std::unexpected(events.error());
  if (!waker_->woke() && timeout != Duration::zero()) [[unlikely]]
    patience_.slept(read_clock() - now_);
  take_events(*events);
  return {};
}

// The harvest is complete, so whoever runs now may remove whatever it likes: an event whose
// registration has gone by the time it is looked at matches nothing.
void Loop::serve_ready() {
  if (unserved_.size() > few_events && registry_.size() > few_peers) return serve_each<true>();
  serve_each<false>();
}

template <bool crowded>
void Loop::serve_each() {
  Unserved rest(unserved_);
  while (!rest.empty()) {
    const Event& event = rest.next();
    if constexpr (crowded) prefetch_ahead(rest.rest());
    Source* const source = registry_.source_of_event(event.token);
    if (source == nullptr) [[unlikely]] {
      ++counters_.stale_events;
      continue;
    }
    source->unlink();  // If it was left over: it is served once a turn.
    source->on_ready(event.ready);
  }
}

// While the kernel works for one peer, the processor fetches what the next ones need: between two
// of its turns, a peer among a thousand finds its few lines of memory driven out of the cache.
void Loop::prefetch_ahead(std::span<const Event> events) const {
  constexpr std::size_t source_ahead = 1;  // By then it is there itself: `prefetch` looks into it.
  constexpr std::size_t line = 64;
  if (events.empty()) return;
  if (const Source* const next = registry_.source_of(events[0].token)) next->prefetch();
  if (events.size() <= source_ahead) return;
  const Source* const later = registry_.source_of(events[source_ahead].token);
  if (later == nullptr) return;  // Removed meanwhile.
  __builtin_prefetch(later);
  __builtin_prefetch(reinterpret_cast<const char*>(later) + line);
}

void Loop::serve_left_over() {
  while (Source* source = serving_.pop_front()) source->on_ready(Ready::none);
}

// Nothing was there to wait for, so the next wait would be a sleep.
void Loop::queue_if_idle() {
  const bool is_idle = unserved_.empty() && serving_.empty() && queue_.empty();
  if (is_idle || now_ - wants_idle_since_ >= longest_without_idling) queue_.splice_back(when_idle_);
}

void Loop::run_queue() {
  for (std::uint32_t left = options_.turn_works; left > 0; --left) {
    Work* const work = queue_.pop_front();
    if (work == nullptr) return;
    ++counters_.works;
    work->run();
  }
}

bool Loop::post_when_idle(Work& work) {
  if (deadline_fd_) return false;
  if (when_idle_.empty()) wants_idle_since_ = now_;
  when_idle_.push_back(work);
  return true;
}

// ---- registrations ------------------------------------------------------------------------------

Result<Token> Loop::add(int fd, Ready interest, Mode mode, Source& source, const char* name,
                        std::source_location where) {
  check_not_forked();
  if (fd < 0) return std::unexpected(Errno{EBADF});
  const Token token = registry_.add(source, {name, where, fd, interest, mode});
  if (auto done = poller_->add(fd, interest, mode, token); !done) {
    registry_.remove(token);
    return std::unexpected(done.error());
  }
  registry_.take_fd(token);
  return token;
}

Result<> Loop::modify(Token token, Ready interest, Mode mode) {
  Registration* const registration = registry_.find(token);
  CHECK(registration != nullptr, "a registration was modified after it was removed");
  if (!registry_.has_fd(token)) return std::unexpected(Errno{EBADF});
  if (auto done = poller_->modify(registration->fd, interest, mode, token); !done) return done;
  registration->interest = interest;
  registration->mode = mode;
  return {};
}

void Loop::remove(Token token) {
  const auto done = take_out(token);
  CHECK(done.has_value(), "an fd was closed before its registration was removed");
}

void Loop::forget(Token token) { static_cast<void>(take_out(token)); }

Result<> Loop::take_out(Token token) {
  Registration* const registration = registry_.find(token);
  CHECK(registration != nullptr, "a registration was removed twice, or never made");
  // In a forked child the poller is the parent's too: whatever the child lets go must stay there.
  // And to the poller the number may be another's by now, who would be deaf without knowing.
  Result<> done;
  if (!registry_.has_fd(token))
    done = std::unexpected(Errno{EBADF});
  else if (!fork_guard_.in_child())
    done = poller_->remove(registration->fd);
  registry_.source_of(token)->unlink();
  registry_.remove(token);
  while (Work* const work = awaiting_removal_.pop_front()) post(*work);
  return done;
}

bool Loop::seems_open(Token token) {
  const Registration* const registration = registry_.find(token);
  CHECK(registration != nullptr, "it was asked of a registration that is gone");
  return registry_.has_fd(token) && kernel_.fcntl(registration->fd, F_GETFD, 0).has_value();
}

bool Loop::was_closed(Token token) {
  if (!seems_open(token)) return true;
  if (poller_->fd() < 0) return false;
  const int fd = registry_.find(token)->fd;
  // The number may have been registered several times, of files that are closed but one.
  for (unsigned nth = 0;; ++nth) {
    const auto same = kernel_.kcmp_epoll(fd, poller_->fd(), fd, nth);
    if (!same) return same.error() == Errno{ENOENT};
    if (*same) return false;
  }
}

// Room for an event of every registration, within bounds: what does not fit waits for a turn.
void Loop::make_room_for_events() {
  const std::size_t wanted =
      std::clamp(std::bit_ceil(registry_.size()), least_event_room, most_event_room);
  if (wanted <= event_room_) return;
  events_ = std::make_unique_for_overwrite<Event[]>(wanted);
  event_room_ = wanted;
}

// ---- the rest -----------------------------------------------------------------------------------

TimePoint Loop::read_clock() {
  const auto time = kernel_.clock_gettime(CLOCK_MONOTONIC);
  CHECK(time.has_value(), "CLOCK_MONOTONIC cannot be missing (clock_gettime(2))");
  return TimePoint{std::chrono::seconds{time->tv_sec} + Duration{time->tv_nsec}};
}

void Loop::check_not_forked() const {
  CHECK(!fork_guard_.in_child(),
        "a loop was used in a forked child: call restart_after_fork() first, or make a new loop");
}

Result<int> Loop::fd() {
  if (poller_->fd() < 0) return std::unexpected(Errno::unsupported);
  if (!deadline_fd_) {
    auto made = DeadlineFd::create(kernel_);
    if (!made) return std::unexpected(made.error());
    auto token = add(made->fd(), Ready::read, Mode{}, nothing_, "deadline");
    if (!token) return std::unexpected(token.error());
    deadline_fd_.emplace(std::move(*made));
    deadline_token_ = *token;
    queue_.splice_back(when_idle_);
    tell_embedder();
  }
  return poller_->fd();
}

// Work that is there already is a deadline that is past. Whoever waits for the loop's fd sleeps in
// the loop's place, so from here on a wake-up is a system call.
void Loop::tell_embedder() {
  const bool is_busy = has_work_now() || !waker_->prepare_to_sleep();
  const auto done = deadline_fd_->set(is_busy ? std::optional(TimePoint{}) : wheel_.next());
  CHECK(done.has_value(), "timerfd_settime(2) fails only for invalid arguments");
}

Result<> Loop::restart_after_fork() {
  auto poller = make_poller(kernel_, options_.mechanism);
  if (!poller) return std::unexpected(poller.error());
  if (auto done = waker_->restart(); !done) return done;
  registry_.find(waker_token_)->fd = waker_->fd();
  registry_.take_fd(waker_token_);
  if (deadline_fd_) {
    auto made = DeadlineFd::create(kernel_);
    if (!made) return std::unexpected(made.error());
    deadline_fd_.emplace(std::move(*made));
    registry_.find(*deadline_token_)->fd = deadline_fd_->fd();
    registry_.take_fd(*deadline_token_);
  }
  // The former poller is closed, not emptied: its registrations are the parent's.
  poller_ = std::move(*poller);
  fork_guard_.reset();

  Result<> outcome;
  registry_.for_each([&](Token token, const Registration& kept) {
    if (!registry_.has_fd(token)) return;  // Closed by others, and its number is another's.
    auto done = poller_->add(kept.fd, kept.interest, kept.mode, token);
    if (!done && outcome) outcome = done;
  });
  if (deadline_fd_) tell_embedder();
  return outcome;
}

std::vector<RegistrationInfo> Loop::describe() {
  std::vector<RegistrationInfo> all;
  all.reserve(registry_.size());
  registry_.for_each([&](Token token, const Registration& one) {
    all.push_back({token, one.fd, one.name, one.where, one.interest, one.mode});
  });
  return all;
}

}  // namespace tocsin
