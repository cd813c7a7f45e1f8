// SPDX-License-Identifier: MIT
//
// What each op of a UnixReplay does. The tests that use it are in unix_differential_test.cpp.
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <sstream>

#include "tocsin/vkern/unix_replay_testing.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::array types{SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
constexpr std::array send_flags{0,           0, 0, 0, int{MSG_DONTWAIT}, int{MSG_OOB}, int{MSG_OOB},
                                int{MSG_EOR}};
struct Address {
  sockaddr_un address{};
  socklen_t length = 0;
};

// Paths and abstract names, some of them hardly valid.
Address address_of(std::uint64_t symbol) {
  Address made;
  made.address.sun_family = AF_UNIX;
  const std::uint64_t which = symbol % 12;
  const std::string name = which < 2 ? words("/tmp/tocsin-", ::getpid(), '-', which, '\0')
                                     : words('\0', "tocsin-", ::getpid(), '-', which);
  std::memcpy(made.address.sun_path, name.data(), name.size());
  made.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (which == 8) made.length = offsetof(sockaddr_un, sun_path);
  if (which == 9) --made.length;
  if (which == 10) made.address.sun_family = symbol / 12 % 2 == 0 ? AF_UNSPEC : AF_INET;
  if (which == 11) made.length = one_of(std::array<socklen_t, 5>{0, 1, 110, 111, 129}, symbol / 12);
  return made;
}

const sockaddr* plain(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.address);
}

std::int64_t answer(const Result<>& result) { return result ? 0 : -result.error().value(); }

std::uint32_t interest(std::uint64_t value) {
  constexpr std::array<std::uint32_t, 11> bits{EPOLLIN,    EPOLLIN,     EPOLLIN,     EPOLLOUT,
                                               EPOLLOUT,   EPOLLRDNORM, EPOLLWRNORM, EPOLLPRI,
                                               EPOLLRDHUP, EPOLLHUP,    EPOLLRDBAND};
  Prng prng(value);
  std::uint32_t mask = 0;
  for (std::uint64_t left = prng.below(4); left > 0; --left) mask |= one_of(bits, prng.next());
  if (prng.chance(1, 2)) mask |= EPOLLET;
  if (prng.chance(1, 8)) mask |= EPOLLONESHOT;
  if (prng.chance(1, 10)) mask |= EPOLLEXCLUSIVE;
  return mask;
}

}  // namespace

UnixReplay::UnixReplay(Kernel& kernel)
    : kernel_(kernel),
      epolls_{*kernel.epoll_create1(0), *kernel.epoll_create1(0)},
      leaf_(*kernel.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)),
      counter_(*kernel.eventfd(1, EFD_NONBLOCK)) {}

UnixReplay::~UnixReplay() {
  for (const int fd : fds_) static_cast<void>(kernel_.close(fd));
  for (const int fd : epolls_) static_cast<void>(kernel_.close(fd));
  for (const int fd : leaf_) static_cast<void>(kernel_.close(fd));
  static_cast<void>(kernel_.close(counter_));
  for (std::uint64_t path = 0; path < 2; ++path)
    static_cast<void>(kernel_.unlinkat(AT_FDCWD, address_of(path).address.sun_path, 0));
}

std::size_t UnixReplay::index_of(std::uint64_t symbol) const {
  return fds_.empty() ? 0 : static_cast<std::size_t>(symbol % fds_.size());
}

int UnixReplay::fd_of(std::uint64_t symbol) const {
  return fds_.empty() ? -1 : fds_[index_of(symbol)];
}

std::string UnixReplay::told(const UnixOp& op, std::int64_t answered,
                             const std::string& more) const {
  return words("f", index_of(op.fd), " = ", answered, more);
}

std::string UnixReplay::made(const Result<int>& fd) {
  if (!fd) return std::to_string(-fd.error().value());
  fds_.push_back(*fd);
  return words("f", fds_.size() - 1);
}

std::vector<std::byte> UnixReplay::fresh_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(next_byte_ += 7);
  return bytes;
}

// ---- descriptors --------------------------------------------------------------------------------

std::string UnixReplay::pair(const UnixOp& op) {
  const int type = one_of(types, op.type);
  const auto ends = kernel_.socketpair(AF_UNIX, type | SOCK_NONBLOCK, op.value % 20 == 0 ? 7 : 0);
  if (!ends) return words("pair ", -ends.error().value());
  const std::string first = made((*ends)[0]);
  return words("pair of type ", type, " ", first, " ", made((*ends)[1]));
}

std::string UnixReplay::socket(const UnixOp& op) {
  const int type = one_of(types, op.type);
  return words("socket of type ", type, " ",
               made(kernel_.socket(AF_UNIX, type | SOCK_NONBLOCK, op.value % 20 == 0 ? 7 : 0)));
}

std::string UnixReplay::close(const UnixOp& op) {
  const std::int64_t answered = answer(kernel_.close(fd_of(op.fd)));
  if (!fds_.empty()) fds_[index_of(op.fd)] = -1;
  return words("close ", told(op, answered));
}

