// SPDX-License-Identifier: MIT
#include "tocsin/vkern/inet_options.hpp"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/time.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace tocsin::vkern {
namespace {

constexpr std::unexpected invalid{Errno::invalid};
constexpr std::unexpected bad_address{Errno{EFAULT}};

struct PlainOption {
  int level;
  int name;
  int InetOptions::* value;
  int least;  // Both 0: whatever is not 0 is taken as 1.
  int most;
  bool only_tcp = false;
};

constexpr std::array plain_options{
    PlainOption{SOL_SOCKET, SO_REUSEADDR, &InetOptions::reuse_address, 0, 0},
    PlainOption{SOL_SOCKET, SO_REUSEPORT, &InetOptions::reuse_port, 0, 0},
    PlainOption{SOL_SOCKET, SO_KEEPALIVE, &InetOptions::keep_alive, 0, 0},
    PlainOption{SOL_SOCKET, SO_BROADCAST, &InetOptions::broadcast, 0, 0},
    PlainOption{SOL_SOCKET, SO_OOBINLINE, &InetOptions::oob_inline, 0, 0},
    PlainOption{SOL_SOCKET, SO_PRIORITY, &InetOptions::priority, INT_MIN, INT_MAX},
    PlainOption{SOL_SOCKET, SO_BUSY_POLL, &InetOptions::busy_poll, 0, INT_MAX},
    PlainOption{IPPROTO_TCP, TCP_NODELAY, &InetOptions::no_delay, 0, 0, true},
    PlainOption{IPPROTO_TCP, TCP_CORK, &InetOptions::cork, 0, 0, true},
    PlainOption{IPPROTO_TCP, TCP_QUICKACK, &InetOptions::quick_ack, 0, 0, true},
    PlainOption{IPPROTO_TCP, TCP_KEEPIDLE, &InetOptions::keep_idle, 1, 32767, true},
    PlainOption{IPPROTO_TCP, TCP_KEEPINTVL, &InetOptions::keep_interval, 1, 32767, true},
    PlainOption{IPPROTO_TCP, TCP_KEEPCNT, &InetOptions::keep_count, 1, 127, true},
    PlainOption{IPPROTO_TCP, TCP_SYNCNT, &InetOptions::syn_count, 1, 127, true},
    PlainOption{IPPROTO_TCP, TCP_USER_TIMEOUT, &InetOptions::user_timeout, 0, INT_MAX, true},
    PlainOption{IPPROTO_TCP, TCP_DEFER_ACCEPT, &InetOptions::defer_accept, 0, INT_MAX, true},
    PlainOption{IPPROTO_IP, IP_TOS, &InetOptions::type_of_service, INT_MIN, INT_MAX},
    PlainOption{IPPROTO_IP, IP_TTL, &InetOptions::time_to_live, 1, 255},
};

const PlainOption* find(InetKind kind, int level, int name) {
  const auto* const found = std::ranges::find_if(plain_options, [&](const PlainOption& option) {
    return option.level == level && option.name == name;
  });
  if (found == plain_options.end() || (found->only_tcp && kind != InetKind::tcp)) return nullptr;
  return found;
}

// A timeout of 0 is none (socket(7), SO_RCVTIMEO).
Result<std::optional<Duration>> read_timeout(const void* value, socklen_t length) {
  timeval time{};
  if (length < sizeof time) return invalid;
  if (value == nullptr) return bad_address;
  std::memcpy(&time, value, sizeof time);
  if (time.tv_usec < 0 || time.tv_usec >= 1'000'000) return std::unexpected(Errno{EDOM});
  if (time.tv_sec < 0) return Duration::zero();
  if (time.tv_sec == 0 && time.tv_usec == 0) return std::nullopt;
  constexpr std::int64_t most_seconds = Duration::max().count() / 1'000'000'000 - 1;
  return std::chrono::seconds{std::min<std::int64_t>(time.tv_sec, most_seconds)} +
         std::chrono::microseconds{time.tv_usec};
}

timeval as_timeval(std::optional<Duration> timeout) {
  const auto length = timeout.value_or(Duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(length);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(length - seconds);
  return {.tv_sec = seconds.count(), .tv_usec = rest.count()};
}

}  // namespace

std::optional<Result<>> set_plain_option(InetOptions& options, InetKind kind, int level, int name,
                                         const void* value, socklen_t length) {
  const PlainOption* const option = find(kind, level, name);
  if (option == nullptr) return std::nullopt;
  auto wanted = read_option(value, length);
  if (!wanted) return std::unexpected(wanted.error());
  if (option->least == 0 && option->most == 0)
    wanted = *wanted != 0 ? 1 : 0;
  else if (*wanted < option->least || *wanted > option->most)
    return invalid;
  options.*option->value = *wanted;
  return Result<>{};
}

std::optional<int> plain_option(const InetOptions& options, InetKind kind, int level, int name) {
  const PlainOption* const option = find(kind, level, name);
  if (option == nullptr) return std::nullopt;
  return options.*option->value;
}

Result<int> read_option(const void* value, socklen_t length) {
  int read = 0;
  if (length < sizeof read || length > INT_MAX) return invalid;
  if (value == nullptr) return bad_address;
  std::memcpy(&read, value, sizeof read);
  return read;
}

Result<> store_option(const void* told, std::size_t size, void* value, socklen_t* length) {
  if (length == nullptr) return bad_address;
  if (*length > INT_MAX) return invalid;
  const std::size_t stored = std::min<std::size_t>(*length, size);
  if (value == nullptr && stored > 0) return bad_address;
  if (stored > 0) std::memcpy(value, told, stored);
  *length = static_cast<socklen_t>(stored);
  return {};
}

std::optional<Result<>> set_structured_option(InetOptions& options, int name, const void* value,
                                              socklen_t length) {
  if (name == SO_LINGER) {
    if (length < sizeof options.linger_for) return invalid;
    if (value == nullptr) return bad_address;
    linger wanted{};
    std::memcpy(&wanted, value, sizeof wanted);
    options.linger_for.l_onoff = wanted.l_onoff != 0 ? 1 : 0;
    if (wanted.l_onoff != 0) options.linger_for.l_linger = wanted.l_linger;
    return Result<>{};
  }
  if (name != SO_RCVTIMEO && name != SO_SNDTIMEO) return std::nullopt;
  const auto timeout = read_timeout(value, length);
  if (!timeout) return std::unexpected(timeout.error());
  (name == SO_RCVTIMEO ? options.receive_timeout : options.send_timeout) = *timeout;
  return Result<>{};
}

std::optional<Result<>> structured_option(const InetOptions& options, int name, void* value,
                                          socklen_t* length) {
  if (name == SO_LINGER)
    return store_option(&options.linger_for, sizeof options.linger_for, value, length);
  if (name != SO_RCVTIMEO && name != SO_SNDTIMEO) return std::nullopt;
  const timeval time =
      as_timeval(name == SO_RCVTIMEO ? options.receive_timeout : options.send_timeout);
  return store_option(&time, sizeof time, value, length);
}

}  // namespace tocsin::vkern
