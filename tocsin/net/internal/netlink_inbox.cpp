// SPDX-License-Identifier: MIT
#include "tocsin/net/internal/netlink_inbox.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include "tocsin/net/internal/socket_option.hpp"

namespace tocsin::internal {
namespace {

// Who sends from port 0 is the kernel; any program can send to a netlink socket.
bool is_kernel(const sockaddr_nl& sender, socklen_t size) {
  return size >= sizeof sender && sender.nl_pid == 0;
}

}  // namespace

Result<NetlinkInbox> NetlinkInbox::open(Loop& loop, const NetlinkOptions& options,
                                        std::source_location where) {
  CHECK(loop.buffers().buffer_size() >= least_buffer_size,
        "netlink needs a loop whose buffers hold 8 KiB (LoopOptions::buffer_size)");
  Kernel& kernel = loop.kernel();
  const int type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  auto fd = own(kernel, kernel.socket(AF_NETLINK, type, options.protocol));
  if (!fd) return std::unexpected(fd.error());
  if (options.receive_buffer != 0)
    if (auto done = set_receive_buffer(kernel, fd->get(), options.receive_buffer); !done)
      return std::unexpected(done.error());
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = options.groups;
  if (auto done =
          kernel.bind(fd->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
      !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), options.name, where);
  if (!source) return std::unexpected(source.error());
  return NetlinkInbox(std::move(*source));
}

void NetlinkInbox::set_unread(ByteView rest) {
  unread_ = rest;
  if (unread_.empty()) buffer_.reset();
}

Result<NetlinkInbox::Got> NetlinkInbox::receive() {
  set_unread({});
  Buffer buffer = source_->loop().buffers().take();
  while (true) {
    iovec part{.iov_base = buffer.room().data(), .iov_len = buffer.room().size()};
    sockaddr_nl sender{};
    msghdr message{};
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const auto count = source_->kernel().recvmsg(source_->fd(), message, 0);
    if (count) {
      source_->spend(*count);
      if (!is_kernel(sender, message.msg_namelen)) return Got::datagram;  // With nothing in it.
      if ((message.msg_flags & MSG_TRUNC) != 0) return Got::truncated;
      buffer.fill(*count);
      buffer_ = std::move(buffer);
      unread_ = buffer_;
      return Got::datagram;
    }
    if (count.error() == Errno{ENOBUFS}) {
      overrun_ = true;
      continue;
    }
    if (count.error() != Errno::again) return std::unexpected(count.error());
    if (std::exchange(overrun_, false)) return Got::gap;
    source_->blocked(Direction::read);
    return Got::blocked;
  }
}

bool NetlinkOperation::attempt() {
  while (true) {
    ByteView unread = inbox_->unread();
    const bool taken = take(unread);
    const bool is_nonsense = !taken && !unread.empty();
    inbox_->set_unread(is_nonsense ? ByteView() : unread);
    if (taken) return true;
    if (is_nonsense) {
      lost();
      return true;
    }
    if (!source().may_spend()) return false;
    const auto got = inbox_->receive();
    if (!got) {
      fail(got.error());
      return true;
    }
    if (*got == NetlinkInbox::Got::datagram) continue;
    const bool is_event = *got != NetlinkInbox::Got::truncated && drained();
    if (*got == NetlinkInbox::Got::blocked) return is_event;
    lost();
    return true;
  }
}

}  // namespace tocsin::internal
