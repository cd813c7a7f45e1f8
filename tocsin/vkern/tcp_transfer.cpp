// SPDX-License-Identifier: MIT
//
// TcpSocket: sending and receiving: what tcp(7) says of urgent data, socket(7) of low-water marks,
// and which of several errors comes first.
#include <algorithm>
#include <cstring>

#include "tocsin/vkern/internal/scatter.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"
#include "tocsin/vkern/tcp_socket.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected would_block{Errno::again};
constexpr std::unexpected not_connected{Errno{ENOTCONN}};

// Where the next bytes of a call go, over the parts of its message.
class Scattering {
 public:
  explicit Scattering(std::span<const iovec> parts) : parts_(parts) {}

  void put(ByteView bytes) {
    while (!bytes.empty()) {
      const iovec& part = parts_.front();
      const std::size_t count = std::min(bytes.size(), part.iov_len - used_);
      if (count > 0)
        std::memcpy(static_cast<std::byte*>(part.iov_base) + used_, bytes.data(), count);
      bytes = bytes.subspan(count);
      used_ += count;
      if (used_ < part.iov_len) continue;
      parts_ = parts_.subspan(1);
      used_ = 0;
    }
  }

 private:
  std::span<const iovec> parts_;
  std::size_t used_ = 0;
};

}  // namespace

// ---- how full -----------------------------------------------------------------------------------

// A third has to be free: whoever waits for room is woken when it is worth it, not for each byte.
template <class P>
bool TcpSocket<P>::is_writable() const {
  return has_send_space() && send_capacity() - outbox_.size() >= outbox_.size() / 2;
}

template <class P>
bool TcpSocket<P>::is_readable(std::size_t low_water) const {
  const std::size_t waiting = inbox_.size() + (has_fin_ ? 1 : 0);  // A FIN has a number, too.
  return waiting > 0 && (waiting >= low_water || room() == 0);
}

// The SYN and the FIN have a number each.
template <class P>
std::size_t TcpSocket<P>::unacknowledged() const {
  if (state_ == TcpState::syn_sent) return 1;
  if (state_ == TcpState::closed || state_ == TcpState::listening) return unacknowledged_;
  return outbox_.size() + (fin_is_queued_ ? 1 : 0);
}

template <class P>
std::size_t TcpSocket<P>::unsent() const {
  if (state_ == TcpState::syn_sent) return 0;
  return state_ == TcpState::closed || state_ == TcpState::listening ? unsent_ : unacknowledged();
}

// ---- sending ------------------------------------------------------------------------------------

// What is pending explains it better than EPIPE does.
template <class P>
std::unexpected<Errno> TcpSocket<P>::send_error() {
  const int error = this->take_error();
  return std::unexpected(Errno{error != 0 ? error : EPIPE});
}

template <class P>
Result<> TcpSocket<P>::wait_to_send(HeldLock& lock, bool may_block) {
  const auto is_under_way = [this] { return state_ == TcpState::syn_sent && error_ == 0; };
  if (is_under_way()) {
    if (!may_block) return would_block;
    const bool in_time =
        sleep_until<P>(this->system_.world(), queue_, lock, Queued::shared,
                       this->deadline(this->options.send_timeout), [&] { return !is_under_way(); });
    if (!in_time) return would_block;
  }
  const bool is_open = state_ == TcpState::established || state_ == TcpState::close_wait;
  if (!is_open || error_ != 0 || this->is_shut(Base::sending)) return send_error();
  return {};
}

// Whether there is some now. If not, nobody may send any more, or nobody may wait.
template <class P>
bool TcpSocket<P>::wait_for_send_space(HeldLock& lock, bool may_block) {
  push();
  if (has_send_space() && peer_) return true;
  wants_space_ = true;
  if (!may_block) return false;
  const auto is_over = [this] { return error_ != 0 || this->is_shut(Base::sending); };
  sleep_until<P>(this->system_.world(), queue_, lock, Queued::shared,
                 this->deadline(this->options.send_timeout),
                 [&] { return is_over() || has_send_space(); });
  return has_send_space() && !is_over();
}

