// SPDX-License-Identifier: MIT
//
// UnixMessage: bytes, and what UNIX sockets carry beside them: descriptors and the sender's
// credentials (unix(7), "Ancillary messages").
//
//     FdSource ──> [ ReceiveUnixMessage, SendUnixMessage ] ──> your line after co_await
//
// One pair of operations for stream, datagram and seqpacket sockets: they differ in what a message
// is, not in how it is received. Every descriptor that arrives is close-on-exec and owned from the
// first moment: what the caller does not take out of the message is closed with it.
//
// Ownership: as every IoOperation, they lie in the frame of the coroutine that awaits them. Thread
// rule: the loop's thread.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "tocsin/net/address.hpp"
#include "tocsin/source/fallible_operation.hpp"

namespace tocsin {

/// What came at once.
struct UnixMessage {
  /// SCM_MAX_FD (unix(7)).
  static constexpr std::size_t most_fds = 253;

  Buffer bytes;         // Lent until it is destroyed.
  std::vector<Fd> fds;  // In the order in which they were sent.
  /// Of the sender, checked by the kernel; only for who has called `pass_credentials`.
  std::optional<ucred> credentials;
  Address from;            // Who sent a datagram; unnamed unless the sender is bound.
  bool truncated = false;  // The loop's buffer_size was less than its length; the rest is lost.
  /// More descriptors were sent than are in `fds`: there were more than `receive` was to take, or
  /// the process has no more (RLIMIT_NOFILE; a security module forbids it). They are closed
  /// (MSG_CTRUNC, recvmsg(2)).
  bool fds_lost = false;

  /// Whether this is the end: nobody will send any more. Of seqpacket sockets an empty message
  /// looks the same, unless credentials are passed: every message has some, and the end has none.
  bool is_end() const { return bytes.empty() && fds.empty() && !fds_lost && !credentials; }
};

/// What goes with a message.
struct UnixAttachments {
  /// The receiver gets duplicates, as by dup(2). They stay the sender's, who keeps them open until
  /// the message is sent, and may close them then. At most UnixMessage::most_fds.
  std::span<const int> fds = {};
  /// Instead of the sender's own: whatever a process with CAP_SYS_ADMIN, CAP_SETUID and CAP_SETGID
  /// says; EPERM for others who say something else than what is true (unix(7)).
  std::optional<ucred> credentials = {};
};

/// See UnixMessaging::receive.
class [[nodiscard]] ReceiveUnixMessage final : public FallibleOperation<Direction::read> {
 public:
  ReceiveUnixMessage(FdSource& source, std::size_t most_fds);
  ReceiveUnixMessage(ReceiveUnixMessage&&) = default;

  Result<UnixMessage> await_resume() { return result(std::move(message_)); }

 private:
  bool attempt() override;
  void take_attached(msghdr& from);
  void take_fds(ByteView numbers);

  std::size_t most_fds_;
  UnixMessage message_;
};

/// See UnixMessaging::send.
class [[nodiscard]] SendUnixMessage final : public FallibleOperation<Direction::write> {
 public:
  /// `to` none: whom the socket is connected to.
  SendUnixMessage(FdSource& source, ByteView bytes, const UnixAttachments& attached,
                  const Address& to = {});
  SendUnixMessage(SendUnixMessage&& other) noexcept
      : FallibleOperation(std::move(other)),
        left_(other.left_),
        attached_(other.attached_),
        to_(other.to_) {}

  Result<> await_resume() const { return result(); }

 private:
  // The receiver of a datagram had no room, which is an edge only for who is connected to it.
  struct Rest final : Alarm {
    explicit Rest(SendUnixMessage& owner) : send(&owner) {}
    void run() override { send->source().try_again(Direction::write); }
    SendUnixMessage* send;
  };

  bool attempt() override;
  void fail(Errno error) override;
  Count send_once();
  bool settle(Count sent);
  void wait_for_room();

  ByteView left_;
  UnixAttachments attached_;  // None once they are sent.
  Address to_;
  Rest rest_{*this};
};

/// The process behind the other end, as it was when it connected, or made the pair: SO_PEERCRED
/// (unix(7)), of a connected stream or seqpacket socket, or a pair of datagram sockets. Its pid may
/// be another's by now: peer_pidfd_of() cannot lie so. Fails with ENOTCONN, ENODATA, ...
Result<ucred> peer_credentials_of(Kernel& kernel, int fd);

/// A pidfd of the same process, close-on-exec (SO_PEERPIDFD, Linux 6.5). Fails with ENOPROTOOPT on
/// an older kernel, with ESRCH or EINVAL once the process is gone and reaped, with ENODATA without
/// a peer.
Result<Fd> peer_pidfd_of(Kernel& kernel, int fd);

/// SO_PASSCRED (unix(7)): whether messages come with their sender's credentials.
Result<> pass_credentials_of(Kernel& kernel, int fd, bool pass);

/// The operations that all kinds of UNIX sockets have. `S` derives from it, has a `source()`, and
/// says as `type` what its kind is (SOCK_STREAM, ...).
template <class S>
class UnixMessaging {
 public:
  /// Waits for a message: of a stream, for some bytes, which end where descriptors or another
  /// sender's bytes begin. Takes at most `most_fds` descriptors, a protection against a peer who
  /// sends too many. Fails as recvmsg(2): ECONNRESET, ...; with ECANCELED. Nothing is lost then.
  /// One at a time, and not at the same time as a `read`.
  ReceiveUnixMessage receive(std::size_t most_fds = UnixMessage::most_fds) {
    return {self().source(), most_fds};
  }

  /// Sends one message; of a stream, all of `bytes`, with what is attached to the first of them.
  /// `bytes` and the array of descriptors stay the caller's and unchanged until it has ended. Waits
  /// while there is no room. Fails as sendmsg(2), never with SIGPIPE: EPIPE, ECONNRESET,
  /// ECONNREFUSED (the receiver is gone), EMSGSIZE; EBADF for what is no descriptor, EINVAL for too
  /// many, ETOOMANYREFS for more in flight than RLIMIT_NOFILE allows, EPERM for credentials; with
  /// ECANCELED. Nothing was sent then; of a stream possibly a part. Requires: of a stream, that
  /// there are bytes if something is attached, as it is lost without.
  SendUnixMessage send(ByteView bytes, const UnixAttachments& attached = {}) {
    if constexpr (S::type == SOCK_STREAM)
      CHECK(!bytes.empty() || attached.fds.empty(), "a stream carries descriptors beside bytes");
    return {self().source(), bytes, attached};
  }

  /// From now on messages come with their sender's credentials, those that wait already too, as
  /// nobody's (pid 0). A socket without a name is given one (unix(7), "Autobind feature").
  Result<> pass_credentials(bool pass = true) {
    return pass_credentials_of(self().source().kernel(), self().fd(), pass);
  }

  /// See peer_credentials_of, peer_pidfd_of.
  Result<ucred> peer_credentials() {
    return peer_credentials_of(self().source().kernel(), self().fd());
  }
  Result<Fd> peer_pidfd() { return peer_pidfd_of(self().source().kernel(), self().fd()); }

 private:
  friend S;
  UnixMessaging() = default;
  S& self() { return static_cast<S&>(*this); }
};

}  // namespace tocsin
