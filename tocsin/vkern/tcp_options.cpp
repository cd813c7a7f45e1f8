// SPDX-License-Identifier: MIT
//
// TcpSocket: the options that do more than be remembered (tcp(7), socket(7)).
#include <netinet/tcp.h>

#include <algorithm>
#include <climits>

#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/tcp_socket.hpp"

namespace tocsin::vkern {
namespace {

// TCP_MAXSEG of a socket that has no route yet, and of one over the loopback.
constexpr int first_segment = 536;
constexpr int loopback_segment = 32'768;

// Half of what /proc/sys/net/ipv4/tcp_rmem allows to tune a receive buffer to.
constexpr int most_low_water = 16'777'216;

}  // namespace

// Linux grows the buffer until a reader that waits for that much can get it.
template <class P>
void TcpSocket<P>::set_low_water(int wanted) {
  const int most =
      this->options.receive_buffer_is_set ? this->options.receive_buffer / 2 : most_low_water;
  const int low_water = std::max(1, std::min(wanted < 0 ? INT_MAX : wanted, most));
  this->options.receive_low_water = low_water;
  this->options.receive_buffer = std::max(this->options.receive_buffer, 2 * low_water);
  if (is_readable(static_cast<std::size_t>(low_water)) || has_fin_) this->tell_data();
  announce_room();
}

template <class P>
std::optional<Result<>> TcpSocket<P>::set_own_option(int level, int name, const void* value,
                                                     socklen_t length) {
  if (level != SOL_SOCKET || name != SO_RCVLOWAT) return std::nullopt;
  const auto wanted = read_option(value, length);
  if (!wanted) return std::unexpected(wanted.error());
  set_low_water(*wanted);
  return Result<>{};
}

template <class P>
std::optional<Result<>> TcpSocket<P>::own_option(int level, int name, void* value,
                                                 socklen_t* length) {
  if (level != IPPROTO_TCP) return std::nullopt;
  if (name == TCP_MAXSEG)
    return store_option(peer_ ? loopback_segment : first_segment, value, length);
  if (name != TCP_INFO) return std::nullopt;
  tcp_info info{};
  info.tcpi_state = static_cast<std::uint8_t>(state_);
  info.tcpi_unacked =
      static_cast<std::uint32_t>(state_ == TcpState::listening ? accept_queue_.size() : 0);
  info.tcpi_sacked = static_cast<std::uint32_t>(state_ == TcpState::listening ? backlog_ : 0);
  info.tcpi_snd_mss = info.tcpi_rcv_mss = peer_ ? loopback_segment : first_segment;
  return store_option(&info, sizeof info, value, length);
}

#define TOCSIN_INSTANTIATE(P)                                                                      \
  template void TcpSocket<P>::set_low_water(int);                                                  \
  template std::optional<Result<>> TcpSocket<P>::set_own_option(int, int, const void*, socklen_t); \
  template std::optional<Result<>> TcpSocket<P>::own_option(int, int, void*, socklen_t*)

TOCSIN_INSTANTIATE(Single);
TOCSIN_INSTANTIATE(Threads);
#undef TOCSIN_INSTANTIATE

}  // namespace tocsin::vkern
