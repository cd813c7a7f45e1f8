// SPDX-License-Identifier: MIT
//
// InetOptions: what setsockopt(2) sets of a TCP or UDP socket, and getsockopt(2) tells.
//
//     Socket::setsockopt ──> [ InetOptions ] ──> the calls that act as they say
//
// Most options only are a number with bounds; those are in one table. An option that does more when
// it is set, or that is a question (SO_ERROR), is its socket's. What is here without anybody acting
// by it (TCP_NODELAY, keepalive, TOS) is what a loopback without loss cannot show.
//
// Thread rule: under the lock of the socket.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <optional>

#include "tocsin/base/result.hpp"
#include "tocsin/base/time.hpp"

namespace tocsin::vkern {

/// Which sockets understand an option.
enum class InetKind { tcp, udp };

struct InetOptions {
  // socket(7). Sizes as the kernel counts them: twice what was asked for.
  int reuse_address = 0;
  int reuse_port = 0;
  int keep_alive = 0;
  int broadcast = 0;
  int oob_inline = 0;
  int priority = 0;
  int busy_poll = 0;
  int receive_low_water = 1;
  int send_buffer = 0;
  int receive_buffer = 0;
  bool send_buffer_is_set = false;
  bool receive_buffer_is_set = false;
  linger linger_for{};
  std::optional<Duration> receive_timeout;
  std::optional<Duration> send_timeout;
  // tcp(7).
  int no_delay = 0;
  int cork = 0;
  int quick_ack = 1;
  int keep_idle = 7200;
  int keep_interval = 75;
  int keep_count = 9;
  int syn_count = 6;
  int user_timeout = 0;
  int defer_accept = 0;
  // ip(7).
  int type_of_service = 0;
  int time_to_live = 64;
  // ipv6(7).
  int v6_only = 0;
};

/// /proc/sys/net/core/wmem_max and rmem_max: no more than this can be asked for.
inline constexpr int most_buffer = 4'194'304;
/// /proc/sys/net/core/wmem_default and rmem_default.
inline constexpr int usual_buffer = 212'992;
/// /proc/sys/net/core/somaxconn.
inline constexpr int most_backlog = 4096;

/// Sets a number that has nothing else to it. Fails with EINVAL, EFAULT; nullopt if the option is
/// not one of those.
std::optional<Result<>> set_plain_option(InetOptions& options, InetKind kind, int level, int name,
                                         const void* value, socklen_t length);

/// Tells one. nullopt as above.
std::optional<int> plain_option(const InetOptions& options, InetKind kind, int level, int name);

/// The int that setsockopt(2) was given. EINVAL if it is too short, EFAULT if there is none.
Result<int> read_option(const void* value, socklen_t length);

/// As getsockopt(2) stores what it tells: as much as `*length` has room for, and how much that was.
/// EFAULT if there is no place for either, EINVAL if the length is negative.
Result<> store_option(const void* told, std::size_t size, void* value, socklen_t* length);
inline Result<> store_option(int told, void* value, socklen_t* length) {
  return store_option(&told, sizeof told, value, length);
}

/// SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO: structures. nullopt if it is another option.
std::optional<Result<>> set_structured_option(InetOptions& options, int name, const void* value,
                                              socklen_t length);
std::optional<Result<>> structured_option(const InetOptions& options, int name, void* value,
                                          socklen_t* length);

}  // namespace tocsin::vkern
