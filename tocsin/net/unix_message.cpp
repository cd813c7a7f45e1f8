// SPDX-License-Identifier: MIT
#include "tocsin/net/unix_message.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tocsin/net/internal/socket_option.hpp"

namespace tocsin {
namespace {

constexpr std::size_t credentials_room = CMSG_SPACE(sizeof(ucred));
constexpr std::size_t most_control =
    credentials_room + CMSG_SPACE(UnixMessage::most_fds * sizeof(int));

// How long a datagram to one who has no room rests: the kernel tells only who is connected to them.
constexpr Duration full_receiver_pause = std::chrono::milliseconds(10);

// Of asm-generic/socket.h, which Debian 12 has without it.
constexpr int so_peerpidfd = 77;

// Room for control messages, aligned as they want to be.
struct Control {
  alignas(cmsghdr) std::array<std::byte, most_control> room;
  std::size_t used = 0;

  void append(int type, ByteView data) {
    cmsghdr header{};
    header.cmsg_len = CMSG_LEN(data.size());
    header.cmsg_level = SOL_SOCKET;
    header.cmsg_type = type;
    std::memcpy(&room[used], &header, sizeof header);
    std::memcpy(&room[used + CMSG_LEN(0)], data.data(), data.size());
    used += CMSG_SPACE(data.size());
  }
};

template <class T>
Result<T> option_of(Kernel& kernel, int fd, int name) {
  T value{};
  socklen_t length = sizeof value;
  if (auto done = kernel.getsockopt(fd, SOL_SOCKET, name, &value, &length); !done)
    return std::unexpected(done.error());
  return value;
}

}  // namespace

// ---- receiving ----------------------------------------------------------------------------------

ReceiveUnixMessage::ReceiveUnixMessage(FdSource& source, std::size_t most_fds)
    : FallibleOperation(source), most_fds_(std::min(most_fds, UnixMessage::most_fds)) {}

// However few bytes come, they say nothing about the next message: only EAGAIN does.
bool ReceiveUnixMessage::attempt() {
  FdSource& by = source();
  Buffer buffer = by.loop().buffers().take();
  iovec part{.iov_base = buffer.room().data(), .iov_len = buffer.room().size()};
  sockaddr_storage sender{};
  Control control;
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.room.data();
  message.msg_controllen =
      credentials_room + (most_fds_ == 0 ? 0 : CMSG_SPACE(most_fds_ * sizeof(int)));
  const auto count = by.kernel().recvmsg(by.fd(), message, MSG_CMSG_CLOEXEC);
  if (!count) return refused(count.error());
  by.spend(*count);
  buffer.fill(*count);
  message_.bytes = std::move(buffer);
  message_.from = Address::from(reinterpret_cast<const sockaddr*>(&sender), message.msg_namelen);
  message_.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  message_.fds_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  take_attached(message);
  return true;
}

void ReceiveUnixMessage::take_attached(msghdr& from) {
  for (cmsghdr* one = CMSG_FIRSTHDR(&from); one != nullptr; one = CMSG_NXTHDR(&from, one)) {
    if (one->cmsg_level != SOL_SOCKET) continue;
    const auto* const data = reinterpret_cast<const std::byte*>(CMSG_DATA(one));
    const ByteView bytes(data, one->cmsg_len - CMSG_LEN(0));
    if (one->cmsg_type == SCM_RIGHTS) take_fds(bytes);
    if (one->cmsg_type == SCM_CREDENTIALS && bytes.size() == sizeof(ucred))
      std::memcpy(&message_.credentials.emplace(), bytes.data(), sizeof(ucred));
  }
}

// The kernel fills what room there is: the padding behind an odd number, and what was for
// credentials. What is beyond the limit is closed here.
void ReceiveUnixMessage::take_fds(ByteView numbers) {
  const std::size_t count = numbers.size() / sizeof(int);
  message_.fds.reserve(std::min(count, most_fds_));
  for (std::size_t i = 0; i < count; ++i) {
    int number = -1;
    std::memcpy(&number, &numbers[i * sizeof number], sizeof number);
    Fd fd(source().kernel(), number);
    if (message_.fds.size() < most_fds_)
      message_.fds.push_back(std::move(fd));
    else
      message_.fds_lost = true;
  }
}

// ---- sending ------------------------------------------------------------------------------------

SendUnixMessage::SendUnixMessage(FdSource& source, ByteView bytes, const UnixAttachments& attached,
                                 const Address& to)
    : FallibleOperation(source), left_(bytes), attached_(attached), to_(to) {}

Count SendUnixMessage::send_once() {
  if (attached_.fds.size() > UnixMessage::most_fds) return std::unexpected(Errno::invalid);
  Control control;
  if (attached_.credentials)
    control.append(SCM_CREDENTIALS, std::as_bytes(std::span(&*attached_.credentials, 1)));
  if (!attached_.fds.empty()) control.append(SCM_RIGHTS, std::as_bytes(attached_.fds));
  iovec part{.iov_base = const_cast<std::byte*>(left_.data()), .iov_len = left_.size()};
  msghdr message{};
  message.msg_name = to_.size() == 0 ? nullptr : const_cast<sockaddr*>(to_.data());
  message.msg_namelen = to_.size();
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.used == 0 ? nullptr : control.room.data();
  message.msg_controllen = control.used;
  return source().kernel().sendmsg(source().fd(), message, MSG_NOSIGNAL);
}

bool SendUnixMessage::attempt() {
  // It rests. The edge is no reason to try: the last attempt has made it, when the kernel freed the
  // memory of the datagram that it would not deliver.
  if (rest_.is_linked()) {
    source().blocked(Direction::write);
    return false;
  }
  bool ended = false;
  while (!ended && source().may_spend()) {
    const auto count = send_once();
    if (!count && count.error() == Errno::again) {
      wait_for_room();
      return false;
    }
    ended = settle(count);
  }
  return ended;
}

// Whether nothing is left to be sent: a datagram goes whole, a stream's bytes as there is room.
bool SendUnixMessage::settle(Count sent) {
  if (!sent) {
    FallibleOperation::fail(sent.error());
    return true;
  }
  source().spend(*sent);
  attached_ = {};
  left_ = left_.subspan(*sent);
  return left_.empty();
}

void SendUnixMessage::wait_for_room() {
  source().blocked(Direction::write);
  if (to_.size() == 0) return;
  Loop& loop = source().loop();
  loop.arm(rest_, saturating_add(loop.now(), full_receiver_pause));
}

void SendUnixMessage::fail(Errno error) {
  FallibleOperation::fail(error);
  if (!rest_.is_linked()) return;
  // One receiver had no room, which says nothing about the next one.
  rest_.unlink();
  source().try_again(Direction::write);
}

// ---- who the peer is ----------------------------------------------------------------------------

Result<ucred> peer_credentials_of(Kernel& kernel, int fd) {
  const auto peer = option_of<ucred>(kernel, fd, SO_PEERCRED);
  // A socket without a peer has the credentials of nobody, which is no error to the kernel. (A pid
  // of 0 is a peer in a pid namespace that cannot be seen from here.)
  if (peer && peer->uid == static_cast<uid_t>(-1)) return std::unexpected(Errno{ENOTCONN});
  return peer;
}

Result<Fd> peer_pidfd_of(Kernel& kernel, int fd) {
  return own(kernel, option_of<int>(kernel, fd, so_peerpidfd));
}

Result<> pass_credentials_of(Kernel& kernel, int fd, bool pass) {
  return internal::set_option(kernel, fd, SOL_SOCKET, SO_PASSCRED, pass ? 1 : 0);
}

}  // namespace tocsin
