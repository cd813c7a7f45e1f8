// SPDX-License-Identifier: MIT
#include "tocsin/source/watch.hpp"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/source/internal/prefetch_frame.hpp"

namespace tocsin {
namespace {

constexpr Result<> closed = std::unexpected(Errno{EBADF});

// What epoll_ctl(2) answers about a registration that was there: nobody has the number, or another
// file has, which nobody has registered (ENOENT) or nobody can (EPERM).
bool says_closed(const Result<>& answer) {
  return !answer && (answer.error() == Errno{EBADF} || answer.error() == Errno{ENOENT} ||
                     answer.error() == Errno::not_permitted);
}

bool is_level(Mode mode) { return mode.trigger == Trigger::level && !mode.oneshot; }

// An edge that is modified tells of what it has told before; an exclusive one cannot be.
bool can_look_later(Mode mode) { return is_level(mode) && !mode.exclusive; }

}  // namespace

Result<std::unique_ptr<Watch>> Watch::create(Loop& loop, int fd, Ready interest, Mode mode,
                                             const char* name, std::source_location where) {
  std::unique_ptr<Watch> watch(new Watch(loop, fd, interest, mode, name, where));
  if (auto added = watch->add(); !added) return std::unexpected(added.error());
  return watch;
}

Watch::~Watch() {
  leave();
  if (waiter_ == nullptr) return;
  waiter_->answer_ = std::unexpected(Errno::cancelled);
  waiter_->watch_ = nullptr;
  waiter_->resume_later();
}

Result<> Watch::add() {
  const auto token = loop_.add(fd_, interest_, mode_, *this, name_, where_);
  if (!token) return std::unexpected(token.error());
  token_ = *token;
  registered_ = armed_ = true;
  unlooked_ = 0;
  return {};
}

void Watch::leave() {
  if (std::exchange(registered_, false)) loop_.forget(token_);
  armed_ = false;
}

Result<> Watch::arm() {
  if (armed_) return {};
  if (!registered_) return add();
  auto done = loop_.modify(token_, interest_, mode_);
  armed_ = done.has_value();
  unlooked_ = 0;
  return done;
}

// Nobody waits for a level: the loop must not turn round and round for its sake. The registration
// stays, for it knows which file this is about; as a oneshot of nothing it tells of a hangup once.
// An exclusive one cannot be modified (epoll_ctl(2), EPOLLEXCLUSIVE).
void Watch::rest() {
  if (mode_.exclusive) return leave();
  armed_ = false;
  // It fails if the fd was closed: `next` will find the same.
  static_cast<void>(loop_.modify(token_, Ready::none, {.oneshot = true}));
}

void Watch::on_ready(Ready ready) {
  if (!armed_) return;
  if (mode_.oneshot) armed_ = false;
  if (waiter_ == nullptr) {
    if (is_level(mode_)) return rest();
    untold_ |= ready;
    return;
  }
  if (can_look_later(mode_)) ++unlooked_;
  NextReady* const waiter = std::exchange(waiter_, nullptr);
  waiter->answer_ = ready;
  waiter->resume();  // It may destroy this watch.
}

void Watch::prefetch() const { internal::prefetch_frame(waiter_); }

// Before somebody waits. Whoever has to arm asks the kernel anyway, which knows.
Result<> Watch::prepare() {
  if (!armed_) {
    const auto armed = arm();
    return says_closed(armed) ? closed : armed;
  }
  if (unlooked_ > unlooked_events) return look();
  if (unlooked_ > 0 && (look_.is_linked() || loop_.post_when_idle(look_))) return {};
  unlooked_ = 0;
  return loop_.seems_open(token_) ? Result<>() : closed;
}

// A level that is modified to what it is tells nothing that it would not tell anyway; and the
// kernel finds it by file and number, so it knows a number that means another file now.
Result<> Watch::look() {
  unlooked_ = 0;
  return says_closed(loop_.modify(token_, interest_, mode_)) ? closed : Result<>();
}

// Nobody waits: whoever does so next has it looked at.
void Watch::look_for_waiter() {
  if (waiter_ == nullptr || unlooked_ == 0) return;
  const auto open = look();
  if (open) return;
  NextReady* const waiter = std::exchange(waiter_, nullptr);
  waiter->answer_ = std::unexpected(open.error());
  waiter->resume();  // It may destroy this watch.
}

Result<> Watch::modify(Ready interest, Mode mode) {
  const bool anew = mode_.exclusive || mode.exclusive;
  interest_ = interest;
  mode_ = mode;
  untold_ = Ready::none;
  if (anew) leave();
  armed_ = false;
  return arm();
}

bool Watch::was_closed() {
  if (registered_) return loop_.was_closed(token_);
  return !loop_.kernel().fcntl(fd_, F_GETFD, 0);
}

bool NextReady::await_ready() {
  CHECK(watch_->waiter_ == nullptr, "one waiter a watch: watch a duplicate for the second");
  if (watch_->will_be_looked_at()) [[likely]]
    return false;
  if (watch_->untold_ != Ready::none) {
    answer_ = std::exchange(watch_->untold_, Ready::none);
    return true;
  }
  if (const auto prepared = watch_->prepare(); !prepared) [[unlikely]] {
    answer_ = std::unexpected(prepared.error());
    return true;
  }
  return false;
}

bool NextReady::suspend(Waiter waiter) {
  if (waiter.context->is_cancelled()) [[unlikely]] {
    abandon();
    return false;
  }
  enter(waiter);
  watch_->waiter_ = this;
  return true;
}

void NextReady::start() { watch_->waiter_ = this; }

void NextReady::abandon() {
  if (watch_ != nullptr && watch_->waiter_ == this) watch_->waiter_ = nullptr;
  answer_ = std::unexpected(Errno::cancelled);
}

}  // namespace tocsin
