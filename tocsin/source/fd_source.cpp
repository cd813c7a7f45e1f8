// SPDX-License-Identifier: MIT
#include "tocsin/source/fd_source.hpp"

#include <utility>

#include "tocsin/base/check.hpp"
#include "tocsin/source/internal/prefetch_frame.hpp"

namespace tocsin {
namespace {

// All there is to know about a stream. PRI is not for reading urgent data but for knowing of it: a
// read stops short at the urgent mark (tcp(7)), with more behind it.
constexpr Ready everything = Ready::read | Ready::write | Ready::read_hangup | Ready::priority;
constexpr Ready all_but_writing = Ready::read | Ready::read_hangup | Ready::priority;
constexpr Mode edge{.trigger = Trigger::edge};
constexpr Mode exclusive_edge{.trigger = Trigger::edge, .exclusive = true};

constexpr Ready makes_readable =
    Ready::read | Ready::read_hangup | Ready::hangup | Ready::error | Ready::priority;
constexpr Ready makes_writable = Ready::write | Ready::hangup | Ready::error;
// Urgent data, and that there will be none; entries of the error queue, and that there are no more.
constexpr Ready makes_priority = Ready::priority | Ready::read_hangup | Ready::hangup;
constexpr Ready makes_error = Ready::error | Ready::hangup;
constexpr Ready makes_short_reads_lie =
    Ready::read_hangup | Ready::hangup | Ready::error | Ready::priority;

}  // namespace

Result<std::unique_ptr<FdSource>> FdSource::create(Loop& loop, Fd fd, const char* name,
                                                   std::source_location where) {
  return create_in(edge, everything, loop, std::move(fd), name, where);
}

Result<std::unique_ptr<FdSource>> FdSource::create_writable(Loop& loop, Fd fd, const char* name,
                                                            std::source_location where) {
  auto source = create_in(edge, all_but_writing, loop, std::move(fd), name, where);
  if (source) (*source)->known_after_short_read_ |= in_part;
  return source;
}

Result<std::unique_ptr<FdSource>> FdSource::create_level(Loop& loop, Fd fd, const char* name,
                                                         std::source_location where) {
  auto source = create_in(Mode{}, Ready::read, loop, std::move(fd), name, where);
  if (source) (*source)->known_after_short_read_ |= in_part | level;
  return source;
}

Result<std::unique_ptr<FdSource>> FdSource::create_exclusive(Loop& loop, Fd fd, const char* name,
                                                             std::source_location where) {
  return create_in(exclusive_edge, Ready::read, loop, std::move(fd), name, where);
}

Result<std::unique_ptr<FdSource>> FdSource::create_in(Mode mode, Ready interest, Loop& loop, Fd fd,
                                                      const char* name,
                                                      std::source_location where) {
  std::unique_ptr<FdSource> source(new FdSource(loop, std::move(fd)));
  auto token = loop.add(source->fd(), interest, mode, *source, name, where);
  if (!token) {
    static_cast<void>(Fd(loop.kernel(), std::exchange(source->fd_, -1)));
    return std::unexpected(token.error());
  }
  source->token_ = *token;
  return source;
}

FdSource::~FdSource() {
  if (fd_ >= 0) static_cast<void>(release());
}

Fd FdSource::release() {
  end_operations();
  if (loop_.is_live(token_)) loop_.remove(token_);
  return {kernel(), std::exchange(fd_, -1)};
}

Result<> FdSource::go_behind_others(const char* name, std::source_location where) {
  if (loop_.is_live(token_)) loop_.remove(token_);
  const auto token = loop_.add(fd_, Ready::read, exclusive_edge, *this, name, where);
  token_ = token.value_or(Token{});
  if (!token) return std::unexpected(token.error());
  return {};
}

// What is ready by now is an event, so that no edge is missed. If the kernel cannot be asked
// (ENOMEM, or somebody has closed the descriptor), whoever waits tries again in each turn.
void FdSource::register_whole(Direction wanted) {
  if (loop_.modify(token_, everything, edge)) {
    if (any(marks(), level)) known_after_short_read_ |= Ready::read;
    known_after_short_read_ &= ~(in_part | level);
  } else {
    known_ |= bit(wanted);
    budget_ = 0;
  }
}

void FdSource::end_operations() {
  const auto end = [](AnyIoOperation& operation) {
    operation.fail(Errno::cancelled);
    operation.source_ = nullptr;
    operation.resume_later();
  };
  if (AnyIoOperation* const reader = std::exchange(reader_, nullptr)) end(*reader);
  while (AnyIoOperation* const operation = writer_) {
    AnyIoOperation** const behind = operation->behind();
    writer_ = behind == nullptr ? nullptr : *behind;
    end(*operation);
  }
}

inline void FdSource::absorb(Ready ready) { known_ |= ready; }

[[gnu::noinline]] void FdSource::absorb_more(Ready ready) {
  if (any(marks(), level)) register_whole(Direction::read);
  if (any(ready, makes_readable)) known_ |= Ready::read;
  if (any(ready, makes_writable)) known_ |= Ready::write;
  if (any(ready, makes_priority)) known_ |= Ready::priority;
  if (any(ready, makes_error)) known_ |= Ready::error;
  if (any(ready, makes_short_reads_lie)) known_after_short_read_ |= Ready::read;
  on_ready(Ready::none);
}

// What is rare is noted elsewhere, and served by a second call with nothing new: so that there is
// nothing to keep, and no frame to make, in the call that every message comes with.
void FdSource::on_ready(Ready ready) {
  if (any(ready, ~(Ready::read | Ready::write))) [[unlikely]]
    return absorb_more(ready);
  absorb(ready);
  renew_budget();
  if (writer_ != nullptr) [[unlikely]]
    return proceed_all();
  if (reader_ == nullptr) [[unlikely]]
    return leave_unread();
  if (may_have(Direction::read)) reader_->proceed();
}

// A level would be reported again and again.
[[gnu::noinline]] void FdSource::leave_unread() {
  if (any(marks(), level) && may_have(Direction::read)) register_whole(Direction::read);
}

void FdSource::prefetch() const { internal::prefetch_frame(reader_); }

// A coroutine that is resumed may end this source: nothing of it is touched after that unless the
// loop still knows it.
void FdSource::proceed_all() {
  Loop& loop = loop_;
  const Token token = token_;
  proceed_exceptions();
  if (reader_ != nullptr && may_have(Direction::read)) {
    reader_->proceed();
    if (!loop.is_live(token)) return;
  }
  AnyIoOperation* const writer = waiting(Direction::write);
  if (writer != nullptr && may_have(Direction::write)) writer->proceed();
}

// Before whoever reads or writes: to read the error queue takes the error away that their system
// calls would fail with. Nobody is resumed here, so nothing changes under the walk.
void FdSource::proceed_exceptions() {
  for (AnyIoOperation* operation = writer_; operation != nullptr;) {
    AnyIoOperation** const behind = operation->behind();
    if (behind == nullptr) return;  // The writer.
    AnyIoOperation* const next = *behind;
    operation->proceed();
    operation = next;
  }
}

AnyIoOperation*& FdSource::place_of_writer() {
  AnyIoOperation** place = &writer_;
  while (*place != nullptr) {
    AnyIoOperation** const behind = (*place)->behind();
    if (behind == nullptr) break;
    place = behind;
  }
  return *place;
}

}  // namespace tocsin
