// SPDX-License-Identifier: MIT
//
// What the receiving ops of a UnixReplay do: bytes, names, flags, control messages and what is in
// them. The tests that use it are in unix_differential_test.cpp.
#include <unistd.h>

#include <cstring>

#include "tocsin/vkern/unix_replay_testing.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::array receive_flags{0,
                                   0,
                                   0,
                                   0,
                                   int{MSG_PEEK},
                                   int{MSG_TRUNC},
                                   int{MSG_PEEK} | int{MSG_TRUNC},
                                   int{MSG_OOB},
                                   int{MSG_OOB} | int{MSG_PEEK},
                                   int{MSG_WAITALL},
                                   int{MSG_CMSG_CLOEXEC}};

}  // namespace

std::string UnixReplay::receive(const UnixOp& op) {
  std::vector<std::byte> into(one_of(lengths, op.value));
  const int flags = one_of(receive_flags, op.value >> 32);
  const Count count = kernel_.recv(fd_of(op.fd), into, flags);
  const auto bytes = std::span(into).first(std::min(into.size(), count.value_or(0)));
  return words("receive ", into.size(), " flags ", flags, " ",
               told(op, count.as_kernel(), words(" sum ", sum_of(bytes))));
}

std::string UnixReplay::read(const UnixOp& op) {
  std::vector<std::byte> into(one_of(lengths, op.value));
  const Count count = kernel_.read(fd_of(op.fd), into);
  const auto bytes = std::span(into).first(count.value_or(0));
  return words("read ", into.size(), " ",
               told(op, count.as_kernel(), words(" sum ", sum_of(bytes))));
}

std::string UnixReplay::control_messages(msghdr& message) {
  std::ostringstream text;
  text << " control " << message.msg_controllen;
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    text << " [" << one->cmsg_len << ' ' << one->cmsg_level << ' ' << one->cmsg_type;
    if (one->cmsg_type == SCM_RIGHTS) {
      for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= one->cmsg_len; at += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, reinterpret_cast<const std::byte*>(one) + at, sizeof fd);
        const auto flags = kernel_.fcntl(fd, F_GETFD, 0);
        text << ' ' << made(fd) << " flags " << flags.value_or(-1);
      }
    } else if (one->cmsg_len == CMSG_LEN(sizeof(ucred))) {
      ucred from{};
      std::memcpy(&from, CMSG_DATA(one), sizeof from);
      const bool is_own = from.uid == 0 || from.uid == ::getuid();
      text << (from.pid == kernel_.getpid() ? " self "
               : from.pid == 0              ? " nobody "
                                            : " other ")
           << (is_own ? "own" : std::to_string(from.uid));
    }
    text << ']';
  }
  return text.str();
}

std::string UnixReplay::receive_message(const UnixOp& op) {
  std::vector<std::byte> into(one_of(lengths, op.value));
  alignas(cmsghdr) std::array<std::byte, 128> control{};
  std::array<char, 128> name{};
  const std::size_t half = into.size() / 2;
  std::array<iovec, 2> pieces{iovec{.iov_base = into.data(), .iov_len = half},
                              iovec{.iov_base = into.data() + half, .iov_len = into.size() - half}};
  msghdr message{};
  message.msg_name = name.data();
  message.msg_namelen = name.size();
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  message.msg_control = op.other % 8 == 7 ? nullptr : control.data();
  message.msg_controllen =
      one_of(std::array<std::size_t, 9>{128, 128, 128, 0, 8, 16, 20, 24, 32}, op.other >> 8);
  const int flags = one_of(receive_flags, op.value >> 32);
  const std::string how = words("receive message ", into.size(), " room ", message.msg_controllen,
                                " flags ", flags, " ");
  const Count count = kernel_.recvmsg(fd_of(op.fd), message, flags);
  if (!count) return how + told(op, count.as_kernel());
  const auto bytes = std::span(into).first(std::min(into.size(), *count));
  return words(how, told(op, count.as_kernel(), words(" sum ", sum_of(bytes))), " from ",
               text_of(name.data(), message.msg_namelen, name.size()), " flags ", message.msg_flags,
               control_messages(message));
}

}  // namespace tocsin::vkern
