// SPDX-License-Identifier: MIT
#include "tocsin/source/fd_source.hpp"

#include <utility>

#include "tocsin/base/check.hpp"

namespace tocsin {
namespace {

// All there is to know about a stream. PRI is not for reading urgent data but for knowing of it: a
// read stops short at the urgent mark (tcp(7)), with more behind it.
constexpr Ready interest = Ready::read | Ready::write | Ready::read_hangup | Ready::priority;
constexpr Mode edge{.trigger = Trigger::edge};

constexpr Ready makes_readable =
    Ready::read | Ready::read_hangup | Ready::hangup | Ready::error | Ready::priority;
constexpr Ready makes_writable = Ready::write | Ready::hangup | Ready::error;
constexpr Ready makes_short_reads_lie =
    Ready::read_hangup | Ready::hangup | Ready::error | Ready::priority;

}  // namespace

Result<std::unique_ptr<FdSource>> FdSource::create(Loop& loop, Fd fd, const char* name,
                                                   std::source_location where) {
  std::unique_ptr<FdSource> source(new FdSource(loop, std::move(fd)));
  auto token = loop.add(source->fd(), interest, edge, *source, name, where);
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
  loop_.remove(token_);
  return {kernel(), std::exchange(fd_, -1)};
}

void FdSource::end_operations() {
  for (const Direction direction : {Direction::read, Direction::write}) {
    AnyIoOperation* const operation = std::exchange(waiting(direction), nullptr);
    if (operation == nullptr) continue;
    operation->fail(Errno::cancelled);
    operation->source_ = nullptr;
    operation->resume_later();
  }
}

inline void FdSource::absorb(Ready ready) {
  if (any(ready, ~(Ready::read | Ready::write))) [[unlikely]]
    return absorb_more(ready);
  known_ |= ready;
}

void FdSource::absorb_more(Ready ready) {
  if (any(ready, makes_readable)) known_ |= Ready::read;
  if (any(ready, makes_writable)) known_ |= Ready::write;
  if (any(ready, makes_short_reads_lie)) known_after_short_read_ |= Ready::read;
}

void FdSource::on_ready(Ready ready) {
  absorb(ready);
  renew_budget();
  if (writer_ != nullptr) [[unlikely]]
    return proceed_both();
  if (reader_ != nullptr && may_have(Direction::read)) reader_->proceed();
}

// The reader lies in the middle of its coroutine's frame, most of which the coroutine will touch:
// of an echo, a hundred bytes before it and two hundred behind; and behind the frame, as a rule,
// lies the Context it runs in. A guess: a line too many costs little, and nothing is read. Whole
// numbers, because these addresses need not be the reader's.
void FdSource::prefetch() const {
  if (reader_ == nullptr) return;
  constexpr std::uintptr_t line = 64;
  constexpr std::uintptr_t before = 104;
  const auto frame = reinterpret_cast<std::uintptr_t>(reader_) - before;
  for (std::uintptr_t offset = 0; offset < 7 * line; offset += line)
    __builtin_prefetch(reinterpret_cast<const void*>(frame + offset));
}

// A coroutine that is resumed may end this source: nothing of it is touched after that unless the
// loop still knows it.
void FdSource::proceed_both() {
  Loop& loop = loop_;
  const Token token = token_;
  if (reader_ != nullptr && may_have(Direction::read)) {
    reader_->proceed();
    if (!loop.is_live(token)) return;
  }
  if (writer_ != nullptr && may_have(Direction::write)) writer_->proceed();
}

}  // namespace tocsin
