// SPDX-License-Identifier: MIT
#include "tocsin/vkern/unix_ancillary.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "tocsin/vkern/process.hpp"

namespace tocsin::vkern {
namespace {

constexpr std::size_t most_files = 253;  // SCM_MAX_FD (unix(7)).
constexpr std::unexpected invalid{Errno::invalid};

template <class P>
Result<> take_files(Process<P>& process, std::span<const std::byte> data,
                    std::vector<Open<P>>& files) {
  const std::size_t count = data.size() / sizeof(int);
  if (count > most_files || files.size() + count > most_files) return invalid;
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, data.data() + i * sizeof fd, sizeof fd);
    auto open = process.get(fd);
    if (!open) return std::unexpected(open.error());
    files.push_back(std::move(*open));
  }
  return {};
}

Result<> take_credentials(pid_t self, std::span<const std::byte> data, ucred& credentials) {
  if (data.size() != sizeof credentials) return invalid;
  ucred named{};
  std::memcpy(&named, data.data(), sizeof named);
  if (named.pid != self) return std::unexpected(Errno{ESRCH});
  credentials = named;
  return {};
}

// Control messages, as they are written one after the other into what room there is.
class ControlWriter {
 public:
  explicit ControlWriter(msghdr& message)
      : at_(static_cast<std::byte*>(message.msg_control)),
        left_(at_ == nullptr ? 0 : message.msg_controllen) {}

  bool is_wanted() const { return at_ != nullptr; }
  std::size_t left() const { return left_; }
  bool was_cut() const { return was_cut_; }
  void cut() { was_cut_ = true; }

  /// What has no room is cut off, in the middle of the data if need be.
  void write(int type, std::span<const std::byte> data) {
    if (left_ < sizeof(cmsghdr)) return cut();
    const std::size_t length = std::min(CMSG_LEN(data.size()), left_);
    if (length < CMSG_LEN(data.size())) cut();
    const cmsghdr header{.cmsg_len = length, .cmsg_level = SOL_SOCKET, .cmsg_type = type};
    std::memcpy(at_, &header, sizeof header);
    if (length > sizeof header)
      std::memcpy(at_ + sizeof header, data.data(), length - sizeof header);
    const std::size_t taken = std::min(CMSG_SPACE(data.size()), left_);
    at_ += taken;
    left_ -= taken;
  }

 private:
  std::byte* at_;
  std::size_t left_;
  bool was_cut_ = false;
};

template <class P>
void give_files(Process<P>& process, std::vector<Open<P>>& files, ControlWriter& writer,
                bool close_on_exec) {
  const std::size_t room =
      writer.left() <= sizeof(cmsghdr) ? 0 : (writer.left() - sizeof(cmsghdr)) / sizeof(int);
  std::vector<int> numbers;
  for (Open<P>& file : files) {
    if (numbers.size() == room) break;
    const auto fd = process.install(file, close_on_exec);
    if (!fd) break;
    numbers.push_back(*fd);
  }
  if (numbers.size() < files.size()) writer.cut();
  if (!numbers.empty()) writer.write(SCM_RIGHTS, std::as_bytes(std::span(numbers)));
}

}  // namespace

template <class P>
Result<UnixAncillary<P>> take_ancillary(Process<P>& process, const msghdr& message) {
  UnixAncillary<P> ancillary;
  if (message.msg_controllen == 0) return ancillary;
  if (message.msg_control == nullptr) return std::unexpected(Errno{EFAULT});
  std::span<const std::byte> left(static_cast<const std::byte*>(message.msg_control),
                                  message.msg_controllen);
  while (left.size() >= sizeof(cmsghdr)) {
    cmsghdr header{};
    std::memcpy(&header, left.data(), sizeof header);
    if (header.cmsg_len < sizeof header || header.cmsg_len > left.size()) return invalid;
    if (header.cmsg_level == SOL_SOCKET) {
      const auto data = left.subspan(sizeof header, header.cmsg_len - sizeof header);
      auto taken = Result<>(invalid);
      if (header.cmsg_type == SCM_RIGHTS) taken = take_files(process, data, ancillary.files);
      if (header.cmsg_type == SCM_CREDENTIALS)
        taken = take_credentials(process.getpid(), data, ancillary.credentials);
      if (!taken) return std::unexpected(taken.error());
    }
    left = left.subspan(std::min(CMSG_ALIGN(header.cmsg_len), left.size()));
  }
  return ancillary;
}

template <class P>
void give_ancillary(Process<P>& process, UnixAncillary<P>& ancillary, bool wants_credentials,
                    msghdr& message, int flags) {
  ControlWriter writer(message);
  if (!writer.is_wanted()) {
    if (wants_credentials || !ancillary.files.empty()) writer.cut();
  } else {
    if (wants_credentials) {
      constexpr uid_t overflow =
          65534;  // Of what has no number here (/proc/sys/kernel/overflowuid).
      ucred shown = ancillary.credentials;
      if (shown.uid == no_credentials.uid) shown.uid = overflow;
      if (shown.gid == no_credentials.gid) shown.gid = overflow;
      writer.write(SCM_CREDENTIALS, std::as_bytes(std::span(&shown, 1)));
    }
    if (!ancillary.files.empty())
      give_files(process, ancillary.files, writer, (flags & MSG_CMSG_CLOEXEC) != 0);
  }
  message.msg_controllen = writer.is_wanted() ? message.msg_controllen - writer.left() : 0;
  if (writer.was_cut()) message.msg_flags |= MSG_CTRUNC;
  ancillary.files.clear();
}

template Result<UnixAncillary<Single>> take_ancillary(Process<Single>&, const msghdr&);
template Result<UnixAncillary<Threads>> take_ancillary(Process<Threads>&, const msghdr&);
template void give_ancillary(Process<Single>&, UnixAncillary<Single>&, bool, msghdr&, int);
template void give_ancillary(Process<Threads>&, UnixAncillary<Threads>&, bool, msghdr&, int);

}  // namespace tocsin::vkern
