// SPDX-License-Identifier: MIT
//
// UnixSocket: socket options (socket(7), unix(7)) and ioctls.
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/unix_socket.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected bad_address{Errno{EFAULT}};
constexpr std::unexpected unknown_option{Errno{ENOPROTOOPT}};

constexpr int most_buffer = 4'194'304;  // /proc/sys/net/core/wmem_max, rmem_max.
constexpr int least_send_buffer = 4608;
constexpr int least_receive_buffer = 2304;

// What is asked for is doubled, "to allow space for bookkeeping overhead" (socket(7), SO_SNDBUF).
// A negative size is a very large one.
std::size_t doubled(int size, int least) {
  const unsigned allowed = std::min(static_cast<unsigned>(size), unsigned{most_buffer});
  return static_cast<std::size_t>(std::max(static_cast<int>(allowed) * 2, least));
}

// The options that a UNIX socket remembers and does nothing about: their bits, or 0.
std::uint32_t switch_of(int name) {
  switch (name) {
    case SO_DEBUG:
    case SO_REUSEADDR:
    case SO_DONTROUTE:
    case SO_BROADCAST:
    case SO_KEEPALIVE:
      return std::uint32_t{1} << name;
    default:
      return 0;
  }
}

// getsockopt(2) gives no more than there is room for, and says how much that was.
Result<> store(const void* value, std::size_t size, void* into, socklen_t* length) {
  const std::size_t room = std::min<std::size_t>(*length, size);
  if (room > 0 && into == nullptr) return bad_address;
  std::memcpy(into, value, room);
  *length = static_cast<socklen_t>(room);
  return {};
}

std::optional<Duration> duration_of(const timeval& time) {
  if (time.tv_sec < 0) return Duration::zero();
  if (time.tv_sec == 0 && time.tv_usec == 0) return std::nullopt;  // No limit.
  constexpr long most_seconds = 1'000'000'000;
  return std::chrono::seconds{std::min<long>(time.tv_sec, most_seconds)} +
         std::chrono::microseconds{time.tv_usec};
}

timeval time_of(std::optional<Duration> limit) {
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(limit.value_or(Duration::zero()));
  return {.tv_sec = micros.count() / 1'000'000, .tv_usec = micros.count() % 1'000'000};
}

}  // namespace

// ---- options ------------------------------------------------------------------------------------

template <class P>
Result<int> UnixSocket<P>::option(int name) {
  switch (name) {
    case SO_TYPE:
      return type_;
    case SO_DOMAIN:
      return AF_UNIX;
    case SO_PROTOCOL:
      return 0;
    case SO_ERROR:
      return std::exchange(error_, 0);
    case SO_ACCEPTCONN:
      return state_ == State::listening ? 1 : 0;
    case SO_SNDBUF:
      return static_cast<int>(send_buffer_);
    case SO_RCVBUF:
      return static_cast<int>(receive_buffer_);
    case SO_RCVLOWAT:
      return receive_low_;
    case SO_SNDLOWAT:
      return 1;
    case SO_OOBINLINE:
      return urgent_inline_ ? 1 : 0;
    case SO_PASSCRED:
      return wants_credentials_ ? 1 : 0;
    default:
      if (const std::uint32_t bit = switch_of(name); bit != 0)
        return (switches_ & bit) != 0 ? 1 : 0;
      return unknown_option;
  }
}

template <class P>
Result<> UnixSocket<P>::getsockopt(int level, int name, void* value, socklen_t* length) {
  if (length == nullptr) return bad_address;
  if (*length > INT_MAX) return invalid;
  if (level != SOL_SOCKET) return std::unexpected(Errno::unsupported);
  const std::lock_guard lock(this->lock());
  if (name == SO_PEERCRED)
    return store(&peer_credentials_, sizeof peer_credentials_, value, length);
  if (name == SO_LINGER) return store(&linger_, sizeof linger_, value, length);
  if (name == SO_RCVTIMEO || name == SO_SNDTIMEO) {
    const timeval limit = time_of(name == SO_RCVTIMEO ? receive_limit_ : send_limit_);
    return store(&limit, sizeof limit, value, length);
  }
  const auto number = option(name);
  if (!number) return std::unexpected(number.error());
  return store(&*number, sizeof *number, value, length);
}

