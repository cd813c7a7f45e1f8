// SPDX-License-Identifier: MIT
#include "tocsin/net/udp.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "tocsin/net/internal/socket_option.hpp"

namespace tocsin {
namespace {

using internal::set_option;

Result<Fd> udp_socket(Kernel& kernel, const Address& address) {
  if (address.family() != AF_INET && address.family() != AF_INET6)
    return std::unexpected(Errno{EAFNOSUPPORT});
  return own(kernel, kernel.socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<> prepare(Kernel& kernel, int fd, const Address& address, const UdpOptions& options) {
  const bool is_v6 = address.family() == AF_INET6;
  if (options.reuse_port)
    if (auto done = set_option(kernel, fd, SOL_SOCKET, SO_REUSEPORT, 1); !done) return done;
  if (is_v6)
    if (auto done = set_option(kernel, fd, IPPROTO_IPV6, IPV6_V6ONLY, int{options.v6_only}); !done)
      return done;
  // Without it every datagram comes by itself, which is right, too.
  if (options.coalesce) static_cast<void>(set_option(kernel, fd, SOL_UDP, UDP_GRO, 1));
  if (!options.errors) return {};
  // What an IPv6 socket sends to an IPv4 address is IPv4's.
  auto of_v4 = set_option(kernel, fd, IPPROTO_IP, IP_RECVERR, 1);
  return is_v6 ? set_option(kernel, fd, IPPROTO_IPV6, IPV6_RECVERR, 1) : of_v4;
}

}  // namespace

// ---- UdpSocket ----------------------------------------------------------------------------------

Result<UdpSocket> UdpSocket::bind(Loop& loop, const Address& address, const UdpOptions& options,
                                  std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd = udp_socket(kernel, address);
  if (!fd) return std::unexpected(fd.error());
  if (auto done = prepare(kernel, fd->get(), address, options); !done)
    return std::unexpected(done.error());
  if (auto done = kernel.bind(fd->get(), address.data(), address.size()); !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), "udp", where);
  if (!source) return std::unexpected(source.error());
  return UdpSocket(std::move(*source), options);
}

Result<UdpSocket> UdpSocket::connect(Loop& loop, const Address& peer, const UdpOptions& options,
                                     std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd = udp_socket(kernel, peer);
  if (!fd) return std::unexpected(fd.error());
  if (auto done = prepare(kernel, fd->get(), peer, options); !done)
    return std::unexpected(done.error());
  if (auto done = kernel.connect(fd->get(), peer.data(), peer.size()); !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), "udp", where);
  if (!source) return std::unexpected(source.error());
  return UdpSocket(std::move(*source), options);
}

bool UdpSocket::can_segment() {
  int size = 0;
  socklen_t length = sizeof size;
  return source_->kernel().getsockopt(fd(), SOL_UDP, UDP_SEGMENT, &size, &length).has_value();
}

// ---- operations ---------------------------------------------------------------------------------

bool ReceiveOperation::attempt() {
  FdSource& from = source();
  while (from.may_spend()) {
    Buffer buffer = from.loop().buffers().take();
    const Count count = receive(buffer);
    if (count) {
      // However short, it says nothing about the next one: only EAGAIN does.
      from.spend(*count);
      buffer.fill(*count);
      datagram_.bytes = std::move(buffer);
      return true;
    }
    if (!skip_errors_ || count.error() == Errno::again) return refused(count.error());
    from.spend(0);
  }
  return false;
}

// All of the datagram but its bytes goes where it belongs.
Count ReceiveOperation::receive(Buffer& buffer) {
  const MutableBytes room = buffer.room();
  iovec part{.iov_base = room.data(), .iov_len = room.size()};
  sockaddr_storage sender{};
  alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (coalesced_) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
  const Count count = source().kernel().recvmsg(source().fd(), message, 0);
  if (!count) return count;
  datagram_.from = Address::from(reinterpret_cast<const sockaddr*>(&sender), message.msg_namelen);
  datagram_.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  datagram_.segment_size = internal::segment_size_of(message);
  return count;
}

bool SendOperation::attempt() {
  FdSource& by = source();
  while (true) {
    const Count count = by.kernel().sendto(by.fd(), bytes_, MSG_NOSIGNAL,
                                           to_.size() == 0 ? nullptr : to_.data(), to_.size());
    if (count) {
      by.spend(*count);
      return true;
    }
    if (!skip_error_ || !internal::may_be_anothers(count.error())) return refused(count.error());
    skip_error_ = false;
  }
}

}  // namespace tocsin
