// SPDX-License-Identifier: MIT
//
// Process: sockets: which kind, and the calls that a socket understands.
#include <sys/socket.h>

#include <climits>

#include "tocsin/vkern/inet_socket.hpp"
#include "tocsin/vkern/process.hpp"
#include "tocsin/vkern/socket.hpp"
#include "tocsin/vkern/unix_socket.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::unexpected too_many{Errno{EMFILE}};

// The part of a socket's type that is no flag: SOCK_TYPE_MASK of the kernel.
constexpr int type_bits = 0xf;

// MSG_CMSG_COMPAT of the kernel: the calls with a message header refuse it, the others ignore it.
constexpr int for_compatibility = INT_MIN;

// Whether `type` has no flags but those there are.
bool has_known_flags(int type) { return (type & ~(type_bits | SOCK_NONBLOCK | SOCK_CLOEXEC)) == 0; }

// Whether some family might know both.
Result<> check_family(int domain, int type) {
  constexpr int most_type = SOCK_PACKET;
  if (domain < 0 || domain >= AF_MAX) return std::unexpected(Errno{EAFNOSUPPORT});
  if ((type & type_bits) > most_type) return std::unexpected(Errno::invalid);
  return {};
}

bool is_inet(int domain) { return domain == AF_INET || domain == AF_INET6; }

constexpr std::unexpected bad_descriptor{Errno{EBADF}};
constexpr std::unexpected not_a_socket{Errno{ENOTSOCK}};

// A call with one run of bytes as one with a message header.
struct OneMessage {
  OneMessage(const std::byte* data, std::size_t size)
      : part{.iov_base = const_cast<std::byte*>(data), .iov_len = size} {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
  }
  iovec part;
  msghdr header{};
};

}  // namespace

// The socket behind a descriptor, and its description, open during the call.
template <class P>
struct Process<P>::Called {
  Open<P> open;
  Socket<P>* socket = nullptr;
};

template <class P>
auto Process<P>::called(int fd) -> Result<Called> {
  Open<P> open = descriptors_.get(fd);
  if (!open) return bad_descriptor;
  Socket<P>* const socket = open->object().as_socket();
  if (socket == nullptr) return not_a_socket;
  return Called{std::move(open), socket};
}

template <class P>
Result<int> Process<P>::socket(int domain, int type, int protocol) {
  const int flags = type & ~type_bits;
  if (!has_known_flags(type)) return std::unexpected(Errno::invalid);
  if (auto known = check_family(domain, type); !known) return std::unexpected(known.error());
  auto made = domain == AF_UNIX ? make_unix_socket(system_, type & ~flags, protocol)
              : is_inet(domain) ? make_inet_socket(system_, domain, type & ~flags, protocol)
                                : Result<Ref<Socket<P>>>(std::unexpected(Errno{EAFNOSUPPORT}));
  if (!made) return std::unexpected(made.error());
  return install(open_new<P>(std::move(*made), O_RDWR | (flags & SOCK_NONBLOCK)),
                 (flags & SOCK_CLOEXEC) != 0);
}

template <class P>
Result<std::array<int, 2>> Process<P>::socketpair(int domain, int type, int protocol) {
  const int flags = type & ~type_bits;
  if (!has_known_flags(type)) return std::unexpected(Errno::invalid);
  // The new numbers are drawn before anything is made.
  if (!descriptors_.has_room_for_two()) return too_many;
  if (auto known = check_family(domain, type); !known) return std::unexpected(known.error());
  if (is_inet(domain)) return std::unexpected(Errno::unsupported);
  if (domain != AF_UNIX) return std::unexpected(Errno{EAFNOSUPPORT});
  auto made = make_unix_pair(*this, type & ~flags, protocol);
  if (!made) return std::unexpected(made.error());
  return install_pair(std::move(*made), O_RDWR | (flags & SOCK_NONBLOCK),
                      (flags & SOCK_CLOEXEC) != 0);
}

template <class P>
Result<> Process<P>::bind(int fd, const sockaddr* address, socklen_t length) {
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  return on->socket->bind(*this, address, length);
}

template <class P>
Result<> Process<P>::listen(int fd, int backlog) {
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  return on->socket->listen(*this, backlog);
}

template <class P>
Result<> Process<P>::connect(int fd, const sockaddr* address, socklen_t length) {
  const auto on = called(fd);
  if (!on && on.error() == bad_descriptor.error()) return bad_descriptor;
  // Here the address is fetched before it is asked what the descriptor stands for.
  if (length > sizeof(sockaddr_storage)) return std::unexpected(Errno::invalid);
  if (length > 0 && address == nullptr) return std::unexpected(Errno{EFAULT});
  if (!on) return std::unexpected(on.error());
  return on->socket->connect(*this, *on->open, address, length);
}

template <class P>
Result<int> Process<P>::accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  const auto on = called(fd);
  if (!on && on.error() == bad_descriptor.error()) return bad_descriptor;
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return std::unexpected(Errno::invalid);
  // The new number is drawn before the socket is asked for anything.
  auto drawn = descriptors_.draw((flags & SOCK_CLOEXEC) != 0);
  if (!drawn) return std::unexpected(drawn.error());
  if (!on) return std::unexpected(on.error());
  auto made = on->socket->accept(*this, *on->open, address, length, flags);
  if (!made) return std::unexpected(made.error());
  return std::move(*drawn).fill(std::move(*made));
}

