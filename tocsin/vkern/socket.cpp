// SPDX-License-Identifier: MIT
#include "tocsin/vkern/socket.hpp"

namespace tocsin::vkern {

template <class P>
Count Socket<P>::read(Process<P>& process, Description<P>& description, MutableBytes into) {
  if (into.empty()) return 0;  // "Match SYS5 behaviour": unlike recv(2) of nothing.
  iovec part{.iov_base = into.data(), .iov_len = into.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return recvmsg(process, description, message, 0);
}

// write(2) to a peer that has gone raises SIGPIPE; nobody in here is killed by it, so the call
// answers EPIPE as it does to whoever ignores the signal.
template <class P>
Count Socket<P>::write(Process<P>& process, Description<P>& description, ByteView bytes) {
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return sendmsg(process, description, message, 0);
}

template class Socket<Single>;
template class Socket<Threads>;

}  // namespace tocsin::vkern
