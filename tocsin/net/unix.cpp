// SPDX-License-Identifier: MIT
#include "tocsin/net/unix.hpp"

namespace tocsin {

// recvmsg(2) with no room for what comes along, because it says whether something did: whoever
// sends descriptors puts a boundary into the stream, at which every read stops, however much there
// is behind it (and credentials, where they are passed, are one before another sender's bytes).
// Where there was none a short read has taken all, which saves the recv(2) that would find nothing.
bool UnixReadOperation::try_read() {
  FdSource& from = source();
  const MutableBytes room = from.loop().buffers().next();
  iovec part{.iov_base = room.data(), .iov_len = room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  count_ = from.kernel().recvmsg(from.fd(), message, 0);
  if (!count_) return !must_wait();
  if (*count_ < room.size() && (message.msg_flags & MSG_CTRUNC) == 0) from.drained();
  return true;
}

bool UnixReadOperation::attempt() {
  if (!try_read()) return false;
  source().spend(count_.value_or(0));
  return true;
}

void UnixReadOperation::proceed() {
  proceed_with([this] { return try_read(); });
}

// For those who read this as a Stream, with a recv(2) that says nothing of boundaries.
UnixStream::UnixStream(std::unique_ptr<FdSource> source) : Stream(std::move(source)) {
  this->source().distrust_short_reads();
}

Task<Result<UnixStream>> UnixStream::connect(Loop& loop, Address address,
                                             std::source_location where) {
  auto source = co_await internal::connect_unix(loop, address, type, name, where);
  if (!source) co_return std::unexpected(source.error());
  co_return UnixStream(std::move(*source));
}

Result<std::pair<UnixStream, UnixStream>> UnixStream::pair(Loop& loop, std::source_location where) {
  auto ends = internal::pair_unix(loop, type, name, where);
  if (!ends) return std::unexpected(ends.error());
  return std::pair(UnixStream(std::move(ends->first)), UnixStream(std::move(ends->second)));
}

}  // namespace tocsin