template <class P>
Count Process<P>::recv(int fd, MutableBytes into, int flags) {
  OneMessage message(into.data(), into.size());
  return recvmsg(fd, message.header, flags & ~for_compatibility);
}

template <class P>
Count Process<P>::recvfrom(int fd, MutableBytes into, int flags, sockaddr* address,
                           socklen_t* length) {
  OneMessage message(into.data(), into.size());
  message.header.msg_name = address;
  message.header.msg_namelen = address != nullptr && length != nullptr ? *length : 0;
  const Count count = recvmsg(fd, message.header, flags & ~for_compatibility);
  if (count && address != nullptr && length != nullptr) *length = message.header.msg_namelen;
  return count;
}

template <class P>
Count Process<P>::recvmsg(int fd, msghdr& message, int flags) {
  if ((flags & for_compatibility) != 0) return std::unexpected(Errno::invalid);
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  return on->socket->recvmsg(*this, *on->open, message, flags);
}

template <class P>
Count Process<P>::send(int fd, ByteView bytes, int flags) {
  OneMessage message(bytes.data(), bytes.size());
  return sendmsg(fd, message.header, flags & ~for_compatibility);
}

template <class P>
Count Process<P>::sendto(int fd, ByteView bytes, int flags, const sockaddr* address,
                         socklen_t length) {
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  // Too long a name is cut off by sendmsg(2), and refused here.
  if (address != nullptr && length > sizeof(sockaddr_storage))
    return std::unexpected(Errno::invalid);
  OneMessage message(bytes.data(), bytes.size());
  message.header.msg_name = const_cast<sockaddr*>(address);
  message.header.msg_namelen = address != nullptr ? length : 0;
  return on->socket->sendmsg(*this, *on->open, message.header, flags);
}

template <class P>
Count Process<P>::sendmsg(int fd, const msghdr& message, int flags) {
  if ((flags & for_compatibility) != 0) return std::unexpected(Errno::invalid);
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  return on->socket->sendmsg(*this, *on->open, message, flags);
}

template <class P>
Result<> Process<P>::shutdown(int fd, int how) {
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  return on->socket->shutdown(how);
}

template <class P>
Result<> Process<P>::getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  return on->socket->getsockopt(level, name, value, length);
}

template <class P>
Result<> Process<P>::setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  return on->socket->setsockopt(level, name, value, length);
}

template <class P>
Result<> Process<P>::getsockname(int fd, sockaddr* address, socklen_t* length) {
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  return on->socket->getsockname(address, length);
}

template <class P>
Result<> Process<P>::getpeername(int fd, sockaddr* address, socklen_t* length) {
  const auto on = called(fd);
  if (!on) return std::unexpected(on.error());
  return on->socket->getpeername(address, length);
}

template Result<int> Process<Single>::socket(int, int, int);
template Result<std::array<int, 2>> Process<Single>::socketpair(int, int, int);
template Result<> Process<Single>::bind(int, const sockaddr*, socklen_t);
template Result<> Process<Single>::listen(int, int);
template Result<> Process<Single>::connect(int, const sockaddr*, socklen_t);
template Result<int> Process<Single>::accept4(int, sockaddr*, socklen_t*, int);
template Count Process<Single>::recv(int, MutableBytes, int);
template Count Process<Single>::recvfrom(int, MutableBytes, int, sockaddr*, socklen_t*);
template Count Process<Single>::recvmsg(int, msghdr&, int);
template Count Process<Single>::send(int, ByteView, int);
template Count Process<Single>::sendto(int, ByteView, int, const sockaddr*, socklen_t);
template Count Process<Single>::sendmsg(int, const msghdr&, int);
template Result<> Process<Single>::shutdown(int, int);
template Result<> Process<Single>::getsockopt(int, int, int, void*, socklen_t*);
template Result<> Process<Single>::setsockopt(int, int, int, const void*, socklen_t);
template Result<> Process<Single>::getsockname(int, sockaddr*, socklen_t*);
template Result<> Process<Single>::getpeername(int, sockaddr*, socklen_t*);
template Result<int> Process<Threads>::socket(int, int, int);
template Result<std::array<int, 2>> Process<Threads>::socketpair(int, int, int);
template Result<> Process<Threads>::bind(int, const sockaddr*, socklen_t);
template Result<> Process<Threads>::listen(int, int);
template Result<> Process<Threads>::connect(int, const sockaddr*, socklen_t);
template Result<int> Process<Threads>::accept4(int, sockaddr*, socklen_t*, int);
template Count Process<Threads>::recv(int, MutableBytes, int);
template Count Process<Threads>::recvfrom(int, MutableBytes, int, sockaddr*, socklen_t*);
template Count Process<Threads>::recvmsg(int, msghdr&, int);
template Count Process<Threads>::send(int, ByteView, int);
template Count Process<Threads>::sendto(int, ByteView, int, const sockaddr*, socklen_t);
template Count Process<Threads>::sendmsg(int, const msghdr&, int);
template Result<> Process<Threads>::shutdown(int, int);
template Result<> Process<Threads>::getsockopt(int, int, int, void*, socklen_t*);
template Result<> Process<Threads>::setsockopt(int, int, int, const void*, socklen_t);
template Result<> Process<Threads>::getsockname(int, sockaddr*, socklen_t*);
template Result<> Process<Threads>::getpeername(int, sockaddr*, socklen_t*);

}  // namespace tocsin::vkern
