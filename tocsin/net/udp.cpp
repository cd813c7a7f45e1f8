// SPDX-License-Identifier: MIT
#include "tocsin/net/udp.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace tocsin {
namespace {

Result<Fd> udp_socket(Kernel& kernel, const Address& address) {
  if (address.family() != AF_INET && address.family() != AF_INET6)
    return std::unexpected(Errno{EAFNOSUPPORT});
  return own(kernel, kernel.socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<> set_flag(Kernel& kernel, int fd, int level, int name, bool on) {
  const int value = on ? 1 : 0;
  return kernel.setsockopt(fd, level, name, &value, sizeof value);
}

Result<> prepare(Kernel& kernel, int fd, const Address& address, const UdpOptions& options) {
  if (options.reuse_port)
    if (auto done = set_flag(kernel, fd, SOL_SOCKET, SO_REUSEPORT, true); !done) return done;
  if (address.family() != AF_INET6) return {};
  return set_flag(kernel, fd, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only);
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
  return UdpSocket(std::move(*source));
}

Result<UdpSocket> UdpSocket::connect(Loop& loop, const Address& peer, std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd = udp_socket(kernel, peer);
  if (!fd) return std::unexpected(fd.error());
  if (auto done = kernel.connect(fd->get(), peer.data(), peer.size()); !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), "udp", where);
  if (!source) return std::unexpected(source.error());
  return UdpSocket(std::move(*source));
}

// ---- operations ---------------------------------------------------------------------------------

bool ReceiveOperation::attempt() {
  FdSource& from = source();
  Buffer buffer = from.loop().buffers().take();
  const MutableBytes room = buffer.room();
  iovec part{.iov_base = room.data(), .iov_len = room.size()};
  sockaddr_storage sender{};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_iov = &part;
  message.msg_iovlen = 1;

  const auto count = from.kernel().recvmsg(from.fd(), message, 0);
  if (!count) {
    if (count.error() == Errno::again) {
      from.blocked(Direction::read);
      return false;
    }
    fail(count.error());
    return true;
  }
  // However short, it says nothing about the next one: only EAGAIN does.
  from.spend(*count);
  buffer.fill(*count);
  datagram_ = {
      .bytes = std::move(buffer),
      .from = Address::from(reinterpret_cast<const sockaddr*>(&sender), message.msg_namelen),
      .truncated = (message.msg_flags & MSG_TRUNC) != 0};
  return true;
}

bool SendOperation::attempt() {
  FdSource& by = source();
  const auto count = by.kernel().sendto(by.fd(), bytes_, MSG_NOSIGNAL,
                                        to_.size() == 0 ? nullptr : to_.data(), to_.size());
  if (!count) {
    if (count.error() == Errno::again) {
      by.blocked(Direction::write);
      return false;
    }
    fail(count.error());
    return true;
  }
  by.spend(*count);
  return true;
}

}  // namespace tocsin
