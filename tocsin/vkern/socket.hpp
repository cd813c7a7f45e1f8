// SPDX-License-Identifier: MIT
//
// Socket: what all sockets understand besides reading and writing.
//
//     Process::bind, connect, sendmsg, ... ──> [ Socket ] ──> UNIX, TCP, UDP
//
// The calls are those of the manual, by name; `description` is the one that was called through, for
// its O_NONBLOCK. MSG_DONTWAIT says the same for one call.
//
// What is refused before a socket is asked (EBADF, ENOTSOCK, EFAULT for a null address) is refused
// by Process. After a failure nothing has changed, unless the manual says otherwise of the call.
//
// Ownership and thread rule: as Object.
#pragma once

#include <sys/socket.h>

#include "tocsin/vkern/description.hpp"

namespace tocsin::vkern {

template <class P>
class Socket : public Object<P> {
 public:
  using Object<P>::Object;
  ~Socket() override = default;

  virtual Result<> bind(Process<P>& process, const sockaddr* address, socklen_t length) = 0;
  virtual Result<> listen(Process<P>& process, int backlog) = 0;
  virtual Result<> connect(Process<P>& process, Description<P>& description,
                           const sockaddr* address, socklen_t length) = 0;
  /// The new socket, opened with `flags` (of accept4(2): SOCK_NONBLOCK).
  virtual Result<Open<P>> accept(Process<P>& process, Description<P>& description,
                                 sockaddr* address, socklen_t* length, int flags) = 0;
  virtual Count sendmsg(Process<P>& process, Description<P>& description, const msghdr& message,
                        int flags) = 0;
  virtual Count recvmsg(Process<P>& process, Description<P>& description, msghdr& message,
                        int flags) = 0;
  virtual Result<> shutdown(int how) = 0;
  virtual Result<> getsockopt(int level, int name, void* value, socklen_t* length) = 0;
  virtual Result<> setsockopt(int level, int name, const void* value, socklen_t length) = 0;
  virtual Result<> getsockname(sockaddr* address, socklen_t* length) = 0;
  virtual Result<> getpeername(sockaddr* address, socklen_t* length) = 0;

  // As the two calls without a message header.
  Count read(Process<P>& process, Description<P>& description, MutableBytes into) override;
  Count write(Process<P>& process, Description<P>& description, ByteView bytes) override;
  int changeable_flags() const override { return Object<P>::changeable_flags() | O_ASYNC; }
  Socket<P>* as_socket() override { return this; }

 protected:
  static bool may_block(const Description<P>& description, int flags) {
    return !description.is_nonblocking() && (flags & MSG_DONTWAIT) == 0;
  }
};

}  // namespace tocsin::vkern
