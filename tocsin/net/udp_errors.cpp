// SPDX-License-Identifier: MIT
#include "tocsin/net/udp_errors.hpp"

#include <utility>

#include "tocsin/net/internal/error_queue.hpp"

namespace tocsin {
namespace {

UdpError::Origin origin_of(const sock_extended_err& what) {
  if (what.ee_origin == SO_EE_ORIGIN_ICMP) return UdpError::Origin::icmp;
  if (what.ee_origin == SO_EE_ORIGIN_ICMP6) return UdpError::Origin::icmp6;
  return UdpError::Origin::local;
}

}  // namespace

bool UdpErrorOperation::attempt() {
  FdSource& from = source();
  Buffer payload = from.loop().buffers().take();
  auto entry = internal::read_error_queue(from, payload.room());
  if (!entry) {
    if (entry.error() == Errno::again) {
      from.blocked(Direction::error);
      return false;
    }
    fail(entry.error());
    return true;
  }
  from.spend(entry->size);
  payload.fill(entry->size);
  const Errno error{static_cast<int>(entry->what.ee_errno)};
  found_ = {.error = error,
            .origin = origin_of(entry->what),
            .type = entry->what.ee_type,
            .code = entry->what.ee_code,
            .mtu = error == Errno{EMSGSIZE} ? entry->what.ee_info : 0,
            .reporter = entry->reporter,
            .to = entry->to,
            .bytes = std::move(payload)};
  return true;
}

}  // namespace tocsin
