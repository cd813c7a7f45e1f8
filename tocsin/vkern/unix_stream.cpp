// SPDX-License-Identifier: MIT
//
// UnixSocket: streams: bytes in pieces, which are never joined: a read takes from several, but
// stops behind one that came with files, and before one of another sender if it was asked who sent.
//
// With MSG_OOB the last byte of a call is the urgent one. It stands in the queue like all others;
// a read that comes to it stops before it, and the next one skips it, or has it if SO_OOBINLINE was
// set. Taken with MSG_OOB, it leaves an empty piece behind: the mark (sockatmark(3)).
#include <algorithm>
#include <utility>

#include "tocsin/vkern/internal/unix_keys.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/sleep.hpp"
#include "tocsin/vkern/unix_cost.hpp"
#include "tocsin/vkern/unix_socket.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected broken_pipe{Errno{EPIPE}};
constexpr std::unexpected bad_address{Errno{EFAULT}};

}  // namespace

// ---- sending ------------------------------------------------------------------------------------

template <class P>
Result<> UnixSocket<P>::send_part(Process<P>& process, Sending& sending, std::size_t size,
                                  bool is_urgent) {
  if (const auto room = wait_for_room(process, sending.lock, sending.patience); !room) return room;
  UnixSocket& other = *sending.other;
  Message message;
  message.bytes.resize(size);
  // What was taken is given back, which tells, whatever goes wrong from here on.
  if (!sending.from.take(message.bytes)) {
    room_freed();
    return bad_address;
  }
  if (other.is_dead_ || (other.shut_ & way_in) != 0) {
    room_freed();
    return broken_pipe;
  }
  message.cost = is_urgent ? internal::run_cost(1) : internal::stream_cost(size);
  message.ancillary.files = std::exchange(sending.ancillary.files, {});
  message.ancillary.credentials = sending.ancillary.credentials;
  sign(process, other, message);
  charged_ += message.cost;
  other.arrived(std::move(message));
  if (is_urgent) other.urgent_ = &other.queue_.back();
  return {};
}

template <class P>
Count UnixSocket<P>::send_stream(Process<P>& process, Description<P>& description,
                                 const msghdr& message, int flags) {
  auto ancillary = take_ancillary(process, message);
  if (!ancillary) return std::unexpected(ancillary.error());
  Ref<UnixSocket> other;  // Let go of after the lock.
  Lock lock(this->lock());
  Sending sending{.lock = lock,
                  .from = internal::IovecCursor(message),
                  .ancillary = *ancillary,
                  .patience = patience(process, this->may_block(description, flags), send_limit_),
                  .other = nullptr};
  const std::size_t length = sending.from.left();
  const bool is_urgent = (flags & MSG_OOB) != 0;
  if (is_urgent && length == 0) return std::unexpected(Errno::unsupported);
  if (message.msg_name != nullptr && message.msg_namelen > 0)
    return std::unexpected(state_ == State::established ? Errno{EISCONN} : Errno::unsupported);
  if (!peer_) return std::unexpected(Errno{ENOTCONN});
  other = peer_;
  sending.other = other.get();
  if ((shut_ & way_out) != 0) return broken_pipe;
  const std::size_t plain = length - (is_urgent ? 1 : 0);
  std::size_t sent = 0;
  while (sent < length) {
    const bool is_last = sent == plain;
    const std::size_t size = is_last ? 1 : internal::stream_part(plain - sent, send_buffer_);
    if (const auto done = send_part(process, sending, size, is_last); !done)
      return sent > 0 ? Count(sent) : std::unexpected(done.error());
    sent += size;
  }
  return sent;
}

// ---- receiving ----------------------------------------------------------------------------------

template <class P>
struct UnixSocket<P>::Reading {
  Process<P>& process;
  Lock& lock;
  internal::IovecCursor into;
  int flags;
  Patience patience;
  std::size_t enough;  // Not to wait for more.
  bool wants_sender;
  UnixReceipt<P> receipt = {};
  std::size_t copied = 0;
  bool is_signed = false;  // The credentials are known, and have to stay the same.
  std::optional<Errno> error = {};

  bool peeks() const { return (flags & MSG_PEEK) != 0; }
};

// Where a read that has come to `at` goes on: past the mark that a taken urgent byte left, and past
// the urgent byte itself unless something was read before it. The end: stop here.
template <class P>
auto UnixSocket<P>::past_urgent(Place at, const Reading& reading, Leftovers& left) -> Place {
  if (at->left() > 0 && &*at != urgent_) return at;
  if (at->left() == 0) {
    if (reading.copied > 0 && (urgent_ == nullptr || &*at == urgent_)) return queue_.end();
    const Place mark = at++;
    if (!reading.peeks()) discard(mark, left);
    if (at == queue_.end()) return at;
  }
  if (&*at != urgent_) return at;
  if (reading.copied > 0) return queue_.end();
  if (!reading.peeks()) {
    urgent_ = nullptr;
    if (urgent_inline_) return at;
    discard(at, left);
    ++skipped_;
    return queue_.begin();
  }
  return urgent_inline_ ? at : std::next(at);
}

