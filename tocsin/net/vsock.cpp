// SPDX-License-Identifier: MIT
#include "tocsin/net/vsock.hpp"

#include <sys/socket.h>

#include "tocsin/net/connect.hpp"

namespace tocsin {
namespace {

Result<Fd> vsock_socket(Kernel& kernel, int type, const Address& address) {
  if (address.family() != AF_VSOCK) return std::unexpected(Errno{EAFNOSUPPORT});
  return own(kernel, kernel.socket(AF_VSOCK, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Result<Fd> bound_socket(Kernel& kernel, int type, const Address& address) {
  auto fd = vsock_socket(kernel, type, address);
  if (!fd) return fd;
  if (auto done = kernel.bind(fd->get(), address.data(), address.size()); !done)
    return std::unexpected(done.error());
  return fd;
}

}  // namespace

// ---- streams ------------------------------------------------------------------------------------

Result<VsockListener> VsockListener::bind(Loop& loop, const Address& address, int backlog,
                                          std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd = bound_socket(kernel, SOCK_STREAM, address);
  if (!fd) return std::unexpected(fd.error());
  if (auto done = kernel.listen(fd->get(), backlog); !done) return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), "vsock listener", where);
  if (!source) return std::unexpected(source.error());
  auto listening = Listening::create(std::move(*source));
  if (!listening) return std::unexpected(listening.error());
  return VsockListener(std::move(*listening));
}

Task<Result<VsockStream>> VsockStream::connect(Loop& loop, Address address,
                                               std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd = vsock_socket(kernel, SOCK_STREAM, address);
  if (!fd) co_return std::unexpected(fd.error());
  const auto begun = kernel.connect(fd->get(), address.data(), address.size());
  if (!begun && begun.error() != Errno{EINPROGRESS}) co_return std::unexpected(begun.error());
  auto source = FdSource::create(loop, std::move(*fd), name, where);
  if (!source) co_return std::unexpected(source.error());
  if (!begun) {
    const auto connected = co_await internal::ConnectOperation(**source);
    if (!connected) co_return std::unexpected(connected.error());
  }
  co_return VsockStream(std::move(*source));
}

// ---- datagrams ----------------------------------------------------------------------------------

Result<VsockSocket> VsockSocket::bind(Loop& loop, const Address& address,
                                      std::source_location where) {
  auto fd = bound_socket(loop.kernel(), SOCK_DGRAM, address);
  if (!fd) return std::unexpected(fd.error());
  auto source = FdSource::create(loop, std::move(*fd), "vsock datagrams", where);
  if (!source) return std::unexpected(source.error());
  return VsockSocket(std::move(*source));
}

Result<VsockSocket> VsockSocket::connect(Loop& loop, const Address& peer,
                                         std::source_location where) {
  Kernel& kernel = loop.kernel();
  auto fd = vsock_socket(kernel, SOCK_DGRAM, peer);
  if (!fd) return std::unexpected(fd.error());
  if (auto done = kernel.connect(fd->get(), peer.data(), peer.size()); !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), "vsock datagrams", where);
  if (!source) return std::unexpected(source.error());
  return VsockSocket(std::move(*source));
}

}  // namespace tocsin
