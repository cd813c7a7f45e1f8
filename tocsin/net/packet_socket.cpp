// SPDX-License-Identifier: MIT
#include "tocsin/net/packet_socket.hpp"

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tocsin/net/internal/socket_option.hpp"

namespace tocsin {
namespace {

using internal::set_option;

sockaddr_ll place_of(const PacketOptions& options) {
  sockaddr_ll place{};
  place.sll_family = AF_PACKET;
  place.sll_protocol = htons(options.protocol);
  place.sll_ifindex = static_cast<int>(options.interface);
  return place;
}

Result<> prepare(Kernel& kernel, int fd, const PacketOptions& options) {
  if (auto done = set_option(kernel, fd, SOL_PACKET, PACKET_AUXDATA, 1); !done) return done;
  if (auto done = set_option(kernel, fd, SOL_SOCKET, SO_TIMESTAMPNS, 1); !done) return done;
  if (options.receive_buffer != 0)
    if (auto done = internal::set_receive_buffer(kernel, fd, options.receive_buffer); !done)
      return done;
  if (!options.promiscuous) return {};
  if (options.interface == 0) return std::unexpected(Errno::invalid);
  packet_mreq membership{};
  membership.mr_ifindex = static_cast<int>(options.interface);
  membership.mr_type = PACKET_MR_PROMISC;
  return set_option(kernel, fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership);
}

// A T at the head of a control message; none if it is too short for one.
template <class T>
std::optional<T> data_of(const cmsghdr& header) {
  if (header.cmsg_len < CMSG_LEN(sizeof(T))) return std::nullopt;
  T data;
  std::memcpy(&data, CMSG_DATA(&header), sizeof data);
  return data;
}

void note_control(msghdr& message, Frame& frame) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPNS)
      frame.time = data_of<timespec>(*header).value_or(timespec{});
    if (header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA) continue;
    const auto data = data_of<tpacket_auxdata>(*header);
    if (!data) continue;
    frame.checksummed = (data->tp_status & TP_STATUS_CSUMNOTREADY) == 0;
    if ((data->tp_status & TP_STATUS_VLAN_VALID) != 0) frame.vlan = data->tp_vlan_tci;
  }
}

void note_place(const sockaddr_ll& place, Frame& frame) {
  frame.interface = static_cast<unsigned>(place.sll_ifindex);
  frame.protocol = ntohs(place.sll_protocol);
  frame.hardware_type = place.sll_hatype;
  frame.direction = static_cast<FrameDirection>(std::min<unsigned>(place.sll_pkttype, 4));
  const auto address = std::as_bytes(std::span(place.sll_addr));
  frame.from = LinkAddress::from(address.first(std::min<std::size_t>(place.sll_halen, 8)));
}
static_assert(PACKET_HOST == 0 && PACKET_BROADCAST == 1 && PACKET_MULTICAST == 2 &&
              PACKET_OTHERHOST == 3 && PACKET_OUTGOING == 4);

}  // namespace

// The protocol is given to bind(2), not to socket(2), which would begin at once, on all interfaces:
// "if no packets are to be received, pass protocol zero" (packet(7)).
Result<PacketSocket> PacketSocket::create(Loop& loop, const PacketOptions& options,
                                          std::source_location where) {
  Kernel& kernel = loop.kernel();
  const int type = (options.link_header ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  auto fd = own(kernel, kernel.socket(AF_PACKET, type, 0));
  if (!fd) return std::unexpected(fd.error());
  if (auto done = prepare(kernel, fd->get(), options); !done) return std::unexpected(done.error());
  const sockaddr_ll place = place_of(options);
  if (auto done = kernel.bind(fd->get(), reinterpret_cast<const sockaddr*>(&place), sizeof place);
      !done)
    return std::unexpected(done.error());
  auto source = FdSource::create(loop, std::move(*fd), "packet", where);
  if (!source) return std::unexpected(source.error());
  return PacketSocket(std::move(*source));
}

// "Receiving statistics resets the internal counters" (packet(7), PACKET_STATISTICS).
Result<PacketStatistics> PacketSocket::statistics() {
  tpacket_stats since{};
  socklen_t size = sizeof since;
  if (auto done = source_->kernel().getsockopt(fd(), SOL_PACKET, PACKET_STATISTICS, &since, &size);
      !done)
    return std::unexpected(done.error());
  total_.seen += since.tp_packets;
  total_.dropped += since.tp_drops;
  return total_;
}

bool ReceiveFrame::attempt() {
  FdSource& from = source();
  Buffer buffer = from.loop().buffers().take();
  const MutableBytes room = buffer.room();
  iovec part{.iov_base = room.data(), .iov_len = room.size()};
  sockaddr_ll place{};
  alignas(cmsghdr) std::array<std::byte, 128> control;
  msghdr message{};
  message.msg_name = &place;
  message.msg_namelen = sizeof place;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();

  // MSG_TRUNC here: "return the real length of the packet" (recv(2)).
  const auto length = from.kernel().recvmsg(from.fd(), message, MSG_TRUNC);
  if (!length) return refused(length.error());
  const std::size_t kept = std::min(*length, room.size());
  from.spend(kept);
  buffer.fill(kept);
  frame_.bytes = std::move(buffer);
  frame_.length = *length;
  frame_.truncated = kept < *length;
  note_place(place, frame_);
  note_control(message, frame_);
  return true;
}

}  // namespace tocsin
