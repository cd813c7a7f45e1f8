// SPDX-License-Identifier: MIT
//
// UnixSocket: UNIX sockets (unix(7)): streams, datagrams, sequenced packets.
//
//     sendmsg ──charge──> [ peer's queue of messages ] ──recvmsg──> give room back to the sender
//     connect ──> [ listener's queue of sockets ] ──accept──> a descriptor
//
// Two wait queues each. In `waiters_` are those who wait for this socket: readers, writers, accept,
// epoll, poll. In `room_waiters_` are those who wait for room in its queue: connect(2) for the
// backlog, sendto(2) and poll(2) of datagram sockets that send to it and are not its peer.
//
// As in Linux, a stream or packet pair keeps referring to each other after one has closed; only a
// datagram socket lets go of a peer that has gone, and only when it sends to it.
//
// By subject: unix_socket.cpp names, poll, shutdown, the end; unix_connection.cpp listen, connect,
// accept; unix_stream.cpp; unix_datagram.cpp (packets too); unix_options.cpp.
//
// Ownership: counted. Peers, messages and listeners refer to sockets; `released` breaks the
// circles, but for sockets that are in flight to each other, which stay as long as the program
// does. Thread rule: all state under System::unix_lock(), one lock for all of them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "tocsin/base/time.hpp"
#include "tocsin/vkern/internal/iovec_cursor.hpp"
#include "tocsin/vkern/socket.hpp"
#include "tocsin/vkern/system.hpp"
#include "tocsin/vkern/unix_message.hpp"

namespace tocsin::vkern {

/// A socket of `type` (SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET). Fails as socket(2).
template <class P>
Result<Ref<Socket<P>>> make_unix_socket(System<P>& system, int type, int protocol);

/// Two that are connected, made by `process`. Fails as socketpair(2).
template <class P>
Result<std::array<Ref<Socket<P>>, 2>> make_unix_pair(Process<P>& process, int type, int protocol);

template <class P>
class UnixSocket final : public Socket<P> {
 public:
  UnixSocket(System<P>& system, int type);
  ~UnixSocket() override = default;

  /// Makes two fresh ones each other's peers. Requires: nobody else knows them.
  static void join(UnixSocket& a, UnixSocket& b, const ucred& both);

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  void released(Description<P>& description) override;
  std::string fdinfo() const override;
  Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                    void* argument) override;

  Result<> bind(Process<P>& process, const sockaddr* address, socklen_t length) override;
  Result<> listen(Process<P>& process, int backlog) override;
  Result<> connect(Process<P>& process, Description<P>& description, const sockaddr* address,
                   socklen_t length) override;
  Result<Open<P>> accept(Process<P>& process, Description<P>& description, sockaddr* address,
                         socklen_t* length, int flags) override;
  Count sendmsg(Process<P>& process, Description<P>& description, const msghdr& message,
                int flags) override;
  Count recvmsg(Process<P>& process, Description<P>& description, msghdr& message,
                int flags) override;
  Result<> shutdown(int how) override;
  Result<> getsockopt(int level, int name, void* value, socklen_t* length) override;
  Result<> setsockopt(int level, int name, const void* value, socklen_t length) override;
  Result<> getsockname(sockaddr* address, socklen_t* length) override;
  Result<> getpeername(sockaddr* address, socklen_t* length) override;

 private:
  enum class State { closed, listening, established };
  static constexpr unsigned way_in = 1, way_out = 2;  // Of what was shut down.
  static constexpr unsigned both_ways = way_in | way_out;

  using Lock = std::unique_lock<typename P::Lock>;
  using Leftovers = UnixLeftovers<P>;
  using Message = UnixMessage<P>;
  using Place = typename UnixMessages<P>::iterator;
  struct Reading;  // One receiving call on a stream.

  // Hands a wake-up for room at the receiver on to a datagram socket's own waiters, once.
  struct Relay final : WaitEntry {
    explicit Relay(UnixSocket& self) : of(self) {}
    Woke woken(Mask key) override {
      this->unlink();
      of.waiters_.wake(key);
      return Woke::nobody;
    }
    UnixSocket& of;
  };

  // Once it may block: when it stops; nullopt is never.
  struct Patience {
    bool may_block;
    std::optional<TimePoint> deadline;
  };
  Patience patience(Process<P>& process, bool may_block, std::optional<Duration> limit) const;

  // One sending call.
  struct Sending {
    Lock& lock;
    internal::IovecCursor from;
    UnixAncillary<P>& ancillary;
    Patience patience;
    UnixSocket* other;
  };

