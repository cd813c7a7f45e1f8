// SPDX-License-Identifier: MIT
#include "tocsin/net/udp_batch.hpp"

#include <netinet/udp.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tocsin/base/check.hpp"

namespace tocsin {

std::uint16_t internal::segment_size_of(const msghdr& message) {
  if (message.msg_controllen == 0) return 0;
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_UDP || header->cmsg_type != UDP_GRO) return 0;
  int size = 0;  // udp(7) calls it an int.
  std::memcpy(&size, CMSG_DATA(header), sizeof size);
  return static_cast<std::uint16_t>(size);
}

bool internal::may_be_anothers(Errno error) {
  return error != Errno{EMSGSIZE} && error != Errno::again;
}

// ---- receiving ----------------------------------------------------------------------------------

DatagramBatch::DatagramBatch(std::size_t most, std::size_t bytes_each)
    : bytes_each_(bytes_each),
      memory_(std::make_unique_for_overwrite<std::byte[]>(most * bytes_each)),
      slots_(most),
      messages_(most) {
  CHECK(most >= 1 && most <= 1024, "a batch has 1 to 1024 datagrams");
}

// The kernel writes what it used over what there was: so it is said anew before every call.
std::span<mmsghdr> DatagramBatch::prepare() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    slot.part = {.iov_base = memory_.get() + i * bytes_each_, .iov_len = bytes_each_};
    msghdr& message = messages_[i].msg_hdr;
    message.msg_name = &slot.from;
    message.msg_namelen = sizeof slot.from;
    message.msg_iov = &slot.part;
    message.msg_iovlen = 1;
    message.msg_control = slot.control;
    message.msg_controllen = sizeof slot.control;
    message.msg_flags = 0;
  }
  return messages_;
}

BatchedDatagram DatagramBatch::operator[](std::size_t index) const {
  CHECK(index < size_, "the batch holds fewer datagrams");
  const mmsghdr& one = messages_[index];
  const auto* const from = static_cast<const sockaddr*>(one.msg_hdr.msg_name);
  return {.bytes = {memory_.get() + index * bytes_each_, one.msg_len},
          .from = Address::from(from, one.msg_hdr.msg_namelen),
          .truncated = (one.msg_hdr.msg_flags & MSG_TRUNC) != 0,
          .segment_size = internal::segment_size_of(one.msg_hdr)};
}

bool ReceiveBatchOperation::attempt() {
  FdSource& from = source();
  while (from.may_spend()) {
    const std::span<mmsghdr> messages = into_->prepare();
    const Count count = from.kernel().recvmmsg(from.fd(), messages, 0);
    if (count) {
      std::size_t bytes = 0;
      for (const mmsghdr& one : messages.first(*count)) bytes += one.msg_len;
      from.spend(bytes);
      into_->size_ = *count;
      return true;
    }
    if (!skip_errors_ || count.error() == Errno::again) return refused(count.error());
    from.spend(0);
  }
  return false;
}

// ---- sending ------------------------------------------------------------------------------------

// At most as many as fit on the stack with ease: beyond, a system call more is nothing.
Count SendBatchOperation::send_some() {
  constexpr std::size_t most = 32;
  struct Slot {
    iovec part;
    alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(std::uint16_t))];
  };
  std::array<Slot, most> slots;
  std::array<mmsghdr, most> messages{};
  const std::size_t count = std::min(most, left_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const OutgoingDatagram& one = left_[i];
    msghdr& message = messages[i].msg_hdr;
    slots[i].part = {.iov_base = const_cast<std::byte*>(one.bytes.data()),
                     .iov_len = one.bytes.size()};
    message.msg_iov = &slots[i].part;
    message.msg_iovlen = 1;
    if (one.to.size() != 0) {
      message.msg_name = const_cast<sockaddr*>(one.to.data());
      message.msg_namelen = one.to.size();
    }
    if (one.segment_size == 0) continue;
    message.msg_control = slots[i].control;
    message.msg_controllen = sizeof slots[i].control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof one.segment_size);
    std::memcpy(CMSG_DATA(header), &one.segment_size, sizeof one.segment_size);
  }
  return source().kernel().sendmmsg(source().fd(), std::span(messages).first(count), MSG_NOSIGNAL);
}

bool SendBatchOperation::attempt() {
  FdSource& to = source();
  while (!left_.empty()) {
    if (!to.may_spend()) return false;
    const Count count = send_some();
    if (count) {
      std::size_t bytes = 0;
      for (const OutgoingDatagram& one : left_.first(*count)) bytes += one.bytes.size();
      to.spend(bytes);
      sent_ += *count;
      left_ = left_.subspan(*count);
    } else {
      if (!skip_errors_ || !internal::may_be_anothers(count.error())) return refused(count.error());
      skip_errors_ = false;
      to.spend(0);
    }
  }
  return true;
}

}  // namespace tocsin
