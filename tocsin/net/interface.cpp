// SPDX-License-Identifier: MIT
#include "tocsin/net/interface.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

#include "tocsin/kern/fd.hpp"

namespace tocsin {
namespace {

// "Linux supports some standard ioctls to configure network devices. They can be used on any
// socket's file descriptor regardless of the family or type" (netdevice(7)).
Result<> ask(Kernel& kernel, unsigned long request, ifreq& argument) {
  const auto any = own(kernel, kernel.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!any) return std::unexpected(any.error());
  const auto done = kernel.ioctl(any->get(), request, &argument);
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace

LinkAddress LinkAddress::from(ByteView bytes) {
  LinkAddress address;
  address.size_ = static_cast<std::uint8_t>(std::min(bytes.size(), longest));
  std::ranges::copy(bytes.first(address.size_), address.bytes_.begin());
  return address;
}

std::string LinkAddress::text() const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes()) {
    if (!text.empty()) text += ':';
    text += digits[std::to_integer<unsigned>(byte >> 4)];
    text += digits[std::to_integer<unsigned>(byte & std::byte{15})];
  }
  return text;
}

Result<unsigned> interface_index(Kernel& kernel, std::string_view name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) return std::unexpected(Errno::invalid);
  std::ranges::copy(name, request.ifr_name);
  if (auto done = ask(kernel, SIOCGIFINDEX, request); !done) return std::unexpected(done.error());
  return static_cast<unsigned>(request.ifr_ifindex);
}

Result<std::string> interface_name(Kernel& kernel, unsigned index) {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(index);
  if (auto done = ask(kernel, SIOCGIFNAME, request); !done) return std::unexpected(done.error());
  const std::string_view stored(request.ifr_name, sizeof request.ifr_name);
  return std::string(stored.substr(0, stored.find('\0')));
}

}  // namespace tocsin
