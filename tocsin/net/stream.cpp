// SPDX-License-Identifier: MIT
#include "tocsin/net/stream.hpp"

#include <sys/socket.h>

#include "tocsin/base/check.hpp"

namespace tocsin {

// In line in both of its callers: a call would cost every message a tenth of what it costs in all.
[[gnu::always_inline]] inline bool ReadOperation::try_read() {
  FdSource& from = source();
  count_ = from.kernel().recv(from.fd(), from.loop().buffers().next(), 0);
  if (!count_) [[unlikely]]
    return !must_wait();
  // Looked up anew: that is less than to keep them across the call.
  source().received(*count_, source().loop().buffers().buffer_size());
  return true;
}

bool ReadOperation::attempt() {
  if (!try_read()) return false;
  source().spend(count_.value_or(0));
  return true;
}

// This read is not counted: the loop serves a source once a turn, so there is one of it.
void ReadOperation::proceed() {
  if (!source().loop().buffers().has_next()) [[unlikely]]
    return proceed_with_new_buffer();
  proceed_with([this] { return try_read(); });
}

// Apart from `proceed`, so that there nothing has to be kept across a call that seldom happens.
[[gnu::noinline]] void ReadOperation::proceed_with_new_buffer() {
  static_cast<void>(source().loop().buffers().next());
  proceed();
}

// Whether a failed attempt is no result: the kernel has nothing yet.
bool ReadOperation::must_wait() {
  if (count_.error() != Errno::again) return false;
  source().blocked(Direction::read);
  return true;
}

bool WriteOperation::attempt() {
  while (source_->may_try(Direction::write))
    if (settle(send())) return true;
  return false;
}

// Whether nothing is left to be done after a send(2) that gave `sent`.
bool WriteOperation::settle(Count sent) {
  if (!sent) {
    if (sent.error() == Errno::again) {
      source_->blocked(Direction::write);
      return false;
    }
    result_ = std::unexpected(sent.error());
    return true;
  }
  source_->spend(*sent);
  left_ = left_.subspan(*sent);
  return left_.empty();
}

bool WriteOperation::try_rest() { return waiting_.emplace(*this).await_ready(); }

bool WriteOperation::try_rest_after(Count sent) { return settle(sent) || try_rest(); }

GatherOperation::GatherOperation(FdSource& source, std::span<const ByteView> parts)
    : FallibleOperation(source), count_(parts.size()) {
  CHECK(parts.size() <= most_parts, "more parts than one gathered write takes");
  for (std::size_t i = 0; i < count_; ++i)
    parts_[i] = {.iov_base = const_cast<std::byte*>(parts[i].data()), .iov_len = parts[i].size()};
}

void GatherOperation::consume(std::size_t count) {
  while (first_ < count_ && count >= parts_[first_].iov_len) count -= parts_[first_++].iov_len;
  if (first_ == count_) return;
  parts_[first_].iov_base = static_cast<std::byte*>(parts_[first_].iov_base) + count;
  parts_[first_].iov_len -= count;
}

bool GatherOperation::attempt() {
  FdSource& to = source();
  while (first_ < count_) {
    if (!to.may_spend()) return false;
    msghdr message{};
    message.msg_iov = &parts_[first_];
    message.msg_iovlen = count_ - first_;
    const auto count = to.kernel().sendmsg(to.fd(), message, MSG_NOSIGNAL);
    if (!count) return refused(count.error());
    to.spend(*count);
    consume(*count);
  }
  return true;
}

Result<> Stream::finish_writing() { return source_->kernel().shutdown(fd(), SHUT_WR); }

}  // namespace tocsin
