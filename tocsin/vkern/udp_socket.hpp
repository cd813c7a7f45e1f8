// SPDX-License-Identifier: MIT
//
// UdpSocket: datagrams over the loopback, each whole or not at all (udp(7)).
//
//     sendmsg ──port table──> receiver's queue ──> recvmsg
//                 └─ nobody there: ECONNREFUSED, pending on a sender that is connected
//
// A datagram counts for as much as the kernel's buffer for it is large; one that comes when the
// receiver's SO_RCVBUF is spent is dropped, as the manual warns. The kernel gives the room of what
// was read back late, in portions of a quarter of the whole, which is kept to: how many datagrams
// fit is something a program can see.
//
// Ownership: counted. Thread rule: as the policy.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "tocsin/vkern/inet_socket.hpp"

namespace tocsin::vkern {

template <class P>
class UdpSocket final : public InetSocket<P> {
 public:
  UdpSocket(System<P>& system, int its_domain);
  ~UdpSocket() override = default;

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

 private:
  using Base = InetSocket<P>;
  using Base::error_;
  using Base::queue_;
  using Base::shut_;
  using typename Base::HeldLock;

  struct Datagram {
    std::vector<std::byte> bytes;
    Endpoint from;
    int charge;  // Of the receive buffer.
  };

  bool may_bind() const override { return !is_connected() && this->occupied == 0; }
  std::optional<Result<>> set_own_option(int level, int name, const void* value,
                                         socklen_t length) override;
  std::optional<Result<>> own_option(int level, int name, void* value, socklen_t* length) override;

  bool is_connected() const { return is_connected_; }
  void disconnect();
  Result<Endpoint> read_peer(const sockaddr* address, socklen_t length) const;
  Result<Endpoint> destination(const msghdr& message) const;
  UdpSocket* find_receiver(Endpoint to, Endpoint from) const;
  int score(const PortUser& user, Endpoint to, Endpoint from) const;
  void receive(Endpoint from, std::vector<std::byte>&& bytes);
  std::optional<Errno> wait_for_datagram(HeldLock& lock, bool may_block);
  Count deliver(const Datagram& datagram, std::span<const iovec> parts, msghdr& message,
                int flags) const;
  Datagram take_first();

  bool is_connected_ = false;  // To port 0 as well, which nobody has.
  std::deque<Datagram> datagrams_;
  std::size_t fetched_ = 0;  // So many were there when a reader last looked for more.
  int charged_ = 0;
  int owed_ = 0;  // Read, but not given back yet.
};

}  // namespace tocsin::vkern