  // ---- unix_socket.cpp --------------------------------------------------------------------------
  bool is_stream() const { return type_ == SOCK_STREAM; }
  bool makes_connections() const { return type_ != SOCK_DGRAM; }
  bool is_writable(std::size_t base = 1) const;
  bool is_crowded() const { return queue_.size() + pending_.size() > backlog_; }
  Mask poll_common() const;
  bool may_write_to_peer();
  Result<> take_error();
  Result<> autobind_for_credentials();
  Result<Ref<UnixSocket>> find(const UnixName& name) const;
  void end(Leftovers& left, bool was_never_accepted);
  void tell_of_end(UnixSocket& peer, bool with_error);

  // Messages, their cost, and who is told of them.
  void uncharge(std::size_t cost);
  void room_freed();  // As uncharge, of nothing: what a failed call had taken and gives back.
  void arrived(Message message);
  void sign(Process<P>& process, const UnixSocket& receiver, Message& message);
  void discard(Place at, Leftovers& left);
  Result<> wait_for_room(Process<P>& process, Lock& lock, const Patience& patience);
  Result<> hand_over(Process<P>& process, UnixReceipt<P>& receipt, msghdr& message, int flags);

  // ---- unix_connection.cpp ----------------------------------------------------------------------
  Result<> connect_to_listener(Process<P>& process, const UnixName& name, Patience patience);
  void admit(UnixSocket& client, const ucred& credentials);

  // ---- unix_stream.cpp --------------------------------------------------------------------------
  Count send_stream(Process<P>& process, Description<P>& description, const msghdr& message,
                    int flags);
  Result<> send_part(Process<P>& process, Sending& sending, std::size_t size, bool is_urgent);
  Count receive_stream(Process<P>& process, Description<P>& description, msghdr& message,
                       int flags);
  Count receive_urgent(internal::IovecCursor& into, int flags, Leftovers& left);
  bool read_once(Reading& reading, Leftovers& left);
  bool read_from(Place at, Reading& reading, Leftovers& left);
  bool wait_for_stream(Reading& reading);
  Place past_urgent(Place at, const Reading& reading, Leftovers& left);

  // ---- unix_datagram.cpp ------------------------------------------------------------------------
  Result<> connect_datagram(const sockaddr* address, socklen_t length);
  void set_peer(Ref<UnixSocket> peer, Leftovers& left);
  bool may_send_to(const UnixSocket& other) const;
  Count send_packet(Process<P>& process, Description<P>& description, const msghdr& message,
                    int flags);
  Result<> deliver_packet(Process<P>& process, Sending& sending,
                          const std::optional<UnixName>& name, Leftovers& left);
  Result<Ref<UnixSocket>> receiver_with_room(Process<P>& process, Sending& sending,
                                             const std::optional<UnixName>& name, Leftovers& left);
  Result<bool> try_receiver(Process<P>& process, Sending& sending, UnixSocket& other,
                            Leftovers& left);
  Count receive_packet(Process<P>& process, Description<P>& description, msghdr& message,
                       int flags);
  Result<bool> wait_for_packet(Process<P>& process, Lock& lock, const Patience& patience);
  void peer_has_gone(Leftovers& left);
  void lost_peer(UnixSocket& old_peer, Leftovers& left);
  bool waits_for_room_at(UnixSocket& other);
  void stop_relay_and_tell();

  // ---- unix_options.cpp -------------------------------------------------------------------------
  Result<int> option(int name);
  Result<> set_option(int name, int value);
  Result<std::size_t> unread() const;
  bool is_at_mark() const;

  System<P>& system_;
  const int type_;
  State state_ = State::closed;
  unsigned shut_ = 0;
  bool is_dead_ = false;      // Its description has ended.
  bool was_accepted_ = true;  // Not so while it waits in a listener's queue.
  int error_ = 0;             // SO_ERROR.
  UnixName name_;
  Ref<UnixSocket> peer_;
  WaitQueue waiters_;
  WaitQueue room_waiters_;
  Relay relay_{*this};  // In the room_waiters_ of a peer that is crowded.

  UnixMessages<P> queue_;
  std::deque<Ref<UnixSocket>> pending_;  // Of a listener: connected, not yet accepted.
  std::size_t backlog_;
  std::uint64_t arrivals_ = 0;  // How often something was put in the queue.
  Message* urgent_ = nullptr;   // In the queue: the byte that was sent with MSG_OOB last.

  std::size_t skipped_ = 0;  // Urgent bytes that were never read.
  std::size_t charged_ = 0;  // The cost of what it sent and nobody has consumed.
  std::size_t send_buffer_ = 212'992;
  std::size_t receive_buffer_ = 212'992;
  int receive_low_ = 1;
  std::optional<Duration> receive_limit_, send_limit_;  // SO_RCVTIMEO, SO_SNDTIMEO.
  linger linger_{};
  std::uint32_t switches_ = 0;  // The options that are only remembered, a bit each.
  bool wants_credentials_ = false;
  bool urgent_inline_ = false;
  ucred peer_credentials_ = no_credentials;
};

}  // namespace tocsin::vkern