template <class P>
Count TcpSocket<P>::send_all(HeldLock& lock, ByteView bytes, bool may_block) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    if (!has_send_space() && !wait_for_send_space(lock, may_block)) break;
    const std::size_t space = send_capacity() - outbox_.size();
    const std::size_t count = std::min(bytes.size() - sent, space);
    outbox_.append(bytes.subspan(sent, count));
    sent += count;
  }
  if (sent > 0 || bytes.empty()) return sent;
  if (error_ != 0 || this->is_shut(Base::sending)) return send_error();
  return would_block;
}

template <class P>
Count TcpSocket<P>::sendmsg(Process<P>&, Description<P>& description, const msghdr& message,
                            int flags) {
  const auto parts = parts_of(message);
  if (!parts) return std::unexpected(parts.error());
  std::vector<std::byte> gathered;
  ByteView bytes;
  if (parts->size() == 1)
    bytes = {static_cast<const std::byte*>(parts->front().iov_base), parts->front().iov_len};
  else
    bytes = gathered = internal::gather(*parts);

  HeldLock lock(this->lock());
  const bool may_block = this->may_block(description, flags);
  if (auto done = wait_to_send(lock, may_block); !done) return std::unexpected(done.error());
  const Count sent = send_all(lock, bytes, may_block);
  if (!sent) return sent;
  if ((flags & MSG_OOB) != 0 && *sent > 0 && outbox_.size() > 0) outbox_.mark_last();
  push();
  return sent;
}

// ---- receiving ----------------------------------------------------------------------------------

template <class P>
struct TcpSocket<P>::Reading {
  Scattering into;
  std::size_t left;  // Room.
  std::size_t copied = 0;
  std::size_t enough;   // As many as are worth returning for.
  std::uint64_t place;  // In the stream: where the next byte is read.
  bool peeks;
  bool discards;  // MSG_TRUNC (tcp(7)): the bytes are dropped.
};

template <class P>
Count TcpSocket<P>::recvmsg(Process<P>&, Description<P>& description, msghdr& message, int flags) {
  const auto parts = parts_of(message);
  if (!parts) return std::unexpected(parts.error());
  message.msg_flags = 0;
  message.msg_controllen = 0;
  message.msg_namelen = 0;
  if ((flags & MSG_ERRQUEUE) != 0) return would_block;
  HeldLock lock(this->lock());
  if (state_ == TcpState::listening) return not_connected;
  if ((flags & MSG_OOB) != 0) return receive_urgent(*parts, message, flags);

  const std::size_t length = internal::length_of(*parts);
  const auto low_water = static_cast<std::size_t>(this->options.receive_low_water);
  const std::size_t enough = (flags & MSG_WAITALL) != 0 ? length : std::min(low_water, length);
  Reading reading{.into = Scattering(*parts),
                  .left = length,
                  .enough = std::max<std::size_t>(enough, 1),
                  .place = inbox_.begin(),
                  .peeks = (flags & MSG_PEEK) != 0,
                  .discards = (flags & MSG_TRUNC) != 0};
  const Count count = receive_bytes(lock, reading, this->may_block(description, flags));
  if (!reading.peeks && reading.copied > 0) announce_room();
  return count;
}

// Reading stops at the urgent mark, if anything came before it; the next call leaves that byte out.
template <class P>
Count TcpSocket<P>::receive_bytes(HeldLock& lock, Reading& reading, bool may_block) {
  const auto deadline = this->deadline(this->options.receive_timeout);
  do {
    if (reading.copied > 0 && inbox_.is_marked(reading.place)) break;
    if (reading.place < inbox_.end()) {
      const auto [skipped, bytes] = inbox_.piece(reading.place, reading.left, is_inline());
      if (!reading.discards) reading.into.put(bytes);
      reading.copied += bytes.size();
      reading.left -= bytes.size();
      reading.place += skipped + bytes.size();
      if (!reading.peeks) inbox_.read_to(reading.place);
      continue;
    }
    if (reading.copied >= reading.enough) break;
    if (const auto answer = nothing_to_read(reading, may_block)) return *answer;
    if (!reading.peeks && reading.copied > 0) announce_room();
    if (reading.place < inbox_.end()) continue;
    may_block = wait_for_bytes(lock, reading, deadline);
  } while (reading.left > 0);
  return reading.copied;
}