template <class P>
Result<> UnixSocket<P>::set_option(int name, int value) {
  const std::uint32_t bit = switch_of(name);
  switch (name) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
      send_buffer_ = doubled(value, least_send_buffer);
      room_freed();
      return {};
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
      receive_buffer_ = doubled(value, least_receive_buffer);
      return {};
    case SO_RCVLOWAT:
      receive_low_ = value < 0 ? INT_MAX : std::max(value, 1);
      return {};
    case SO_OOBINLINE:
      urgent_inline_ = value != 0;
      return {};
    case SO_PASSCRED:
      wants_credentials_ = value != 0;
      return {};
    case SO_TYPE:
    case SO_DOMAIN:
    case SO_PROTOCOL:
    case SO_ERROR:
    case SO_ACCEPTCONN:
    case SO_SNDLOWAT:
    case SO_PEERCRED:
      return unknown_option;
    default:
      if (bit == 0) return unknown_option;
      switches_ = value != 0 ? switches_ | bit : switches_ & ~bit;
      return {};
  }
}

template <class P>
Result<> UnixSocket<P>::setsockopt(int level, int name, const void* value, socklen_t length) {
  if (length > INT_MAX) return invalid;
  if (level != SOL_SOCKET) return std::unexpected(Errno::unsupported);
  if (length < sizeof(int)) return invalid;
  if (value == nullptr) return bad_address;
  const std::lock_guard lock(this->lock());
  if (name == SO_LINGER) {
    if (length < sizeof linger_) return invalid;
    std::memcpy(&linger_, value, sizeof linger_);
    return {};
  }
  if (name == SO_RCVTIMEO || name == SO_SNDTIMEO) {
    timeval time{};
    if (length < sizeof time) return invalid;
    std::memcpy(&time, value, sizeof time);
    if (time.tv_usec < 0 || time.tv_usec >= 1'000'000) return std::unexpected(Errno{EDOM});
    (name == SO_RCVTIMEO ? receive_limit_ : send_limit_) = duration_of(time);
    return {};
  }
  int number = 0;
  std::memcpy(&number, value, sizeof number);
  return set_option(name, number);
}

// ---- ioctl(2) -----------------------------------------------------------------------------------

// Of a datagram socket, the next datagram alone (unix(7), SIOCINQ). An urgent byte that was skipped
// is never subtracted again: Linux 6.18 counts so.
template <class P>
Result<std::size_t> UnixSocket<P>::unread() const {
  if (state_ == State::listening) return invalid;
  std::size_t bytes = skipped_;
  for (const Message& message : queue_) {
    bytes += message.left();
    if (!makes_connections()) break;
  }
  return bytes;
}

template <class P>
bool UnixSocket<P>::is_at_mark() const {
  if (!pending_.empty()) return true;  // What waits to be accepted is an empty message to Linux.
  if (queue_.empty()) return false;
  const Message& first = queue_.front();
  if (&first == urgent_) return true;
  if (first.left() > 0) return false;
  const auto second = std::next(queue_.begin());
  return urgent_ == nullptr || (second != queue_.end() && &*second == urgent_);
}

template <class P>
Result<int> UnixSocket<P>::ioctl(Process<P>& process, Description<P>& description,
                                 unsigned long request, void* argument) {
  int answer = 0;
  {
    const std::lock_guard lock(this->lock());
    if (request == SIOCOUTQ) {
      answer = static_cast<int>(charged_);
    } else if (request == SIOCINQ) {
      const auto bytes = unread();
      if (!bytes) return std::unexpected(bytes.error());
      answer = static_cast<int>(*bytes);
    } else if (request == SIOCATMARK) {
      if (!is_stream()) return std::unexpected(Errno::unsupported);
      answer = is_at_mark() ? 1 : 0;
    } else {
      return Socket<P>::ioctl(process, description, request, argument);
    }
  }
  if (argument == nullptr) return bad_address;
  std::memcpy(argument, &answer, sizeof answer);
  return 0;
}

template Result<> UnixSocket<Single>::getsockopt(int, int, void*, socklen_t*);
template Result<> UnixSocket<Threads>::getsockopt(int, int, void*, socklen_t*);
template Result<> UnixSocket<Single>::setsockopt(int, int, const void*, socklen_t);
template Result<> UnixSocket<Threads>::setsockopt(int, int, const void*, socklen_t);
template Result<int> UnixSocket<Single>::ioctl(Process<Single>&, Description<Single>&,
                                               unsigned long, void*);
template Result<int> UnixSocket<Threads>::ioctl(Process<Threads>&, Description<Threads>&,
                                                unsigned long, void*);

}  // namespace tocsin::vkern
