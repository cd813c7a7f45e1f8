// SPDX-License-Identifier: MIT
//
// Of LinuxKernel: sockets.
#include "tocsin/kern/internal/linux_answer.hpp"
#include "tocsin/kern/internal/linux_direct_call.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin {

using internal::count_or_errno;
using internal::fd_or_errno;
using internal::nothing_or_errno;

Result<int> LinuxKernel::socket(int domain, int type, int protocol) {
  return fd_or_errno(::socket(domain, type, protocol));
}

Result<std::array<int, 2>> LinuxKernel::socketpair(int domain, int type, int protocol) {
  std::array<int, 2> ends{};
  if (::socketpair(domain, type, protocol, ends.data()) == -1) return std::unexpected(Errno{errno});
  return ends;
}

Result<> LinuxKernel::bind(int fd, const sockaddr* address, socklen_t length) {
  return nothing_or_errno(::bind(fd, address, length));
}

Result<> LinuxKernel::listen(int fd, int backlog) {
  return nothing_or_errno(::listen(fd, backlog));
}

Result<> LinuxKernel::connect(int fd, const sockaddr* address, socklen_t length) {
  return nothing_or_errno(::connect(fd, address, length));
}

Result<int> LinuxKernel::accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  return fd_or_errno(::accept4(fd, address, length, flags));
}

Count LinuxKernel::recv(int fd, MutableBytes into, int flags) {
  return Count::from_kernel(internal::direct_recv(fd, into.data(), into.size(), flags));
}

Count LinuxKernel::recvfrom(int fd, MutableBytes into, int flags, sockaddr* address,
                            socklen_t* length) {
  return count_or_errno(::recvfrom(fd, into.data(), into.size(), flags, address, length));
}

Count LinuxKernel::recvmsg(int fd, msghdr& message, int flags) {
  return count_or_errno(::recvmsg(fd, &message, flags));
}

Count LinuxKernel::send(int fd, ByteView bytes, int flags) {
  return Count::from_kernel(internal::direct_send(fd, bytes.data(), bytes.size(), flags));
}

Count LinuxKernel::sendto(int fd, ByteView bytes, int flags, const sockaddr* address,
                          socklen_t length) {
  return count_or_errno(::sendto(fd, bytes.data(), bytes.size(), flags, address, length));
}

Count LinuxKernel::sendmsg(int fd, const msghdr& message, int flags) {
  return count_or_errno(::sendmsg(fd, &message, flags));
}

Count LinuxKernel::recvmmsg(int fd, std::span<mmsghdr> messages, int flags) {
  return count_or_errno(
      ::recvmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()), flags, nullptr));
}

Count LinuxKernel::sendmmsg(int fd, std::span<mmsghdr> messages, int flags) {
  return count_or_errno(
      ::sendmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()), flags));
}

Result<> LinuxKernel::shutdown(int fd, int how) { return nothing_or_errno(::shutdown(fd, how)); }

Result<> LinuxKernel::getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  return nothing_or_errno(::getsockopt(fd, level, name, value, length));
}

Result<> LinuxKernel::setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  return nothing_or_errno(::setsockopt(fd, level, name, value, length));
}

Result<> LinuxKernel::getsockname(int fd, sockaddr* address, socklen_t* length) {
  return nothing_or_errno(::getsockname(fd, address, length));
}

Result<> LinuxKernel::getpeername(int fd, sockaddr* address, socklen_t* length) {
  return nothing_or_errno(::getpeername(fd, address, length));
}

}  // namespace tocsin