std::string UnixReplay::dup(const UnixOp& op) {
  const std::size_t of = index_of(op.fd);  // Before there is one more.
  return words("dup f", of, " ", made(kernel_.dup(fd_of(op.fd))));
}

// ---- names and connections ----------------------------------------------------------------------

std::string UnixReplay::bind(const UnixOp& op) {
  const Address to = address_of(op.other);
  return words("bind to ", op.other % 12, " ",
               told(op, answer(kernel_.bind(fd_of(op.fd), plain(to), to.length))));
}

std::string UnixReplay::listen(const UnixOp& op) {
  const int backlog = one_of(std::array{0, 1, 2, 100, -1}, op.value);
  return words("listen ", backlog, " ", told(op, answer(kernel_.listen(fd_of(op.fd), backlog))));
}

std::string UnixReplay::connect(const UnixOp& op) {
  const Address to = address_of(op.other);
  return words("connect to ", op.other % 12, " ",
               told(op, answer(kernel_.connect(fd_of(op.fd), plain(to), to.length))));
}

std::string UnixReplay::accept(const UnixOp& op) {
  Address from;
  from.length = sizeof from.address;
  const auto fd = kernel_.accept4(fd_of(op.fd), reinterpret_cast<sockaddr*>(&from.address),
                                  &from.length, SOCK_NONBLOCK);
  const std::string who =
      text_of(reinterpret_cast<const char*>(&from.address), from.length, sizeof from.address);
  const std::size_t of = index_of(op.fd);
  return words("accept f", of, " ", made(fd), " ", fd ? who : "");
}

std::string UnixReplay::shutdown(const UnixOp& op) {
  const int how = static_cast<int>(op.value % 4);
  return words("shutdown ", how, " ", told(op, answer(kernel_.shutdown(fd_of(op.fd), how))));
}

std::string UnixReplay::names(const UnixOp& op) {
  const socklen_t room = one_of(std::array<socklen_t, 4>{128, 128, 2, 10}, op.value);
  std::array<char, 128> own{}, peer{};
  socklen_t own_length = room, peer_length = room;
  const auto first =
      kernel_.getsockname(fd_of(op.fd), reinterpret_cast<sockaddr*>(own.data()), &own_length);
  const auto second =
      kernel_.getpeername(fd_of(op.fd), reinterpret_cast<sockaddr*>(peer.data()), &peer_length);
  return words("names ", told(op, answer(first)), " ", text_of(own.data(), own_length, room), " ",
               answer(second), " ", text_of(peer.data(), peer_length, room));
}

// ---- sending ------------------------------------------------------------------------------------

std::string UnixReplay::send(const UnixOp& op) {
  const std::size_t size = one_of(lengths, op.value);
  const int flags = one_of(send_flags, op.value >> 32);
  const Count count = kernel_.send(fd_of(op.fd), fresh_bytes(size), flags);
  return words("send ", size, " flags ", flags, " ", told(op, count.as_kernel()));
}

std::string UnixReplay::send_to(const UnixOp& op) {
  const Address to = address_of(op.other);
  const std::size_t size = one_of(lengths, op.value);
  const Count count = kernel_.sendto(fd_of(op.fd), fresh_bytes(size), 0, plain(to), to.length);
  return words("send ", size, " to ", op.other % 12, " ", told(op, count.as_kernel()));
}

std::string UnixReplay::write(const UnixOp& op) {
  const std::size_t size = one_of(lengths, op.value);
  const Count count = kernel_.write(fd_of(op.fd), fresh_bytes(size));
  return words("write ", size, " ", told(op, count.as_kernel()));
}

std::string UnixReplay::send_files(const UnixOp& op) {
  alignas(cmsghdr) std::array<std::byte, 64> control{};
  const std::array<int, 3> files{counter_, op.other % 8 == 0 ? -1 : leaf_[0], counter_};
  const std::size_t count = op.other % 4;
  const std::size_t size = count * sizeof(int);
  const cmsghdr header{.cmsg_len = CMSG_LEN(size) - (op.other % 32 == 31 ? CMSG_LEN(size) : 0),
                       .cmsg_level = SOL_SOCKET,
                       .cmsg_type = op.other % 16 == 15 ? 77 : SCM_RIGHTS};
  std::memcpy(control.data(), &header, sizeof header);
  std::memcpy(control.data() + sizeof header, files.data(), size);
  auto bytes = fresh_bytes(op.value % 8 == 0 ? 0 : 1 + op.value % 100);
  iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(size);
  const int flags = one_of(send_flags, op.value >> 32);
  const Count sent = kernel_.sendmsg(fd_of(op.fd), message, flags);
  return words("send ", bytes.size(), " with files ", op.other % 32, " flags ", flags, " ",
               told(op, sent.as_kernel()));
}

// ---- options ------------------------------------------------------------------------------------

