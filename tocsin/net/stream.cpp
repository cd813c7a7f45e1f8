// SPDX-License-Identifier: MIT
#include "tocsin/net/stream.hpp"

#include <sys/socket.h>

#include "tocsin/base/check.hpp"

namespace tocsin {

bool ReadOperation::attempt() {
  FdSource& from = source();
  const MutableBytes room = from.loop().buffers().next();
  const auto count = from.kernel().recv(from.fd(), room, 0);
  if (!count) [[unlikely]]
    return failed(count.error());
  from.received(*count, room.size());
  count_ = static_cast<std::int64_t>(*count);
  return true;
}

bool ReadOperation::failed(Errno error) {
  if (error == Errno::again) {
    source().blocked(Direction::read);
    return false;
  }
  fail(error);
  return true;
}

bool WriteOperation::attempt() {
  FdSource& to = source();
  const int flags = more_ == More::yes ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
  while (true) {
    const auto count = to.kernel().send(to.fd(), left_, flags);
    if (!count) [[unlikely]] {
      if (count.error() == Errno::again) {
        to.blocked(Direction::write);
        return false;
      }
      error_ = count.error().value();
      return true;
    }
    to.spend(*count);
    left_ = left_.subspan(*count);
    if (left_.empty()) return true;
    if (!to.may_spend()) return false;
  }
}

GatherOperation::GatherOperation(FdSource& source, std::span<const ByteView> parts)
    : IoOperation(source, Direction::write), count_(parts.size()) {
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
    if (!count) {
      if (count.error() == Errno::again) {
        to.blocked(Direction::write);
        return false;
      }
      error_ = count.error().value();
      return true;
    }
    to.spend(*count);
    consume(*count);
  }
  return true;
}

Result<> Stream::finish_writing() { return source_->kernel().shutdown(fd(), SHUT_WR); }

}  // namespace tocsin