// What ends a call that has found nothing more: nullopt if it has to wait.
template <class P>
std::optional<Count> TcpSocket<P>::nothing_to_read(const Reading& reading, bool may_block) {
  const bool is_over = this->is_shut(Base::receiving);
  if (reading.copied > 0) {
    if (!may_block || error_ != 0 || state_ == TcpState::closed || is_over) return reading.copied;
    return std::nullopt;
  }
  if (has_fin_) return Count{0};
  if (const int error = this->take_error(); error != 0) return std::unexpected(Errno{error});
  if (is_over) return Count{0};
  if (state_ == TcpState::closed) return not_connected;
  if (!may_block) return would_block;
  return std::nullopt;
}

// Answers whether the call may wait once more.
template <class P>
bool TcpSocket<P>::wait_for_bytes(HeldLock& lock, Reading& reading,
                                  std::optional<TimePoint> deadline) {
  const std::uint64_t begin = inbox_.begin();
  const std::uint64_t end = inbox_.end();
  const bool in_time =
      sleep_until<P>(this->system_.world(), queue_, lock, Queued::shared, deadline, [&, this] {
        return inbox_.end() != end || error_ != 0 || this->is_shut(Base::receiving) ||
               state_ == TcpState::closed;
      });
  // Others may have read meanwhile; a peek begins anew if they have.
  if (!reading.peeks || inbox_.begin() != begin) reading.place = inbox_.begin();
  return in_time;
}

template <class P>
Count TcpSocket<P>::receive_urgent(std::span<const iovec> parts, msghdr& message, int flags) {
  if (is_inline() || !inbox_.has_urgent()) return std::unexpected(Errno::invalid);
  if (state_ == TcpState::closed && !has_fin_) return not_connected;
  const std::byte urgent = inbox_.urgent();
  if ((flags & MSG_PEEK) == 0) inbox_.urgent_was_read();
  message.msg_flags |= MSG_OOB;
  if (internal::length_of(parts) == 0) {
    message.msg_flags |= MSG_TRUNC;
    return Count{0};
  }
  if ((flags & MSG_TRUNC) == 0) Scattering(parts).put({&urgent, 1});
  return Count{1};
}

#define TOCSIN_INSTANTIATE(P)                                                                \
  template bool TcpSocket<P>::is_writable() const;                                           \
  template bool TcpSocket<P>::is_readable(std::size_t) const;                                \
  template std::size_t TcpSocket<P>::unacknowledged() const;                                 \
  template std::size_t TcpSocket<P>::unsent() const;                                         \
  template std::unexpected<Errno> TcpSocket<P>::send_error();                                \
  template Result<> TcpSocket<P>::wait_to_send(HeldLock&, bool);                             \
  template bool TcpSocket<P>::wait_for_send_space(HeldLock&, bool);                          \
  template Count TcpSocket<P>::send_all(HeldLock&, ByteView, bool);                          \
  template Count TcpSocket<P>::sendmsg(Process<P>&, Description<P>&, const msghdr&, int);    \
  template Count TcpSocket<P>::recvmsg(Process<P>&, Description<P>&, msghdr&, int);          \
  template Count TcpSocket<P>::receive_bytes(HeldLock&, Reading&, bool);                     \
  template std::optional<Count> TcpSocket<P>::nothing_to_read(const Reading&, bool);         \
  template bool TcpSocket<P>::wait_for_bytes(HeldLock&, Reading&, std::optional<TimePoint>); \
  template Count TcpSocket<P>::receive_urgent(std::span<const iovec>, msghdr&, int)

TOCSIN_INSTANTIATE(Single);
TOCSIN_INSTANTIATE(Threads);
#undef TOCSIN_INSTANTIATE

}  // namespace tocsin::vkern
