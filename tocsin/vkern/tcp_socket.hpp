// SPDX-License-Identifier: MIT
//
// TcpSocket: a TCP socket over the loopback (tcp(7)): a listener, an end of a connection, or
// neither.
//
//     sendmsg ──> outbox_ ──room of the peer──> peer's inbox_ ──> recvmsg
//
// There are no segments: a connection is two sockets that refer to each other, and what one does
// the other is told at once, as if each packet arrived within the call that sent it. The states are
// the kernel's own, so every mask and errno comes from the same conditions as there.
//
// Sizes, where Linux tunes itself, are fixed. The receiver takes half of its SO_RCVBUF (65,536
// bytes unless set) before the rest stays with the sender, and says so when half of that is free
// again; the sender keeps as many bytes as its SO_SNDBUF says (2,626,560 unless set, what Linux
// comes to on a loopback) before it blocks. Data that MSG_MORE, TCP_CORK or Nagle's algorithm would
// hold back goes out at once: they change when a peer sees it, not what it sees.
//
// tcp_socket.cpp holds what changes the state by calls, tcp_states.cpp what the network does,
// tcp_transfer.cpp sending and reading, tcp_options.cpp what is asked for.
//
// Ownership: counted. Both ends of a connection, and a listener and what waits to be accepted,
// refer to each other until either is over; a closed socket with bytes to deliver lives by its
// peer. Thread rule: as the policy.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "tocsin/vkern/inet_socket.hpp"
#include "tocsin/vkern/tcp_buffers.hpp"
#include "tocsin/vkern/world.hpp"

namespace tocsin::vkern {

/// As struct tcp_info counts them (tcp(7)).
enum class TcpState : std::uint8_t {
  established = 1,
  syn_sent = 2,
  fin_wait1 = 4,
  fin_wait2 = 5,
  closed = 7,  // TIME_WAIT as well, for whoever still has the descriptor.
  close_wait = 8,
  last_ack = 9,
  listening = 10,
  closing = 11,
};

template <class P>
class TcpSocket final : public InetSocket<P>, public Alarmed {
 public:
  TcpSocket(System<P>& system, int its_domain);
  ~TcpSocket() override = default;

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
  Result<> getpeername(sockaddr* address, socklen_t* length) override;

  Mask poll(Description<P>& description, PollTable* table, Mask requested) override;
  Result<int> ioctl(Process<P>& process, Description<P>& description, unsigned long request,
                    void* argument) override;
  void released(Description<P>& description) override;

  /// A SYN that found no room is sent again.
  void alarm(std::uint64_t number) override;
  void add_alarm_ref() override { this->add_ref(); }
  void drop_alarm_ref() override { Ref<TcpSocket>::adopt(this); }

 private:
  using Base = InetSocket<P>;
  using Base::error_;
  using Base::queue_;
  using Base::shut_;
  using typename Base::HeldLock;

  // How far connect(2) has come, which it answers by: not the same as the connection's state.
  // One that was shut down before connect(2) was asked how it went is spent: EINVAL from then on.
  enum class Phase { unconnected, connecting, connected, spent };

  // What one recvmsg(2) has got so far.
  struct Reading;

  // ---- calls (tcp_socket.cpp); under the lock, as all that follows
  bool may_bind() const override { return state_ == TcpState::closed && this->occupied == 0; }
  Result<> begin_connect(Endpoint to);
  Result<> wait_for_connection(HeldLock& lock, bool may_block);
  void become_child_of(const TcpSocket& listener, TcpSocket& client);
  void close_gracefully();
  void wait_for_close(HeldLock& lock);

  // ---- the connection (tcp_states.cpp)
  void knock();
  void try_again_later();
  void try_again_after(Duration pause);
  void stop_trying();
  TcpSocket* find_listener() const;
  TcpSocket* find_other_end() const;
  void meet(TcpSocket& other);
  void establish(TcpSocket& listener);
  void become_established();
  bool is_backlog_full() const { return accept_queue_.size() > backlog_; }
  void stop_listening();
  bool begin_to_finish();
  void fin_was_acknowledged();
  void receive_fin();
  void be_reset(std::size_t in_flight = 0);
  void reset_peer();
  void disconnect();
  void enter_time_wait();
  void finish();
  void become_closed();
  void cut();

  // ---- data (tcp_transfer.cpp)
  void push();
  void receive(TcpSocket& from, std::size_t count);
  void announce_room();
  std::size_t window() const { return static_cast<std::size_t>(this->options.receive_buffer) / 2; }
  std::size_t room() const { return window() > inbox_.size() ? window() - inbox_.size() : 0; }
  std::size_t send_capacity() const { return static_cast<std::size_t>(this->options.send_buffer); }
  bool has_send_space() const { return outbox_.size() < send_capacity(); }
  bool is_writable() const;
  bool is_readable(std::size_t low_water) const;
  bool is_inline() const { return this->options.oob_inline != 0; }
  std::size_t unacknowledged() const;
  std::size_t unsent() const;
  std::unexpected<Errno> send_error();
  Result<> wait_to_send(HeldLock& lock, bool may_block);
  bool wait_for_send_space(HeldLock& lock, bool may_block);
  Count send_all(HeldLock& lock, ByteView bytes, bool may_block);
  Count receive_urgent(std::span<const iovec> parts, msghdr& message, int flags);
  Count receive_bytes(HeldLock& lock, Reading& reading, bool may_block);
  std::optional<Count> nothing_to_read(const Reading& reading, bool may_block);
  bool wait_for_bytes(HeldLock& lock, Reading& reading, std::optional<TimePoint> deadline);

  // ---- options (tcp_options.cpp)
  std::optional<Result<>> set_own_option(int level, int name, const void* value,
                                         socklen_t length) override;
  std::optional<Result<>> own_option(int level, int name, void* value, socklen_t* length) override;
  void receive_buffer_changed() override { announce_room(); }
  void set_low_water(int wanted);

  TcpState state_ = TcpState::closed;
  Phase phase_ = Phase::unconnected;
  bool is_orphan_ = false;      // Closed: nobody is told any more.
  bool has_fin_ = false;        // The peer's has arrived.
  bool fin_is_queued_ = false;  // Ours waits behind the outbox.
  bool wants_space_ = false;    // Somebody saw it unwritable: tell when it no longer is.
  Ref<TcpSocket> peer_;         // While bytes can go either way.
  TcpInbox inbox_;
  TcpOutbox outbox_;

  // What SIOCOUTQ and SIOCOUTQNSD tell of a connection that is over: Linux subtracts sequence
  // numbers, whether anybody will ever acknowledge them or not, and skips some for a new beginning.
  std::size_t unacknowledged_ = 0;
  std::size_t unsent_ = 0;
  bool had_window_ = false;

  std::size_t backlog_ = 0;
  std::deque<Ref<TcpSocket>> accept_queue_;

  std::uint64_t next_try_ = 0;  // The alarm; 0: none.
  int tries_ = 0;
};

}  // namespace tocsin::vkern