std::string UnixReplay::get_option(const UnixOp& op) {
  const int name =
      one_of(std::array{SO_ERROR, SO_ERROR, SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN,
                        SO_SNDBUF, SO_RCVBUF, SO_RCVLOWAT, SO_PASSCRED, SO_OOBINLINE, SO_KEEPALIVE,
                        SO_LINGER, SO_RCVTIMEO, SO_SNDLOWAT, 999},
             op.value);
  std::array<int, 4> value{};
  socklen_t length = one_of(std::array<socklen_t, 3>{4, 16, 2}, op.other);
  const auto done = kernel_.getsockopt(fd_of(op.fd), op.value % 50 == 0 ? SOL_IP : SOL_SOCKET, name,
                                       value.data(), &length);
  return words("option ", name, " ",
               told(op, answer(done), words(" ", value[0], " length ", length)));
}

std::string UnixReplay::set_option(const UnixOp& op) {
  const int name = one_of(
      std::array{SO_SNDBUF, SO_SNDBUF, SO_SNDBUF, SO_RCVBUF, SO_RCVLOWAT, SO_PASSCRED, SO_PASSCRED,
                 SO_OOBINLINE, SO_KEEPALIVE, SO_ERROR, SO_TYPE, SO_ACCEPTCONN, 999},
      op.value);
  const int value = one_of(std::array{0, 1, 1, 1, 2304, 5000, 20000, 65536, 300000, -1}, op.other);
  const socklen_t length = op.value % 40 == 1 ? 3 : 4;
  const auto done = kernel_.setsockopt(fd_of(op.fd), op.value % 50 == 0 ? SOL_IP : SOL_SOCKET, name,
                                       &value, length);
  return words("set option ", name, " to ", value, " ", told(op, answer(done)));
}

std::string UnixReplay::ioctl(const UnixOp& op) {
  constexpr std::array<unsigned long, 3> requests{FIONREAD, SIOCOUTQ, SIOCATMARK};
  const unsigned long request = one_of(requests, op.value);
  int number = -1;
  const auto done = kernel_.ioctl(fd_of(op.fd), request, &number);
  return words("ioctl ", request, " ",
               told(op, done ? *done : -done.error().value(), words(" number ", number)));
}

// ---- waiting ------------------------------------------------------------------------------------

std::string UnixReplay::control(int operation, const UnixOp& op) {
  epoll_event event{.events = interest(op.value), .data = {.u64 = index_of(op.fd)}};
  const auto done = kernel_.epoll_ctl(epoll_of(op), operation, fd_of(op.fd), &event);
  std::ostringstream mask;
  mask << std::hex << interest(op.value);
  return words("control ", operation, " epoll ", op.other % 2, " ", mask.str(), " ",
               told(op, answer(done)));
}

std::string UnixReplay::wait(const UnixOp& op) {
  std::array<epoll_event, 16> room{};
  const auto events =
      std::span(room).first(one_of(std::array<std::size_t, 4>{16, 1, 2, 16}, op.value));
  const Count count = kernel_.epoll_wait(epoll_of(op), events, 0);
  std::ostringstream text;
  text << "wait epoll " << op.other % 2 << " room " << events.size() << " = " << count.as_kernel();
  for (const epoll_event& event : events.first(count.value_or(0)))
    text << " f" << event.data.u64 << ':' << std::hex << event.events << std::dec;
  return text.str();
}

std::string UnixReplay::poll(const UnixOp& op) {
  std::array<pollfd, 2> fds{
      pollfd{.fd = fd_of(op.fd), .events = 0x7fdf, .revents = 0},
      pollfd{.fd = fd_of(op.other), .events = static_cast<short>(op.value & 0x7fdf), .revents = 0}};
  const timespec at_once{};
  const Count count = kernel_.ppoll(fds, &at_once);
  std::ostringstream text;
  text << "poll f" << index_of(op.fd) << " f" << index_of(op.other) << " = " << count.as_kernel()
       << std::hex << ' ' << fds[0].revents << ' ' << fds[1].revents;
  return text.str();
}

std::string UnixReplay::apply(const UnixOp& op) {
  using Do = std::string (UnixReplay::*)(const UnixOp&);
  constexpr std::array<Do, 20> plain_ops{&UnixReplay::pair,       &UnixReplay::socket,
                                         &UnixReplay::close,      &UnixReplay::dup,
                                         &UnixReplay::bind,       &UnixReplay::listen,
                                         &UnixReplay::connect,    &UnixReplay::accept,
                                         &UnixReplay::shutdown,   &UnixReplay::send,
                                         &UnixReplay::send_to,    &UnixReplay::send_files,
                                         &UnixReplay::receive,    &UnixReplay::receive_message,
                                         &UnixReplay::write,      &UnixReplay::read,
                                         &UnixReplay::get_option, &UnixReplay::set_option,
                                         &UnixReplay::names,      &UnixReplay::ioctl};
  switch (op.kind) {
    case UnixOpKind::add:
      return control(EPOLL_CTL_ADD, op);
    case UnixOpKind::modify:
      return control(EPOLL_CTL_MOD, op);
    case UnixOpKind::remove:
      return control(EPOLL_CTL_DEL, op);
    case UnixOpKind::wait:
      return wait(op);
    case UnixOpKind::poll:
      return poll(op);
    default:
      return (this->*plain_ops[static_cast<std::size_t>(op.kind)])(op);
  }
}

}  // namespace tocsin::vkern