// Nothing is there: whether it is worth to look again.
template <class P>
bool UnixSocket<P>::wait_for_stream(Reading& reading) {
  if (reading.copied >= reading.enough) return false;
  if (const auto error = take_error(); !error) {
    reading.error = error.error();
    return false;
  }
  if ((shut_ & way_in) != 0) return false;
  if (!reading.patience.may_block) {
    reading.error = Errno::again;
    return false;
  }
  reading.patience.may_block =
      sleep_until<P>(reading.process.world(), waiters_, reading.lock, Queued::shared,
                     reading.patience.deadline, [this, seen = arrivals_] {
                       return arrivals_ != seen || error_ != 0 || (shut_ & way_in) != 0;
                     });
  return true;
}

// Reads from one piece; whether the next one may follow.
template <class P>
bool UnixSocket<P>::read_from(Place at, Reading& reading, Leftovers& left) {
  UnixReceipt<P>& receipt = reading.receipt;
  const UnixAncillary<P>& with = at->ancillary;
  if (reading.is_signed) {
    if (!is_same(with.credentials, receipt.ancillary.credentials)) return false;
  } else if (wants_credentials_) {
    receipt.ancillary.credentials = with.credentials;
    reading.is_signed = true;
  }
  if (std::exchange(reading.wants_sender, false)) receipt.sender = at->sender->name_;
  const std::size_t size = std::min(at->left(), reading.into.left());
  if (!reading.into.put(ByteView(at->bytes).subspan(at->consumed, size))) {
    if (reading.copied == 0) reading.error = Errno{EFAULT};
    return false;
  }
  reading.copied += size;
  if (reading.peeks()) {
    receipt.ancillary.files.insert(receipt.ancillary.files.end(), with.files.begin(),
                                   with.files.end());
    return with.files.empty();
  }
  at->consumed += size;
  const bool had_files = !with.files.empty();
  if (had_files) receipt.ancillary.files = std::exchange(at->ancillary.files, {});
  if (at->left() > 0) return false;
  discard(at, left);
  return !had_files;
}

// One look at the head of the queue, or, peeking, at all of it; whether to look again.
template <class P>
bool UnixSocket<P>::read_once(Reading& reading, Leftovers& left) {
  Place at = queue_.begin();
  while (true) {
    if (at != queue_.end()) {
      at = past_urgent(at, reading, left);
      if (at == queue_.end() && reading.copied > 0) return false;
    }
    while (at != queue_.end() && at->left() == 0) ++at;
    if (at == queue_.end()) return wait_for_stream(reading);
    if (!read_from(at, reading, left)) return false;
    if (!reading.peeks()) return reading.into.left() > 0;
    if (++at == queue_.end()) return false;
  }
}

template <class P>
Count UnixSocket<P>::receive_stream(Process<P>& process, Description<P>& description,
                                    msghdr& message, int flags) {
  Leftovers left;
  UnixReceipt<P> receipt;
  std::size_t copied = 0;
  {
    Lock lock(this->lock());
    if (state_ != State::established) return std::unexpected(Errno::invalid);
    internal::IovecCursor into(message);
    if ((flags & MSG_OOB) != 0) {
      const Count urgent = receive_urgent(into, flags, left);
      if (!urgent) return urgent;
      copied = *urgent;
      receipt.flags = MSG_OOB;
    } else {
      const std::size_t size = into.left();
      const std::size_t low = std::min(static_cast<std::size_t>(receive_low_), size);
      Reading reading{
          .process = process,
          .lock = lock,
          .into = into,
          .flags = flags,
          .patience = patience(process, this->may_block(description, flags), receive_limit_),
          .enough = std::max<std::size_t>((flags & MSG_WAITALL) != 0 ? size : low, 1),
          .wants_sender = message.msg_name != nullptr};
      while (read_once(reading, left)) {
      }
      if (reading.copied == 0 && reading.error) return std::unexpected(*reading.error);
      copied = reading.copied;
      receipt = std::move(reading.receipt);
      receipt.shows_credentials = wants_credentials_;
      if (!reading.is_signed) receipt.ancillary.credentials = {};
    }
  }
  if (const auto done = hand_over(process, receipt, message, flags); !done)
    return std::unexpected(done.error());
  return copied;
}

template <class P>
Count UnixSocket<P>::receive_urgent(internal::IovecCursor& into, int flags, Leftovers& left) {
  if (urgent_inline_ || urgent_ == nullptr) return std::unexpected(Errno::invalid);
  Message& urgent = *urgent_;
  // It counts even where there is no room for it.
  const std::size_t size = std::min<std::size_t>(1, into.left());
  const bool stored = into.put(ByteView(urgent.bytes).first(size));
  if ((flags & MSG_PEEK) == 0) {
    urgent.consumed = 1;
    urgent_ = nullptr;
    // Of two marks without a byte between them the first goes.
    const auto at = std::find_if(queue_.begin(), queue_.end(),
                                 [&](const Message& message) { return &message == &urgent; });
    if (at != queue_.begin() && std::prev(at)->left() == 0) discard(std::prev(at), left);
  }
  if (!stored) return bad_address;
  return 1;
}

// The others are instantiated by these, which alone are called from another file.
template Count UnixSocket<Single>::send_stream(Process<Single>&, Description<Single>&,
                                               const msghdr&, int);
template Count UnixSocket<Threads>::send_stream(Process<Threads>&, Description<Threads>&,
                                                const msghdr&, int);
template Count UnixSocket<Single>::receive_stream(Process<Single>&, Description<Single>&, msghdr&,
                                                  int);
template Count UnixSocket<Threads>::receive_stream(Process<Threads>&, Description<Threads>&,
                                                   msghdr&, int);

}  // namespace tocsin::vkern
